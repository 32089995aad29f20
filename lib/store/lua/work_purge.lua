-- WORK_PURGE: all in a state, some at a time. What waits ends as cancelled,
-- what has ended is forgotten.

local limits, state, most = read_limits(), arg(), tonumber(arg())

if is_foreign() then
	return { 'schema', schema }
end
local list, now = call('ZRANGE', P .. state, 0, most - 1), clock()
local is_waiting = state == 'ready' or state == 'delayed'
for _, m in ipairs(list) do
	local w = is_waiting and find(m:sub(17))
	if w then
		cancel(w, 'cancelled before it ran', limits, now)
	else
		forget(m, state)
	end
end
return { 'ok', #list, #list == most and
    call('ZCARD', P .. state) > 0 and 1 or 0 }
