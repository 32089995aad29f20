-- STORE_ONCE: whether the host's last batch from a file was this one; or, when
-- all of it has been applied, that it was.

local id, host, is_done = arg(), arg(), arg()
local key = P .. 'once:' .. host

if is_foreign() then
	return { 'schema', schema }
end
if call('GET', key) == id then
	return { 'lost' }
end
if is_done == '1' then
	insist()
	call('SET', key, id, 'PX', digits(30 * DAY))
end
return { 'ok' }
