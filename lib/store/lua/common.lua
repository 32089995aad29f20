-- What the scripts share; it stands before each of them. Those that write
-- records have records.lua behind it: what a script does not call costs it time
-- all the same.
--
-- KEYS[1] is P, the prefix of all keys, in braces so that they share a slot:
--	P meta       hash: schema, and where the sweep for old records is
--	P jobs       set of the jobs that are known
--	P j:JOB      hash: the claims of a job, its counters and its incident
--	P j:JOB@HOST hash: the watermark of one host, where each has its own
--	P v:JOB      zset of runs that live, running or pending; a zset's scores
--	             are all 0 here, so that it is in the order of the ids
--	P h:JOB      zset of runs that ended; P k:JOB of skips
--	P d:JOB      list of ids, for an hour, that are settled and have no
--	             record: a repeat of what settled them is known by it
--	P all, live  zsets of what has ended and of what has not, of all jobs
--	P r:ID, o:ID hash of a record, hash of its output's head and tail
--	P s, s:SID   set of sessions; one is alive while its own key is there
--	P a:SID      zset of the runs of a session that live
--	P t:SID      set of pending runs that it took over and has not yet used
--	P again      hash: job to the lost run that may be begun again
--	P lock:KEY   hash: token, holder, fence, and of a run's lock its session
--	P fence      counter, for locks
--	P once:HOST  id of the last batch that a host applied from a file
--	             and what work.lua tells of, of the queue
--
-- Ids are ULIDs as text, instants milliseconds as decimal text, '' is none. A
-- text from outside is bytes, passed on and never looked into. At maxmemory
-- Redis refuses the first write of a script alone: what must pass begins with
-- a write that takes no memory, what must not, with one that does.

local P, call = KEYS[1], redis.call

local arg_at = 0
local function arg()
	arg_at = arg_at + 1
	return ARGV[arg_at]
end

local function rest()
	local list = {}
	for i = arg_at + 1, #ARGV do
		list[#list + 1] = ARGV[i]
	end
	return list
end

local function digits(n)
	return string.format('%.0f', n)
end

local function clock()
	local t = call('TIME')
	return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function is_alive(sid)
	return call('EXISTS', P .. 's:' .. sid) == 1
end

-- A run's lock is held while the run lives and its session does, another while
-- its key is there.
local function is_left(token, sid)
	return sid and sid ~= '' and
	    not (is_alive(sid) and call('ZSCORE', P .. 'live', token))
end

-- After this no write of the script is refused for want of memory.
local function insist()
	call('DEL', P)
end

-- A store of another version is refused, one that is empty is signed.
local schema
local function is_foreign()
	schema = call('HGET', P .. 'meta', 'schema')
	return schema and schema ~= '1'
end

-- After is_foreign.
local function sign()
	if not schema then
		call('HSET', P .. 'meta', 'schema', '1')
	end
end
