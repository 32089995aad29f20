-- Who holds it.

local lock = P .. 'lock:' .. arg()
local l = call('HMGET', lock, 'token', 'sid', 'fence', 'holder')

if not l[1] or is_left(l[1], l[2]) then
	return { 'free' }
end
return { 'held', l[3], l[4], call('PTTL', lock) }
