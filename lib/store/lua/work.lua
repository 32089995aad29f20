-- What the scripts share that move work; it stands before each of them, behind
-- records.lua.
--
--	P w:ID       hash: a piece of work, and what is known of its run
--	P p:ID       its payload, bytes; no key where that is empty
--	P y:ID       hash of its output's head and tail
--	P works      zset of ids, and P runs of "RUN ID", where a run has an id
--	             of its own; scores are all 0
--	P STATE      zset of members: ready delayed running buried done
--	             cancelled; P ready:H those of a handler. Scores: of ready
--	             the instant less the lead, of delayed the instant, of
--	             others when they were taken or ended
--	P outs       zset of ids that have output
--	P keys       hash: key to id
--	P seq        counter, the order of coming
--	P asked      zset of handlers that have work: when a worker asked last
--	P us         set of sessions that run work
--	P u:SID      hash: what a session runs, members to their takes
--	P told:SID   set of ids that it runs and is told to end
--
-- A member is 16 digits, the order of coming, and the id; so what is equal is
-- in that order. All that waits is counted by the sets where it stands.

local KEPT, KEPT_OUTPUTS, SLACK = 10000, 1000, 50
local KEPT_MS, BURIED_MS = DAY, 90 * DAY
local CRASHES = 3
-- What is known of a run: by its first attempt's end; and all of a record.
local OUTCOME = { 'why', 'start', 'end', 'took', 'code', 'signal', 'error',
	'user', 'sys', 'rss', 'bytes', 'try', 'tries' }
local RECORD = { 'job', 'kind', 'status', 'by', 'sched', 'worker', 'fence',
	'meta', unpack(OUTCOME) }

-- Who may not publish fails for no hint: workers ask anyway.
local function ring()
	redis.pcall('PUBLISH', P .. 'wake', '')
end

local function move(m, job, from, to, score)
	if from then
		call('ZREM', P .. from, m)
	end
	call('ZADD', P .. to, digits(score), m)
	if from == 'ready' then
		call('ZREM', P .. 'ready:' .. job, m)
	elseif to == 'ready' then
		call('ZADD', P .. 'ready:' .. job, digits(score), m)
	end
end

-- To those that may be taken; from now on somebody has to know its handler.
local function make_ready(m, job, from, score, now)
	move(m, job, from, 'ready', score)
	call('ZADD', P .. 'asked', 'NX', digits(now), job)
end

local WORK = { 'state', 'take', 'seq', 'job', 'kind', 'run', 'sid', 'n',
	'told', 'own', 'lead', 'by', 'sched', 'meta', 'fence', 'taken' }
local function find(id)
	local v, w = call('HMGET', P .. 'w:' .. id, unpack(WORK)), { id = id }
	if not v[1] then
		return nil
	end
	for i, name in ipairs(WORK) do
		w[name] = v[i]
	end
	w.m = w.seq .. id
	return w
end

-- By its user's wish, what is kept of runs: as their script was told.
local function read_limits()
	return { keep = arg(), age = arg(), history = arg() == '1' }
end

-- Gone altogether. What has no hash any more is a member alone.
local function forget(m, state)
	local id = m:sub(17)
	local w = call('HMGET', P .. 'w:' .. id, 'job', 'key', 'run')
	call('ZREM', P .. state, m)
	call('ZREM', P .. 'works', id)
	call('ZREM', P .. 'outs', id)
	call('DEL', P .. 'w:' .. id, P .. 'p:' .. id, P .. 'y:' .. id)
	if w[1] and state == 'ready' then
		call('ZREM', P .. 'ready:' .. w[1], m)
	end
	if w[2] and call('HGET', P .. 'keys', w[2]) == id then
		call('HDEL', P .. 'keys', w[2])
	end
	if w[3] then
		call('ZREM', P .. 'runs', w[3] .. ' ' .. id)
	end
end

local function forget_oldest(state, over)
	for _, m in ipairs(call('ZRANGE', P .. state, 0, math.min(over, 100) - 1)) do
		forget(m, state)
	end
end

-- By number; and not one at each end.
local function prune_works()
	local done = call('ZCARD', P .. 'done')
	local over = done + call('ZCARD', P .. 'cancelled') - KEPT
	if over > SLACK then
		-- both by their ages, near enough
		local d = call('ZRANGE', P .. 'done', 0, 0, 'WITHSCORES')
		local c = call('ZRANGE', P .. 'cancelled', 0, 0, 'WITHSCORES')
		local is_done = not c[2] or (d[2] and
		    tonumber(d[2]) <= tonumber(c[2]))
		forget_oldest(is_done and 'done' or 'cancelled', over)
	end
	over = call('ZCARD', P .. 'buried') - KEPT
	if over > SLACK then
		forget_oldest('buried', over)
	end
end

local function keep_output(id, how, head, tail, now)
	if how == 'drop' then
		call('DEL', P .. 'y:' .. id)
		call('ZREM', P .. 'outs', id)
	elseif how == 'put' then
		call('HSET', P .. 'y:' .. id, 'head', head, 'tail', tail)
		call('ZADD', P .. 'outs', digits(now), id)
		local over = call('ZCARD', P .. 'outs') - KEPT_OUTPUTS
		if over > 0 then
			over = math.min(over, 100)
			for _, old in ipairs(call('ZRANGE', P .. 'outs', 0,
			    over - 1)) do
				call('DEL', P .. 'y:' .. old)
			end
			call('ZREMRANGEBYRANK', P .. 'outs', 0, over - 1)
		end
	end
end

-- A record of history, of these fields. Answers what there is to tell.
local function record_run(w, fields, status, limits, took, again, done)
	local run = w.run or w.id
	call('HSET', P .. 'r:' .. run, unpack(fields))
	if w.has_output ~= false then
		local o = call('HMGET', P .. 'y:' .. w.id, 'head', 'tail')
		if o[1] then
			call('HSET', P .. 'o:' .. run, 'head', o[1], 'tail', o[2])
		end
	end
	sign()
	know_job(w.job, w.kind or '')
	local answer = settle_end(w.job, run, status, took, limits.keep, again,
	    true)
	sweep(limits.age, done)
	return answer
end

-- It is nobody's any more.
local function leave(w)
	if w.state == 'running' and w.sid then
		call('HDEL', P .. 'u:' .. w.sid, w.m)
		if w.told then
			call('SREM', P .. 'told:' .. w.sid, w.id)
		end
	end
end

-- Ended, after what is known of it was written.
local function close(w, state, now)
	leave(w)
	move(w.m, w.job, w.state, state, now)
	prune_works()
end

-- The fields given, as its run has them.
local function run_fields(w, given)
	local list = { 'fence', w.fence or '0' }
	if w.meta then
		list[3], list[4] = 'meta', w.meta
	end
	for _, one in ipairs(given) do
		list[#list + 1] = one
	end
	for _, name in ipairs({ 'job', 'kind', 'by', 'sched' }) do
		if w[name] then
			list[#list + 1] = name
			list[#list + 1] = w[name]
		end
	end
	return list
end

-- What an attempt left behind is known in place of the one before.
local function note(w, fields, ...)
	local key, list = P .. 'w:' .. w.id, { ... }
	if tonumber(w.n) > 1 then
		call('HDEL', key, unpack(OUTCOME))
	end
	for _, one in ipairs(fields) do
		list[#list + 1] = one
	end
	call('HSET', key, unpack(list))
end

-- It ends with no attempt that said so: given up, or cancelled.
local function give_up(w, state, why, words, limits, now)
	local key = P .. 'w:' .. w.id
	local status = state == 'buried' and 'failed' or 'cancelled'
	insist()
	if state ~= 'buried' then
		call('DEL', P .. 'p:' .. w.id)
	end
	if w.state == 'running' and w.taken then
		call('HSETNX', key, 'start', w.taken)
	end
	call('HSET', key, 'state', state, 'ended', digits(now), 'status', status,
	    'why', why, 'end', digits(now), 'try', w.n)
	if words then
		call('HSET', key, 'error', words)
	end
	if limits.history then
		local list, v = {}, call('HMGET', key, unpack(RECORD))
		for i, name in ipairs(RECORD) do
			if v[i] then
				list[#list + 1] = name
				list[#list + 1] = v[i]
			end
		end
		record_run(w, list, status, limits, '', '-2', digits(now))
	end
	close(w, state, now)
end

local function cancel(w, words, limits, now)
	give_up(w, 'cancelled', 'cancelled', words, limits, now)
end

-- Work that is put in. Its arguments stand in the midst of a claim's.

local PUT = { 'sid', 'id', 'job', 'size', 'own', 'take', 'worker', 'lead',
	'delay', 'due', 'key', 'digest', 'payload', 'fields' }
local function read_put()
	local p = {}
	for _, name in ipairs(PUT) do
		p[name] = arg()
	end
	local n = tonumber(p.fields)
	p.fields = {}
	for i = 1, n do
		p.fields[i] = arg()
	end
	return p
end

-- The answer where nothing is to be put in.
local function find_put(p)
	if call('EXISTS', P .. 'w:' .. p.id) == 1 then
		return { 'added', p.id }
	end
	local id = p.key ~= '' and call('HGET', P .. 'keys', p.key)
	if id then
		local w = call('HMGET', P .. 'w:' .. id, 'job', 'digest')
		if w[1] then
			return { w[1] == p.job and w[2] == p.digest and
			    'known' or 'differs', id }
		end
	end
	local size = tonumber(p.size)
	if size > 0 and p.own ~= '1' and
	    call('ZCARD', P .. 'ready') + call('ZCARD', P .. 'delayed') >= size then
		return { 'full', p.id }
	end
	return nil
end

local function hand_to(p, key, m, now)
	local fence = call('HINCRBY', P .. 'j:' .. p.job, 'fence', 1)
	call('HSET', key, 'own', '1', 'take', p.take, 'sid', p.sid, 'taken',
	    digits(now), 'fence', digits(fence))
	if p.worker ~= '' then
		call('HSET', key, 'worker', p.worker)
	end
	if p.sid ~= '' then
		call('HSET', P .. 'u:' .. p.sid, m, p.take)
		call('SADD', P .. 'us', p.sid)
	end
end

-- The first write is one that a full memory refuses, and all goes with it.
local function put(p, now)
	local key, lead = P .. 'w:' .. p.id, tonumber(p.lead)
	local m = string.format('%016.0f', call('INCR', P .. 'seq')) .. p.id
	local due = tonumber(p.due) or now + tonumber(p.delay)
	local state, score = 'delayed', due
	if p.own == '1' then
		due, state, score = now, 'running', now
	elseif due <= now then
		due, state, score = now, 'ready', now - lead
	end
	call('HSET', key, 'seq', m:sub(1, 16), 'state', state,
	    'n', p.own == '1' and '1' or '0', 'made', digits(now),
	    'due', digits(due), 'lead', p.lead, unpack(p.fields))
	if p.payload ~= '' then
		call('SET', P .. 'p:' .. p.id, p.payload)
	end
	if p.key ~= '' then
		call('HSET', key, 'key', p.key, 'digest', p.digest)
		call('HSET', P .. 'keys', p.key, p.id)
	end
	call('ZADD', P .. 'works', 0, p.id)
	sign()
	if state == 'ready' then
		make_ready(m, p.job, nil, score, now)
	else
		move(m, p.job, nil, state, score)
	end
	if p.own == '1' then
		hand_to(p, key, m, now)
	else
		ring()
	end
	return { 'added', p.id, state, digits(now), digits(due) }
end
