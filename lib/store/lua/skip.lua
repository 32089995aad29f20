-- STORE_SKIP: instants that are not run.

local a = {}
for _, name in ipairs({ 'keep', 'age', 'id', 'job', 'kind', 'host', 'shared',
	'sched', 'before', 'to', 'gap', 'done', 'reason', 'count', 'error' }) do
	a[name] = arg()
end
a.fields = rest()
local key = P .. 'j:' .. a.job

if is_foreign() then
	return { 'schema', schema }
end

-- Nobody has recorded it yet: then it is this one's.
local function take_gap()
	local list, found = {}, false
	for one in (call('HGET', key, 'gaps') or ''):gmatch('%S+') do
		if one == a.gap then
			found = true
		else
			list[#list + 1] = one
		end
	end
	if not found then
		return false
	end
	call('HDEL', key, 'gaps')
	if #list > 0 then
		call('HSET', key, 'gaps', table.concat(list, ' '))
	end
	return true
end

-- Nobody has claimed it or settled it: then it is this one's.
local function take_instant()
	local now = clock()
	local last = read_last(key, now)
	local sched = tonumber(a.sched)
	if sched > now or (last and sched <= last) then
		return false
	end
	insist()
	advance(key, last, math.max(sched, tonumber(a.to) or sched), a.before, '')
	return true
end

local function forward()
	local own = key .. '@' .. a.host
	local last = tonumber(call('HGET', own, 'last'))
	if a.to ~= '' and (not last or tonumber(a.to) > last) then
		insist()
		call('HSET', own, 'last', a.to, 'rid', '')
		call('PEXPIRE', own, 400 * DAY)
	end
end

local is_ours = true
if a.shared ~= '1' then
	forward()
elseif a.gap ~= '' then
	is_ours = take_gap()
elseif a.sched ~= '' then
	is_ours = take_instant()
end
if not is_ours then
	return { 'lost' }
end
if tonumber(a.count) > 0 then
	record_skip(a)
	sign()
	know_job(a.job, a.kind)
	sweep(a.age, a.done)
end
return { 'ok' }
