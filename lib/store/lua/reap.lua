-- What sessions leave behind that are dead: their running runs are lost, those
-- that wait for another attempt are handed to the session that asks.

local keep, self, most = arg(), arg(), tonumber(arg())
local now, lost, done, is_more = clock(), 0, 0, false
local gone = {}

if is_foreign() then
	return { 'schema', schema }
end
if self ~= '' and not is_alive(self) then
	return { 'stale' }
end

-- Oldest first, so that the newest is its job's last run.
local found = {}
for _, sid in ipairs(call('SMEMBERS', P .. 's')) do
	if not is_alive(sid) then
		for _, id in ipairs(call('ZRANGE', P .. 'a:' .. sid, 0, -1)) do
			found[#found + 1] = { id = id, sid = sid }
		end
	end
end
table.sort(found, function(x, y) return x.id < y.id end)

for _, one in ipairs(found) do
	local r = call('HMGET', P .. 'r:' .. one.id, 'status', 'lock')
	if done >= most then
		is_more = true
		break
	elseif r[1] ~= 'pending' then
		leave_session(one.id, one.sid)
		if r[1] == 'running' then
			local job = mark_lost(one.id, keep, now)
			gone[job or ''] = one.id
			lost = lost + 1
		end
		done = done + 1
	elseif self ~= '' then
		move_session(one.id, one.sid, self, r[2])
		call('SADD', P .. 't:' .. self, one.id)
		done = done + 1
	end
end

for _, sid in ipairs(call('SMEMBERS', P .. 's')) do
	if not is_alive(sid) and call('EXISTS', P .. 'a:' .. sid) == 0 then
		call('SREM', P .. 's', sid)
		call('DEL', P .. 't:' .. sid)
	end
end

-- Of each job the newest that is lost, for those who are to be told.
local newest = {}
for job, id in pairs(gone) do
	if job ~= '' and self ~= '' then
		newest[#newest + 1] = id
	end
end

-- A run that may be begun again is of use while its instant is the last one.
local again = call('HGETALL', P .. 'again')
local list = {}
for i = 1, #again, 2 do
	local id, sched = again[i + 1]:match('^(%S+) (%S+)$')
	local j = call('HMGET', P .. 'j:' .. again[i], 'last', 'rid')
	if id and j[1] == sched and j[2] == id then
		list[#list + 1] = again[i]
		list[#list + 1] = id
		list[#list + 1] = sched
	else
		call('HDEL', P .. 'again', again[i])
	end
end
return { 'ok', lost, is_more and 1 or 0,
	self ~= '' and call('SMEMBERS', P .. 't:' .. self) or {}, list, newest }
