-- STORE_UPDATE: the new state of a run that lives.

local id, job, kind, sid, alone = arg(), arg(), arg(), arg(), arg()
local rests, output, head, tail = arg(), arg(), arg(), arg()
local key = P .. 'r:' .. id

if is_foreign() then
	return { 'schema', schema }
end
local r = call('HMGET', key, 'status', 'sid', 'lock', 'rerun', 'fence', 'try')
if r[1] and not is_live(r[1]) or is_settled(job, id) then
	return { alone == '1' and 'lost' or 'ok' }
end
-- A rest that was told of in vain comes late: the next attempt has begun.
if rests ~= '' and r[1] == 'running' and
    tonumber(rests) < tonumber(r[6] or 1) then
	return { 'ok' }
end
-- Whoever has it by now took its instance for dead.
if alone == '1' and r[2] and r[2] ~= '' and r[2] ~= sid and
    is_alive(r[2]) then
	return { 'lost' }
end

-- A run elsewhere, that began while this one rested.
local function find_blocker()
	for _, other in ipairs(call('ZRANGE', P .. 'v:' .. job, 0, -1)) do
		local o = call('HMGET', P .. 'r:' .. other, 'status', 'sid')
		if other ~= id and o[1] == 'running' and o[2] and
		    o[2] ~= sid and is_alive(o[2]) then
			return other
		end
	end
	return nil
end

if alone == '1' and r[1] == 'pending' then
	local other = find_blocker()
	if other then
		return { 'blocked', other }
	end
end
call('DEL', key)
call('HSET', key, unpack(rest()))
if r[1] then
	for i, name in ipairs({ 'sid', 'lock', 'rerun', 'fence' }) do
		if r[i + 1] then
			call('HSET', key, name, r[i + 1])
		end
	end
	if r[2] then
		call('SREM', P .. 't:' .. r[2], id)
	end
	if sid ~= '' and r[2] ~= sid then
		move_session(id, r[2], sid, r[3])
	end
else
	if sid ~= '' then
		call('HSET', key, 'sid', sid)
	end
	sign()
	know_job(job, kind)
	add_live(job, id, sid)
end
if output == 'put' then
	call('HSET', P .. 'o:' .. id, 'head', head, 'tail', tail)
elseif output == 'drop' then
	call('DEL', P .. 'o:' .. id)
end
return { 'ok' }
