-- A lock, for so long, by a token that its holder made; again by the same one.

local lock = P .. 'lock:' .. arg()
local token, ttl, holder = ARGV[2], ARGV[3], ARGV[4]

if is_foreign() then
	return { 'schema', schema }
end
local l = call('HMGET', lock, 'token', 'sid', 'fence', 'holder')
if l[1] == token and not l[2] then
	call('PEXPIRE', lock, ttl)
	return { 'taken', l[3] }
end
if l[1] and not is_left(l[1], l[2]) then
	return { 'held', l[3], l[4], call('PTTL', lock) }
end
-- The first write is one that a full memory refuses, and all goes with it.
local fence = digits(call('INCR', P .. 'fence'))
if l[1] then
	call('DEL', lock)
end
call('HSET', lock, 'token', token, 'holder', holder, 'fence', fence)
call('PEXPIRE', lock, ttl)
sign()
return { 'taken', fence }
