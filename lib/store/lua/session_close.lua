-- The end of a session, as its instance says. What it still has (a run that
-- waits for its next attempt) is found by the others.

local sid = arg()

if is_foreign() then
	return { 'schema', schema }
end
call('DEL', P .. 's:' .. sid)
if call('EXISTS', P .. 'a:' .. sid) == 0 then
	call('SREM', P .. 's', sid)
	call('DEL', P .. 't:' .. sid)
end
return { 'ok' }
