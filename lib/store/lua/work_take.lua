-- WORK_TAKE: what is to be done next, and before that what has to be seen to
-- now and then: what is due, what dead sessions had, what nobody knows.

local AT_ONCE = 100
local limits = read_limits()
local sid, worker, take, most = arg(), arg(), arg(), tonumber(arg())
local reaping, unknown = arg() == '1', tonumber(arg())
local wants = rest()

if is_foreign() then
	return { 'schema', schema }
end
if sid ~= '' and not is_alive(sid) then
	return { 'stale' }
end
local now, is_more = clock(), false
local buried, returned, taken = {}, 0, {}
insist()

local function bury(w, why, words)
	give_up(w, 'buried', why, words, limits, now)
	buried[#buried + 1] = w.id
	buried[#buried + 1] = call('HGETALL', P .. 'w:' .. w.id)
end

-- It died with its worker. What died together is not tried together again: one
-- of them may have been the death of the others.
local function crash(w)
	local key = P .. 'w:' .. w.id
	local crashes = call('HINCRBY', key, 'crashes', 1)
	call('HDEL', key, 'take')
	if not w.told and not w.own then
		call('HSET', key, 'tries', (call('HGET', key, 'tries') or '') ..
		    (w.taken or digits(now)) ..
		    '\t-1\t-1\t0\tcrash\tits worker died\n')
	end
	if w.told then
		cancel(w, nil, limits, now)
	elseif w.own or crashes >= CRASHES then
		bury(w, 'crash', 'its worker died')
	else
		local least = 1000 * 2 ^ (crashes - 1)
		local due = now + least + math.random(0, least - 1)
		call('HSETNX', key, 'start', w.taken or digits(now))
		call('HSET', key, 'state', 'delayed', 'due', digits(due),
		    'why', 'crash', 'error', 'its worker died', 'try', w.n)
		leave(w)
		move(w.m, w.job, 'running', 'delayed', due)
		returned = returned + 1
	end
end

-- Of dead sessions; a closed one is dead as well.
local function reap()
	local left = AT_ONCE
	for _, dead in ipairs(call('SMEMBERS', P .. 'us')) do
		if left > 0 and dead ~= '' and not is_alive(dead) then
			local u = P .. 'u:' .. dead
			for _, m in ipairs(call('ZRANGE', u, 0, left - 1)) do
				local w = find(m:sub(17))
				if w and w.state == 'running' and w.sid == dead then
					crash(w)
				end
				call('ZREM', u, m)
				left = left - 1
			end
			if call('EXISTS', u) == 0 then
				call('SREM', P .. 'us', dead)
				call('DEL', P .. 'told:' .. dead,
				    P .. 'got:' .. dead)
			end
		end
	end
	is_more = is_more or left == 0
end

local function bury_unknown(job, before)
	local ready = P .. 'ready:' .. job
	if call('ZCARD', P .. 'running:' .. job) > 0 then
		return
	end
	for _, m in ipairs(call('ZRANGE', ready, 0, AT_ONCE - 1)) do
		local w = find(m:sub(17))
		local due = w and call('HGET', P .. 'w:' .. w.id, 'due')
		if not w then
			forget(m, 'ready')
		elseif tonumber(due) <= before then
			bury(w, 'spawn', 'no worker knows its handler')
		end
	end
	if call('ZCARD', ready) == 0 and
	    call('ZCARD', P .. 'delayed:' .. job) == 0 then
		call('ZREM', P .. 'asked', job)
	elseif #buried >= AT_ONCE then
		is_more = true
	end
end

local function drop_old(state, before)
	local old = call('ZRANGEBYSCORE', P .. state, '-inf', digits(before),
	    'LIMIT', 0, AT_ONCE)
	for _, m in ipairs(old) do
		forget(m, state)
	end
	is_more = is_more or #old == AT_ONCE
end

local function promote()
	local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', digits(now),
	    'LIMIT', 0, AT_ONCE)
	for _, m in ipairs(due) do
		local key = P .. 'w:' .. m:sub(17)
		local w = call('HMGET', key, 'job', 'due', 'lead')
		if w[1] then
			move(m, w[1], 'delayed', 'ready',
			    tonumber(w[2]) - tonumber(w[3]))
			call('HSET', key, 'state', 'ready')
		else
			forget(m, 'delayed')
		end
	end
	is_more = is_more or #due == AT_ONCE
	return #due
end

-- That a worker knows these handlers, written down now and then.
local function note_asked()
	local names = {}
	for i = 1, #wants, 2 do
		names[#names + 1] = wants[i]
	end
	local gap = math.min(unknown / 4, 60000)
	local list = {}
	for i, asked in ipairs(#names > 0 and
	    call('ZMSCORE', P .. 'asked', unpack(names)) or {}) do
		if asked and math.abs(now - tonumber(asked)) >= gap then
			list[#list + 1] = digits(now)
			list[#list + 1] = names[i]
		end
	end
	if #list > 0 then
		call('ZADD', P .. 'asked', unpack(list))
	end
end

-- One piece, as its answer has it.
local function give(id)
	taken[#taken + 1] = id
	taken[#taken + 1] = call('HGETALL', P .. 'w:' .. id)
	taken[#taken + 1] = call('GET', P .. 'p:' .. id)
end

local function take_one(m, job)
	local id = m:sub(17)
	local key = P .. 'w:' .. id
	local n = call('HGET', key, 'n')
	if not n then
		forget(m, 'ready')
		call('ZREM', P .. 'ready:' .. job, m)
		return false
	end
	local fence = call('HINCRBY', P .. 'j:' .. job, 'fence', 1)
	call('HSET', key, 'state', 'running', 'n', digits(n + 1), 'take', take,
	    'sid', sid, 'taken', digits(now), 'fence', digits(fence),
	    'worker', worker)
	move(m, job, 'ready', 'running', now)
	call('ZADD', P .. 'u:' .. sid, digits(now), m)
	give(id)
	return true
end

-- The first of each handler that there is room for, best first.
local function take_best()
	local heads, got = {}, {}
	for i = 1, #wants, 2 do
		local n = math.min(tonumber(wants[i + 1]), most + 1)
		local list = n > 0 and call('ZRANGE', P .. 'ready:' .. wants[i],
		    0, n - 1, 'WITHSCORES')
		if list and list[1] then
			heads[#heads + 1] = { job = wants[i], list = list,
				at = 1, score = tonumber(list[2]) }
		end
	end
	while #heads > 0 do
		local best = 1
		for i = 2, #heads do
			local x, y = heads[i], heads[best]
			if x.score < y.score or (x.score == y.score and
			    x.list[x.at] < y.list[y.at]) then
				best = i
			end
		end
		if #got >= most then
			is_more = true
			break
		end
		local head = heads[best]
		if take_one(head.list[head.at], head.job) then
			got[#got + 1] = head.list[head.at]
		end
		head.at = head.at + 2
		head.score = tonumber(head.list[head.at + 1])
		if not head.score then
			table.remove(heads, best)
		end
	end
	if #got > 0 then
		call('HSET', P .. 'got:' .. sid, take, table.concat(got))
		call('SADD', P .. 'us', sid)
	end
end

-- The same again gets what it got before, where it still has it.
local function take_again()
	local got = call('HGET', P .. 'got:' .. sid, take) or ''
	for at = 1, #got, 42 do
		local id = got:sub(at + 16, at + 41)
		local w = call('HMGET', P .. 'w:' .. id, 'state', 'take')
		if w[1] == 'running' and w[2] == take then
			give(id)
		end
	end
	return #taken > 0
end

if reaping then
	reap()
end
note_asked()
if reaping then
	local before = now - unknown
	for _, job in ipairs(call('ZRANGEBYSCORE', P .. 'asked', '-inf',
	    digits(before), 'LIMIT', 0, AT_ONCE)) do
		bury_unknown(job, before)
	end
	drop_old('done', now - KEPT_MS)
	drop_old('cancelled', now - KEPT_MS)
	drop_old('buried', now - BURIED_MS)
end
local promoted = promote()
if not take_again() then
	take_best()
end
if promoted > #taken / 3 then
	ring()
end
local told = call('SMEMBERS', P .. 'told:' .. sid)
table.sort(told)
local next = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')[2]
next = next and math.max(tonumber(next) - now, 0) or -1
return { 'ok', taken, buried, returned, told, next, is_more and 1 or 0 }
