-- The clock of an instance, for others to read; never of one that has expired.

local key, offset = P .. 's:' .. arg(), arg()

if call('EXISTS', key) == 1 then
	call('HSET', key, 'offset', offset)
end
return { 'ok' }
