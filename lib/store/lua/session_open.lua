-- A session begins, or begins again with the same id where the answer was
-- lost. Those that are named are over: what they ran is lost.

local sid, ttl, over = arg(), arg(), tonumber(arg())

if is_foreign() then
	return { 'schema', schema }
end
insist()
for _ = 1, over do
	call('DEL', P .. 's:' .. arg())
end
sign()
call('HSET', P .. 's:' .. sid, unpack(rest()))
call('PEXPIRE', P .. 's:' .. sid, ttl)
call('SADD', P .. 's', sid)

local others = 0
for _, one in ipairs(call('SMEMBERS', P .. 's')) do
	if one ~= sid and
	    call('HGET', P .. 's:' .. one, 'kind') == 'scheduler' then
		others = others + 1
	end
end
return { 'ok', others, clock() }
