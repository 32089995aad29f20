-- WORK_END: the last attempt has ended. WORK_AGAIN: there will be another, in
-- so long, unless its user wants none.

local limits, id, take, delay = read_limits(), arg(), arg(), arg()
local a = {}
for _, name in ipairs({ 'state', 'status', 'took', 'again', 'done', 'output',
	'head', 'tail' }) do
	a[name] = arg()
end
local given = rest()

if is_foreign() then
	return { 'schema', schema }
end
local w = find(id)
if not w or w.take ~= take then
	return { 'lost' }
end
local is_end = delay == ''
if w.own and not is_end then
	return { 'lost' }
end
-- Said before, and done; or ended by its user meanwhile.
if w.state ~= 'running' then
	if is_end and w.state ~= 'ready' and w.state ~= 'delayed' then
		return { 'ok', tell_of(w.job, w.run or id, a.status) }
	end
	return { not is_end and w.state ~= 'buried' and w.state ~= 'done' and
	    'ok' or 'lost' }
end

local now = clock()
local fields = run_fields(w, given)
if is_end and a.state ~= 'buried' then
	call('DEL', P .. 'p:' .. id)
else
	insist()
end
if not is_end and w.told then
	is_end, a.state, a.status = true, 'cancelled', 'cancelled'
	call('DEL', P .. 'p:' .. id)
	for name, value in pairs({ status = 'cancelled', why = 'cancelled',
		['end'] = digits(now) }) do
		fields[#fields + 1] = name
		fields[#fields + 1] = value
	end
end
keep_output(id, a.output, a.head, a.tail, now)
if not is_end then
	local due = now + tonumber(delay)
	local state = due > now and 'delayed' or 'ready'
	note(w, fields, 'state', state, 'due', digits(due))
	leave(w)
	if state == 'ready' then
		make_ready(w.m, w.job, 'running', due - tonumber(w.lead), now)
	else
		move(w.m, w.job, 'running', state, due)
	end
	ring()
	return { 'ok' }
end
local answer
if limits.history then
	-- one attempt that wrote nothing has no output to look for
	w.has_output = a.output == 'put' or tonumber(w.n) > 1
	answer = record_run(w, fields, a.status, limits, a.took, a.again, a.done)
end
note(w, fields, 'state', a.state, 'ended', digits(now))
close(w, a.state, now)
return { 'ok', answer }
