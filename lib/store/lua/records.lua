-- What the scripts share that write records; it stands before each of them.

local SKIPS, OUTPUTS, SETTLED = 100, 10, 128
local HOUR, DAY = 3600000, 86400000
-- The session of a process that is gone: it never lives, so that what is
-- written in its name is found as what the dead leave behind.
local NOBODY = ('0'):rep(26)

local function is_live(status)
	return status == 'running' or status == 'pending'
end

local function know_job(job, kind)
	local known = call('HGET', P .. 'j:' .. job, 'kind')
	if not known then
		call('SADD', P .. 'jobs', job)
	end
	if kind ~= '' and kind ~= known then
		call('HSET', P .. 'j:' .. job, 'kind', kind)
	end
end

-- Settled, and its record is gone.
local function is_settled(job, id)
	return call('LPOS', P .. 'd:' .. job, id)
end

local function note_settled(job, ids)
	if #ids > 0 then
		local key = P .. 'd:' .. job
		call('LPUSH', key, unpack(ids))
		call('LTRIM', key, 0, SETTLED - 1)
		call('PEXPIRE', key, HOUR)
	end
end

-- Runs that live, and who has them.

local function join_session(id, sid)
	if sid == '' then
		return
	end
	call('ZADD', P .. 'a:' .. sid, 0, id)
	if not is_alive(sid) then
		-- It has expired meanwhile: the next one to look finds this run.
		call('SADD', P .. 's', sid)
	end
end

local function leave_session(id, sid)
	if sid and sid ~= '' then
		call('ZREM', P .. 'a:' .. sid, id)
		call('SREM', P .. 't:' .. sid, id)
	end
end

local function move_session(id, from, to, lock)
	leave_session(id, from)
	join_session(id, to)
	call('HSET', P .. 'r:' .. id, 'sid', to)
	if lock and call('HGET', P .. 'lock:' .. lock, 'token') == id then
		call('HSET', P .. 'lock:' .. lock, 'sid', to)
	end
end

local function add_live(job, id, sid)
	call('ZADD', P .. 'v:' .. job, 0, id)
	call('ZADD', P .. 'live', 0, id)
	join_session(id, sid)
end

local function drop_live(job, id, sid, lock)
	call('ZREM', P .. 'v:' .. job, id)
	call('ZREM', P .. 'live', id)
	leave_session(id, sid)
	if lock and call('HGET', P .. 'lock:' .. lock, 'token') == id then
		call('DEL', P .. 'lock:' .. lock)
	end
end

-- Pruning.

-- is_known: by other means, when it is told of again.
local function drop_records(job, kind, ids, is_known)
	for _, id in ipairs(ids) do
		call('ZREM', P .. kind .. ':' .. job, id)
		call('ZREM', P .. 'all', id)
		call('DEL', P .. 'r:' .. id, P .. 'o:' .. id)
	end
	if not is_known then
		note_settled(job, ids)
	end
end

-- A job's last run, last success and last failure are never pruned.
local function kept_always(job)
	local set = {}
	local j = call('HMGET', P .. 'j:' .. job, 'last_run', 'success', 'failure')
	for i = 1, 3 do
		if j[i] then
			set[j[i]] = true
		end
	end
	return set
end

-- So many runs at most go in one call; the rest goes with the next ends.
local function prune_runs(job, keep, is_known)
	local over = call('ZCARD', P .. 'h:' .. job) - keep
	if over <= 0 then
		return
	end
	local kept, ids = kept_always(job), {}
	local first = call('ZRANGE', P .. 'h:' .. job, 0, math.min(over, 100) - 1)
	for _, id in ipairs(first) do
		if not kept[id] then
			ids[#ids + 1] = id
		end
	end
	drop_records(job, 'h', ids, is_known)
end

local function prune_skips(job)
	local over = call('ZCARD', P .. 'k:' .. job) - SKIPS
	if over > 0 then
		drop_records(job, 'k',
		    call('ZRANGE', P .. 'k:' .. job, 0, math.min(over, 100) - 1))
	end
end

-- The ten letters with which ids begin that are made at this instant.
local function id_prefix(ms)
	local letters, text = '0123456789ABCDEFGHJKMNPQRSTVWXYZ', ''
	for _ = 1, 10 do
		local d = ms % 32
		text = letters:sub(d + 1, d + 1) .. text
		ms = (ms - d) / 32
	end
	return text
end

local function drop_if_old(id, limit)
	local r = call('HMGET', P .. 'r:' .. id, 'job', 'end', 'status')
	if not r[1] then
		call('ZREM', P .. 'all', id)
	elseif (tonumber(r[2] or 0) or 0) < limit and not kept_always(r[1])[id] then
		drop_records(r[1], r[3] == 'skipped' and 'k' or 'h', { id })
	end
end

-- From the oldest on, some at each call, and anew a while after all were seen:
-- what is old may have ended lately or be kept for ever, and so is passed by.
local function prune_old(age, done)
	local now = math.min(clock(), tonumber(done) or 0)
	local limit = now - tonumber(age)
	local m = call('HMGET', P .. 'meta', 'sweep', 'swept')
	local swept = tonumber(m[2] or 0)
	local gap = math.max(100, math.min(60000, tonumber(age) / 64))
	if not m[1] and now >= swept and now < swept + gap then
		return
	end
	local ids = call('ZRANGEBYLEX', P .. 'all', m[1] and '(' .. m[1] or '-',
	    '(' .. id_prefix(limit), 'LIMIT', 0, 20)
	for _, id in ipairs(ids) do
		drop_if_old(id, limit)
	end
	if #ids == 20 then
		call('HSET', P .. 'meta', 'sweep', ids[20])
	else
		call('HDEL', P .. 'meta', 'sweep')
		call('HSET', P .. 'meta', 'swept', digits(now))
	end
end

local function sweep(age, done)
	if tonumber(age) >= 0 and done ~= '' and
	    tonumber(done) >= tonumber(age) then
		prune_old(age, done)
	end
end

-- Ends.

local mark = { completed = 'c', failed = 'f', cancelled = 'x', lost = 'l' }
local counter = { completed = 'successful', failed = 'failed',
	cancelled = 'cancelled', lost = 'lost' }

local function count_took(key, took)
	took = tonumber(took)
	if not took or took < 0 then
		return
	end
	local j = call('HMGET', key, 'shortest', 'longest')
	call('HINCRBY', key, 'total', digits(took))
	if not j[1] or took < tonumber(j[1]) then
		call('HSET', key, 'shortest', digits(took))
	end
	if not j[2] or took > tonumber(j[2]) then
		call('HSET', key, 'longest', digits(took))
	end
end

-- Output is kept of the newest runs, and of the last failure.
local function trim_output(job, id, failure, before)
	local h = P .. 'h:' .. job
	local over = call('ZREVRANGE', h, OUTPUTS, OUTPUTS)[1]
	if not over then
		return
	end
	if over ~= failure then
		call('DEL', P .. 'o:' .. over)
	end
	if id ~= failure and call('ZREVRANK', h, id) > OUTPUTS then
		call('DEL', P .. 'o:' .. id)
	end
	if before and before ~= failure and
	    (call('ZREVRANK', h, before) or OUTPUTS) >= OUTPUTS then
		call('DEL', P .. 'o:' .. before)
	end
end

-- Failures with no success between them are one incident: `fails` of them so
-- far, people `told` of it then. `again` is the tell_again_ms of store.h; and
-- `tell` what was answered last, since a repeat is to hear the same.
local function is_due(told, again)
	told, again = tonumber(told), tonumber(again)
	return again >= -1 and (not told or
	    (again >= 0 and math.abs(clock() - told) >= again))
end

local function count_failure(key, id, status, again, fails, told, late)
	local is_telling = false
	again = again or '-2'
	if status == 'completed' and again == '-2' and not fails and
	    not late then
		return ''
	end
	fails = tonumber(fails or 0) or 0
	if status == 'completed' then
		is_telling = (told or late) and again ~= '-2'
		if fails > 0 or told or late then
			call('HDEL', key, 'fails', 'told', 'late')
		end
	elseif status ~= 'cancelled' then
		fails = fails + 1
		is_telling = is_due(told, again)
		call('HSET', key, 'fails', digits(fails))
		if is_telling then
			call('HSET', key, 'told', digits(clock()))
		end
	end
	local answer = (is_telling and '1 ' or '0 ') .. digits(fails)
	if again ~= '-2' and (fails > 0 or late) then
		call('HSET', key, 'tell', id .. status .. ' ' .. answer)
	end
	return answer
end

-- What an end answered that had been written before; '' where nobody knows.
local function tell_of(job, id, status)
	local tell = call('HGET', P .. 'j:' .. job, 'tell')
	local head = id .. status .. ' '
	return tell and tell:sub(1, #head) == head and tell:sub(#head + 1) or ''
end

-- The same of a run that was found lost, and counted, before: for who found it,
-- and for its own instance where that was not dead.
local function tell_lost(job, id, status, again)
	local key = P .. 'j:' .. job
	local said = tell_of(job, id, status)
	if said ~= '' then
		return said
	end
	local j = call('HMGET', key, 'fails', 'told')
	local is_telling = j[1] and is_due(j[2], again)
	local answer = (is_telling and '1 ' or '0 ') .. (j[1] or '0')
	if is_telling then
		insist()
		call('HSET', key, 'told', digits(clock()), 'tell',
		    id .. status .. ' ' .. answer)
	end
	return answer
end

-- The record of a run that ended is there: put it among the others. Returns
-- what there is to tell: whether, and the failures.
local function settle_end(job, id, status, took, keep, again, is_known)
	local key = P .. 'j:' .. job
	local j = call('HMGET', key, 'strip', 'failure', 'fails', 'told',
	    'late')
	local failure = j[2]
	call('HINCRBY', key, counter[status], 1)
	local strip, last = ((j[1] or '') .. mark[status]):sub(-10), 'last_run'
	if status == 'completed' then
		last = 'success'
	elseif status ~= 'cancelled' then
		failure, last = id, 'failure'
	end
	call('HSET', key, 'last_run', id, 'strip', strip, last, id)
	if status == 'completed' or status == 'failed' then
		count_took(key, took)
	end
	call('ZADD', P .. 'h:' .. job, 0, id)
	call('ZADD', P .. 'all', 0, id)
	local answer = count_failure(key, id, status, again, j[3], j[4], j[5])
	trim_output(job, id, failure, j[2])
	prune_runs(job, tonumber(keep), is_known)
	return answer
end

-- A run whose session is dead. Its job may do it again where it wants that.
-- Returns the job.
local function mark_lost(id, keep, now)
	local key = P .. 'r:' .. id
	local r = call('HMGET', key, 'job', 'sid', 'lock', 'worker', 'rerun',
	    'sched')
	if not r[1] then
		call('ZREM', P .. 'live', id)
		return
	end
	drop_live(r[1], id, r[2], r[3])
	call('HDEL', key, 'sid', 'lock', 'rerun', 'retry', 'owner', 'leader')
	call('HSET', key, 'status', 'lost', 'why', 'crash', 'end', digits(now),
	    'error', 'the wjobs that ran it (' .. (r[4] or '?') .. ') is gone')
	settle_end(r[1], id, 'lost', '', keep, '-2')
	if r[5] and r[6] then
		call('HSET', P .. 'again', r[1], id .. ' ' .. r[6])
	end
	return r[1]
end

-- Skips: one of the same reason joins the last, unless a run has begun since.

local function join_skip(open, count, done, why)
	local key = P .. 'r:' .. open
	local had = tonumber(call('HGET', key, 'count') or 1)
	call('HSET', key, 'count', digits(had + tonumber(count)))
	for name, value in pairs({ ['end'] = done, error = why }) do
		if value ~= '' then
			call('HSET', key, name, value)
		else
			call('HDEL', key, name)
		end
	end
end

local function record_skip(skip)
	local key = P .. 'j:' .. skip.job
	if call('EXISTS', P .. 'r:' .. skip.id) == 1 or
	    is_settled(skip.job, skip.id) then
		return
	end
	local j = call('HMGET', key, 'skip', 'skip_reason', 'skip_fence', 'fence')
	local fence = j[4] or '0'
	insist()
	if j[1] and j[2] == skip.reason and j[3] == fence and
	    call('EXISTS', P .. 'r:' .. j[1]) == 1 then
		join_skip(j[1], skip.count, skip.done, skip.error)
		note_settled(skip.job, { skip.id })
	else
		call('HSET', P .. 'r:' .. skip.id, unpack(skip.fields))
		call('ZADD', P .. 'k:' .. skip.job, 0, skip.id)
		call('ZADD', P .. 'all', 0, skip.id)
		call('HSET', key, 'skip', skip.id, 'skip_reason', skip.reason,
		    'skip_fence', fence)
		prune_skips(skip.job)
	end
	call('HINCRBY', key, 'skipped', skip.count)
end

-- The watermark of a job that all instances share.

local function read_last(key, now)
	local last = tonumber(call('HGET', key, 'last'))
	if last and last > now + 3 * HOUR then
		return nil, true
	end
	return last, false
end

local function add_gap(gaps, from, to)
	local list = {}
	for one in gaps:gmatch('%S+') do
		list[#list + 1] = one
	end
	list[#list + 1] = digits(from) .. ':' .. digits(to)
	if #list > 8 then
		local first = list[1]:match('^[^:]*')
		table.remove(list, 1)
		list[1] = first .. ':' .. list[1]:match('[^:]*$')
	end
	return table.concat(list, ' ')
end

-- Up to an instant, by this run or by none; what nobody claimed is a gap.
local function advance(key, last, to, before, rid)
	local j = call('HMGET', key, 'gaps', 'off')
	local till = j[2] and math.min(to, tonumber(j[2])) or to
	if last and before ~= '' and last < tonumber(before) and last < till then
		call('HSET', key, 'gaps', add_gap(j[1] or '', last, till))
	end
	call('HSET', key, 'last', digits(to), 'rid', rid)
	call('HDEL', key, 'off')
end
