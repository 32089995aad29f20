-- WORK_PUT: a piece of work, unless it is there or there is no room.

local p = read_put()

if is_foreign() then
	return { 'schema', schema }
end
local known = find_put(p)
if known then
	return known
end
if p.own == '1' and p.sid ~= '' and not is_alive(p.sid) then
	return { 'stale' }
end
return put(p, clock())
