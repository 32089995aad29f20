-- Work by the beginning of its id, or of its run's: two at most.

local low, high, has_output = arg(), arg(), arg() == '1'

if is_foreign() then
	return { 'schema', schema }
end
local seen, answer = {}, { 'ok' }

local function add(id)
	if seen[id] or #answer > 6 then
		return
	end
	seen[id] = true
	answer[#answer + 1] = id
	answer[#answer + 1] = call('HGETALL', P .. 'w:' .. id)
	answer[#answer + 1] = has_output and
	    call('HMGET', P .. 'y:' .. id, 'head', 'tail') or {}
end

for _, id in ipairs(call('ZRANGEBYLEX', P .. 'works', '[' .. low, '[' .. high,
    'LIMIT', 0, 2)) do
	add(id)
end
-- "RUN ID"
for _, one in ipairs(call('ZRANGEBYLEX', P .. 'runs', '[' .. low,
    '[' .. high .. '~', 'LIMIT', 0, 2)) do
	add(one:sub(28))
end
return answer
