-- A page of a state's work, behind the member that was the last one before; or
-- behind where that stood, if it has gone. Of all, what is of the handler.

local state, job, is_back = arg(), arg(), arg() == '1'
local after, score, most = arg(), arg(), tonumber(arg())
local key = P .. state
if job ~= '' and state == 'ready' then
	key, job = key .. ':' .. job, ''
end

if is_foreign() then
	return { 'schema', schema }
end

local function first()
	if after == '' then
		return 0
	end
	local rank = call(is_back and 'ZREVRANK' or 'ZRANK', key, after)
	if rank then
		return rank + 1
	end
	return is_back and call('ZCOUNT', key, '(' .. score, '+inf') or
	    call('ZCOUNT', key, '-inf', '(' .. score)
end

-- Of those that are equal to one that has gone, what came before it was seen.
local function is_seen(m, at)
	return after ~= '' and at == score and
	    ((is_back and m >= after) or (not is_back and m <= after))
end

local from, list = first(), {}
local page = call(is_back and 'ZREVRANGE' or 'ZRANGE', key, from,
    from + most - 1, 'WITHSCORES')
for i = 1, #page, 2 do
	local id = page[i]:sub(17)
	if not is_seen(page[i], page[i + 1]) and (job == '' or
	    call('HGET', P .. 'w:' .. id, 'job') == job) then
		list[#list + 1] = id
		list[#list + 1] = call('HGETALL', P .. 'w:' .. id)
	end
end
if #page < 2 * most then
	return { 'ok', list }
end
return { 'ok', list, page[#page - 1], page[#page] }
