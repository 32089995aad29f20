-- STORE_WATERMARK. One that all share is set once. A job that is off keeps the
-- instant from which nothing is missed; back on, it goes on from there.

local job, kind, host, shared, to = arg(), arg(), arg(), arg(), arg()
local key = P .. 'j:' .. job
local own = key .. '@' .. host

if is_foreign() then
	return { 'schema', schema }
end
insist()
sign()
know_job(job, kind)
if shared ~= '1' then
	if to ~= '' then
		call('HSET', own, 'last', to, 'rid', '')
		call('PEXPIRE', own, 400 * DAY)
	else
		call('DEL', own)
	end
	return { 'ok' }
end
local now = clock()
local last = read_last(key, now)
local off = call('HGET', key, 'off')
if to == '' then
	if last and not off then
		call('HSET', key, 'off', digits(now))
	end
elseif not last then
	-- By a clock that is ahead, all would wait until it is that late here.
	call('HSET', key, 'last', digits(math.min(tonumber(to), now)), 'rid', '')
elseif off and tonumber(to) > tonumber(off) then
	advance(key, last, math.max(last, tonumber(to)), to, '')
end
return { 'ok' }
