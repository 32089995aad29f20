-- STORE_LATE: is a job late, and have people been told?

local job, host, by_start = arg(), arg(), arg()
local before, first = arg(), arg()
local key = P .. 'j:' .. job

if is_foreign() then
	return { 'schema', schema }
end
local j = call('HMGET', key, 'success', 'last_run', 'late', 'last')

local function of(id, field)
	local at = id and call('HGET', P .. 'r:' .. id, field)
	return at and tonumber(at)
end

-- A run under way: its start, or whatever was settled since.
local function newest_start()
	local last = of(j[2], 'start')
	local live = of(call('ZREVRANGE', P .. 'v:' .. job, 0, 0)[1], 'start')
	if live then
		local own = call('HGET', key .. '@' .. host, 'last')
		live = math.max(live, tonumber(j[4] or live),
		    tonumber(own or live))
	end
	return last and live and math.max(last, live) or last or live
end

local last
if by_start == '1' then
	last = newest_start()
else
	last = of(j[1], 'end')
end
last = last or tonumber(first)
if j[3] or last >= tonumber(before) then
	return { 'ok', '0', digits(last) }
end
sign()
know_job(job, '')
call('HSET', key, 'late', before)
return { 'ok', '1', digits(last) }
