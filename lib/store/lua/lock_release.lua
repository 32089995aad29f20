-- Given back, where the token holds it.

local lock = P .. 'lock:' .. arg()

if call('HGET', lock, 'token') ~= ARGV[2] then
	return 0
end
return call('DEL', lock)
