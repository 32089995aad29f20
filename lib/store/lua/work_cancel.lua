-- WORK_CANCEL: by its user. What runs is told to end.

local limits, id = read_limits(), arg()

if is_foreign() then
	return { 'schema', schema }
end
local w = find(id)
if not w then
	return { 'lost' }
end
if w.state == 'ready' or w.state == 'delayed' then
	cancel(w, 'cancelled before it ran', limits, clock())
elseif w.state == 'running' then
	insist()
	call('HSET', P .. 'w:' .. id, 'told', '1')
	if w.sid then
		call('SADD', P .. 'told:' .. w.sid, id)
	end
	ring()
else
	return { 'lost', w.state }
end
return { 'ok', w.state }
