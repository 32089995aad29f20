-- For so long from now on, where the token holds it. No memory is taken.

local lock = P .. 'lock:' .. arg()
local l = call('HMGET', lock, 'token', 'sid')

if l[1] ~= ARGV[2] or l[2] then
	return 0
end
return call('PEXPIRE', lock, ARGV[3])
