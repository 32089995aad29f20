-- WORK_REVIVE: what is buried becomes ready, as a new run; one, or all.

local id, run, most = arg(), arg(), tonumber(arg())

if is_foreign() then
	return { 'schema', schema }
end
local now = clock()

local function revive(w, as)
	local key = P .. 'w:' .. w.id
	insist()
	call('HDEL', key, 'take', 'sid', 'told', 'taken', 'crashes', 'ended',
	    'worker', 'fence', unpack(OUTCOME))
	call('HSET', key, 'state', 'ready', 'status', 'pending', 'n', '0',
	    'due', digits(now), 'run', as)
	call('DEL', P .. 'y:' .. w.id)
	call('ZREM', P .. 'outs', w.id)
	if w.run then
		call('ZREM', P .. 'runs', w.run .. ' ' .. w.id)
	end
	call('ZADD', P .. 'runs', 0, as .. ' ' .. w.id)
	make_ready(w.m, w.job, 'buried', now - tonumber(w.lead), now)
end

if id ~= '' then
	local w = find(id)
	if not w or w.own or (w.state ~= 'buried' and w.run ~= run) then
		return { 'lost', w and w.state }
	end
	if w.state == 'buried' and w.run ~= run then
		revive(w, run)
		ring()
	end
	return { 'ok', 1, 0 }
end

-- Ids as the one given, with a number in their midst.
local letters, n = '0123456789ABCDEFGHJKMNPQRSTVWXYZ', 0
local function next_run()
	local text, k = '', n
	for _ = 1, 4 do
		local d = k % 32
		text, k = letters:sub(d + 1, d + 1) .. text, (k - d) / 32
	end
	return run:sub(1, 12) .. text .. run:sub(17)
end

for _, m in ipairs(call('ZRANGE', P .. 'buried', 0, most - 1)) do
	local w = find(m:sub(17))
	if not w then
		forget(m, 'buried')
	elseif not w.own then
		revive(w, next_run())
		n = n + 1
	end
end
if n > 0 then
	ring()
end
return { 'ok', n, n == most and 1 or 0 }
