-- STORE_BEGIN: the claim and the record of the start; or, of a run that only
-- puts work in the queue, the work and the record of the end.

local a = {}
for _, name in ipairs({ 'keep', 'id', 'job', 'kind', 'host', 'sid', 'shared',
	'sched', 'before', 'schedule', 'alone', 'lock', 'holder', 'rerun',
	'rerun_of', 'touch', 'work' }) do
	a[name] = arg()
end
local work = a.work == '1' and read_put()
local now = clock()
local key = P .. 'j:' .. a.job
local is_shared, is_claim = a.shared == '1', a.sched ~= ''
local sched = tonumber(a.sched)
local own = is_shared and key or key .. '@' .. a.host

if is_foreign() then
	return { 'schema', schema }
end

-- Another schedule than this one, of an instance that is alive.
local function differs(known, by)
	return is_shared and a.schedule ~= '' and known and
	    known ~= a.schedule and by ~= a.sid and by ~= '' and is_alive(by)
end

local function grant(fence, was_reset)
	local j = call('HMGET', key, 'gaps', 'schedule', 'schedule_sid')
	return { 'granted', fence, now, differs(j[2], j[3]) and 1 or 0,
		was_reset and 1 or 0, is_shared and is_claim and j[1] or '' }
end

-- This very run has begun before, and may have ended as well.
local function grant_again(status, sid, fence, lock)
	if status == 'lost' or status == 'skipped' then
		return { 'lost' }
	end
	if is_live(status) and a.sid ~= '' and a.sid ~= NOBODY then
		if not is_alive(a.sid) then
			return { 'stale' }
		end
		if sid ~= a.sid then
			move_session(a.id, sid, a.sid, lock)
		end
	end
	if a.touch == '1' then
		call('HSET', P .. 'r:' .. a.id, 'fence', fence or 0)
	end
	return grant(tonumber(fence or 0), false)
end

local function is_rerun(last)
	return a.rerun_of ~= '' and last == sched and
	    call('HGET', key, 'rid') == a.rerun_of and
	    call('HGET', P .. 'again', a.job) == a.rerun_of .. ' ' .. a.sched
end

-- A run that lives elsewhere: not of this session, whose own it knows. Each
-- host has its own runs of a job that is not shared.
local function find_blocker()
	for _, id in ipairs(call('ZRANGE', P .. 'v:' .. a.job, 0, -1)) do
		local r = call('HMGET', P .. 'r:' .. id, 'status', 'sid')
		local sid = r[2] or ''
		-- what rests is in the way of nothing but a rerun
		if id == a.id or sid == '' or sid == a.sid or
		    (r[1] ~= 'running' and a.rerun_of == '') then
			sid = ''
		elseif not is_alive(sid) then
			if r[1] == 'running' then
				mark_lost(id, a.keep, now)
			end
		elseif is_shared or
		    call('HGET', P .. 's:' .. sid, 'host') == a.host then
			return id
		end
	end
	return nil
end

local function find_holder()
	local l = call('HMGET', P .. 'lock:' .. a.lock, 'token', 'holder', 'sid')
	if not l[1] or l[1] == a.id or is_left(l[1], l[3]) then
		return nil
	end
	return l[2] or ''
end

local function take_lock()
	local lock = P .. 'lock:' .. a.lock
	call('DEL', lock)
	call('HSET', lock, 'token', a.id, 'holder', a.holder, 'sid', a.sid,
	    'fence', digits(call('INCR', P .. 'fence')))
end

local function write_own(last)
	if not is_claim then
		return
	end
	if is_shared then
		advance(own, last, sched, a.before, a.id)
	else
		call('HSET', own, 'last', a.sched, 'rid', a.id)
		call('PEXPIRE', own, 400 * DAY)
	end
end

local function write_schedule()
	local j = call('HMGET', key, 'schedule', 'schedule_sid')
	if is_shared and a.schedule ~= '' and a.sid ~= '' and
	    not differs(j[1], j[2]) and
	    (j[1] ~= a.schedule or not is_alive(j[2])) then
		call('HSET', key, 'schedule', a.schedule,
		    'schedule_sid', a.sid)
	end
end

local function write(fields, last)
	local fence = tonumber(call('HGET', key, 'fence') or 0) + 1
	call('HSET', P .. 'r:' .. a.id, 'fence', digits(fence), unpack(fields))
	call('HSET', key, 'fence', digits(fence))
	sign()
	know_job(a.job, a.kind)
	add_live(a.job, a.id, a.sid)
	write_own(last)
	write_schedule()
	if a.rerun_of ~= '' then
		call('HDEL', P .. 'again', a.job)
	end
	if a.lock ~= '' then
		take_lock()
	end
	return fence
end

-- The put comes first, since a full memory may refuse it.
local function write_work(known, fields, last)
	if not known then
		put(work, now)
	end
	local fence = tonumber(call('HGET', key, 'fence') or 0) + 1
	call('HSET', P .. 'r:' .. a.id, 'fence', digits(fence), unpack(fields))
	call('HSET', key, 'fence', digits(fence))
	call('HDEL', key, 'skip')
	know_job(a.job, a.kind)
	write_own(last)
	write_schedule()
	settle_end(a.job, a.id, 'completed', '', a.keep, '-2')
	return fence
end

if is_shared and is_claim and sched > now then
	return { 'early', now }
end
local r = call('HMGET', P .. 'r:' .. a.id, 'status', 'sid', 'fence', 'lock')
if r[1] then
	return grant_again(r[1], r[2], r[3], r[4])
end
if is_settled(a.job, a.id) then
	return { 'lost' }
end
local last, was_reset
if is_claim then
	last, was_reset = read_last(own, is_shared and now or math.huge)
	if last and sched <= last and not is_rerun(last) then
		return { 'lost' }
	end
end
if (a.sid ~= '' and a.sid ~= NOBODY and not is_alive(a.sid)) or
    (a.lock ~= '' and a.sid == '') then
	return { 'stale' }
end
if a.alone == '1' then
	local id = find_blocker()
	if id then
		return { 'blocked', id }
	end
end
if a.lock ~= '' then
	local holder = find_holder()
	if holder then
		return { 'locked', holder }
	end
end
if work then
	local known = find_put(work)
	if known and known[1] == 'full' then
		return { 'full' }
	end
	return grant(write_work(known, rest(), last), was_reset)
end
local fields = rest()
for _, name in ipairs({ 'sid', 'lock', 'rerun' }) do
	if a[name] ~= '' then
		fields[#fields + 1] = name
		fields[#fields + 1] = a[name]
	end
end
return grant(write(fields, last), was_reset)
