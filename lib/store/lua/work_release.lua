-- WORK_RELEASE: as if it had not been taken.

local limits, id, take = read_limits(), arg(), arg()

if is_foreign() then
	return { 'schema', schema }
end
local w = find(id)
if not w or w.take ~= take or w.own then
	return { 'lost' }
end
if w.state ~= 'running' then
	-- said before, and done
	return { (w.state == 'ready' or w.state == 'cancelled') and 'ok' or
	    'lost' }
end
local now = clock()
insist()
if w.told then
	cancel(w, nil, limits, now)
	return { 'ok' }
end
local due = tonumber(call('HGET', P .. 'w:' .. id, 'due')) or now
call('HSET', P .. 'w:' .. id, 'state', 'ready', 'n', digits(w.n - 1))
if w.n == '1' then
	call('HDEL', P .. 'w:' .. id, 'worker', 'fence')
end
leave(w)
make_ready(w.m, w.job, 'running', due - tonumber(w.lead), now)
ring()
return { 'ok' }
