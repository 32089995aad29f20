-- WORK_TAKE: what is to be done next, and before that what has to be seen to
-- now and then: what is due, what dead sessions had, what nobody knows.

-- So many become ready at once, and so many are seen to that take longer.
local DUE_AT_ONCE, AT_ONCE = 100, 30
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

-- What died together is not tried together again: one of them may have been
-- the death of the others.
local function crash_delay(w, crashes)
	local least = 1000 * 2 ^ (crashes - 1)
	local chance = tonumber(redis.sha1hex(w.id .. (w.take or '')):sub(1, 8), 16)
	return least + chance % least
end

-- It died with its worker.
local function crash(w)
	local key = P .. 'w:' .. w.id
	local crashes = call('HINCRBY', key, 'crashes', 1)
	call('HDEL', key, 'take', 'code', 'signal', 'took')
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
		local due = now + crash_delay(w, crashes)
		call('HSETNX', key, 'start', w.taken or digits(now))
		call('HSET', key, 'state', 'delayed', 'due', digits(due),
		    'why', 'crash', 'error', 'its worker died', 'try', w.n)
		leave(w)
		move(w.m, w.job, 'running', 'delayed', due)
		returned = returned + 1
	end
end

local function reap_one(dead, left)
	local u = P .. 'u:' .. dead
	for _, m in ipairs(call('HKEYS', u)) do
		if left == 0 then
			is_more = true
			return 0
		end
		local w = find(m:sub(17))
		if w and w.state == 'running' and w.sid == dead then
			crash(w)
		end
		call('HDEL', u, m)
		left = left - 1
	end
	call('SREM', P .. 'us', dead)
	call('DEL', P .. 'told:' .. dead)
	return left
end

-- Of dead sessions; a closed one is dead as well.
local function reap()
	local left = AT_ONCE
	for _, one in ipairs(call('SMEMBERS', P .. 'us')) do
		if one ~= '' and not is_alive(one) then
			left = reap_one(one, left)
		end
	end
end

local function bury_unknown(job, before)
	local ready = P .. 'ready:' .. job
	for _, m in ipairs(call('ZRANGE', ready, 0, AT_ONCE - 1)) do
		local w = find(m:sub(17))
		local due = w and call('HGET', P .. 'w:' .. w.id, 'due')
		if not w then
			forget(m, 'ready')
			call('ZREM', ready, m)
		elseif tonumber(due) <= before then
			bury(w, 'spawn', 'no worker knows its handler')
		end
	end
	if call('ZCARD', ready) == 0 then
		call('ZREM', P .. 'asked', job)
	end
end

-- What is ready, and has waited for long with nobody asking for its kind.
local function bury_all_unknown()
	local before = now - unknown
	for _, job in ipairs(call('ZRANGEBYSCORE', P .. 'asked', '-inf',
	    digits(before), 'LIMIT', 0, AT_ONCE)) do
		if #buried >= 2 * AT_ONCE then
			is_more = true
			break
		end
		bury_unknown(job, before)
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

-- Returns how many, and how long until the next.
local function promote()
	local next = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')[2]
	if not next or tonumber(next) > now then
		return 0, next and tonumber(next) - now or -1
	end
	local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', digits(now),
	    'LIMIT', 0, DUE_AT_ONCE)
	for _, m in ipairs(due) do
		local key = P .. 'w:' .. m:sub(17)
		local w = call('HMGET', key, 'job', 'due', 'lead')
		if w[1] then
			make_ready(m, w[1], 'delayed',
			    tonumber(w[2]) - tonumber(w[3]), now)
			call('HSET', key, 'state', 'ready')
		else
			forget(m, 'delayed')
		end
	end
	is_more = is_more or #due == DUE_AT_ONCE
	next = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')[2]
	return #due, next and math.max(tonumber(next) - now, 0) or -1
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

-- One piece, as its answer has it; what stands there twice counts as the last.
local function give(id, fields)
	taken[#taken + 1] = id
	taken[#taken + 1] = fields
	taken[#taken + 1] = call('GET', P .. 'p:' .. id)
end

local function field(list, name)
	for i = 1, #list, 2 do
		if list[i] == name then
			return list[i + 1]
		end
	end
	return nil
end

local function take_one(m, job)
	local id = m:sub(17)
	local key = P .. 'w:' .. id
	local fields = call('HGETALL', key)
	local n = field(fields, 'n')
	if not n then
		forget(m, 'ready')
		call('ZREM', P .. 'ready:' .. job, m)
		return false
	end
	local fence = call('HINCRBY', P .. 'j:' .. job, 'fence', 1)
	local new = { 'state', 'running', 'n', digits(n + 1), 'take', take,
		'sid', sid, 'taken', digits(now), 'fence', digits(fence),
		'worker', worker }
	call('HSET', key, unpack(new))
	move(m, job, 'ready', 'running', now)
	call('HSET', P .. 'u:' .. sid, m, take)
	for _, one in ipairs(new) do
		fields[#fields + 1] = one
	end
	give(id, fields)
	return true
end

-- The first of each handler that there is room for, best first.
local function take_best()
	local heads, got = {}, 0
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
		if got >= most then
			is_more = true
			break
		end
		local head = heads[best]
		if take_one(head.list[head.at], head.job) then
			got = got + 1
		end
		head.at = head.at + 2
		head.score = tonumber(head.list[head.at + 1])
		if not head.score then
			table.remove(heads, best)
		end
	end
	return got
end

-- The same again gets what it got before, where it still has it. Also says
-- whether the session had anything before.
local function take_again()
	local had = call('HGETALL', P .. 'u:' .. sid)
	for i = 1, #had, 2 do
		local id = had[i]:sub(17)
		if had[i + 1] == take then
			give(id, call('HGETALL', P .. 'w:' .. id))
		end
	end
	return #taken > 0, #had > 0
end

if reaping then
	reap()
	note_asked()
	bury_all_unknown()
	drop_old('done', now - KEPT_MS)
	drop_old('cancelled', now - KEPT_MS)
	drop_old('buried', now - BURIED_MS)
end
local promoted, next = promote()
local is_again, had = take_again()
if not is_again and take_best() > 0 and not had then
	call('SADD', P .. 'us', sid)
end
if promoted > #taken / 3 then
	ring()
end
local told = call('SMEMBERS', P .. 'told:' .. sid)
table.sort(told)
return { 'ok', taken, buried, returned, told, next, is_more and 1 or 0 }
