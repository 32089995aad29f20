-- The sessions that live: of each its id, its fields and what it runs.

local most = tonumber(arg())

if is_foreign() then
	return { 'schema', schema }
end

local function runs_of(sid)
	local list = {}
	for _, id in ipairs(call('ZRANGE', P .. 'a:' .. sid, 0, most - 1)) do
		local r = call('HMGET', P .. 'r:' .. id, 'job', 'status')
		if r[1] and r[2] == 'running' then
			list[#list + 1] = id
			list[#list + 1] = r[1]
		end
	end
	return list
end

local list = {}
for _, sid in ipairs(call('SMEMBERS', P .. 's')) do
	local fields = call('HGETALL', P .. 's:' .. sid)
	if #fields > 0 then
		list[#list + 1] =
		    { sid, fields, most > 0 and runs_of(sid) or {} }
	end
end
return { 'ok', list }
