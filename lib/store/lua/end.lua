-- STORE_END: the end of a run, and its record.

local a = {}
for _, name in ipairs({ 'keep', 'age', 'id', 'job', 'kind', 'shared', 'sched',
	'before', 'status', 'took', 'again', 'done', 'reason', 'count', 'error',
	'output', 'head', 'tail' }) do
	a[name] = arg()
end
a.fields = rest()
local key = P .. 'r:' .. a.id

if is_foreign() then
	return { 'schema', schema }
end
local r = call('HMGET', key, 'status', 'sid', 'lock', 'fence')
if r[1] == 'lost' and a.reason == 'lost_lease' then
	-- Others took its instance for dead; it was not, and knows better why.
	insist()
	call('HSET', key, 'why', a.reason, 'error', a.error)
end
if (r[1] == 'lost' or r[1] == 'failed' and a.reason == 'crash') and
    (a.status == 'lost' or a.status == 'failed') then
	return { 'ok', tell_lost(a.job, a.id, a.status, a.again) }
end
if r[1] and not is_live(r[1]) or is_settled(a.job, a.id) then
	return { 'ok', tell_of(a.job, a.id, a.status) }
end

-- Its begin never came: then its instant is this one's to settle, unless
-- somebody has claimed it or settled it before.
local function take_instant()
	local j, now = P .. 'j:' .. a.job, clock()
	local sched = tonumber(a.sched)
	if a.shared ~= '1' or not sched then
		return true
	end
	local last = read_last(j, now)
	if sched > now or (last and sched <= last) then
		return false
	end
	advance(j, last, sched, a.before, '')
	return true
end

call('DEL', key)
drop_live(a.job, a.id, r[2], r[3])
local is_ours = r[1] or take_instant()
if a.status == 'skipped' and not is_ours then
	return { 'lost' }
end
sign()
know_job(a.job, a.kind)
if a.status == 'skipped' then
	record_skip(a)
	sweep(a.age, a.done)
	return { 'ok' }
end
call('HSET', key, unpack(a.fields))
if r[1] then
	call('HSET', key, 'fence', r[4] or '0')
else
	call('HDEL', P .. 'j:' .. a.job, 'skip')
end
if a.output == 'put' then
	call('HSET', P .. 'o:' .. a.id, 'head', a.head, 'tail', a.tail)
elseif a.output == 'drop' then
	call('DEL', P .. 'o:' .. a.id)
end
local answer = settle_end(a.job, a.id, a.status, a.took, a.keep, a.again)
sweep(a.age, a.done)
return { 'ok', answer }
