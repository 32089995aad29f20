#!/usr/bin/env bats
# Hooks: commands that are told of a run.

load helper
load redis
load instances
# shellcheck disable=SC2154 # run and the scheduler set status, output and more

teardown() {
  instances_end
  redis_stop
  test_end
}

# A hook that writes down what it was told: a line in ./told, then env.HOOK and
# json.HOOK of the last one.
setup() {
  test_begin
  cat >tell <<'END'
#!/bin/sh
cat >"json.$WJOBS_HOOK.new" && mv "json.$WJOBS_HOOK.new" "json.$WJOBS_HOOK"
env | grep '^WJOBS_' | sort >"env.$WJOBS_HOOK"
echo "$WJOBS_HOOK $WJOBS_STATUS $WJOBS_FAILURES" >>told
END
  chmod +x tell
}

# told_is LINE... - in any order, and these alone.
told_is() {
  is "$(sort told 2>/dev/null)" "$(printf '%s\n' "$@" | sort)"
}

# env_of HOOK NAME - what it was told of that.
env_of() { sed -n "s/^$2=//p" "env.$1"; }

# all_hooks - one for each event, as keys of a file's hooks.
all_hooks() {
  local name
  for name in start success failure retry skip late recovery; do
    echo "  on_$name: ./tell"
  done
}

@test "hooks: a run that fails tells of its start, each retry and its end" {
  jobfile <<END
hooks:
$(all_hooks)
jobs:
  bad:
    cron: "0 0 29 2 *"
    retry: { max: 2, delay: 100ms, backoff: 2 }
    command: [sh, -c, "exit 3"]
    env: { OWN: mine }
    metadata: { team: ops }
END
  run -3 wjobs run bad
  told_is "on_failure failed 1" "on_retry pending " "on_retry pending " "on_start running "
  is "$(env_of on_failure WJOBS_JOB)" bad
  is "$(env_of on_failure WJOBS_RUN_ID)" "$("$WJOBS" history bad -o id)"
  is "$(env_of on_failure WJOBS_FILE)" "$PWD/wjobs.yaml"
  is "$(env_of on_failure WJOBS_ATTEMPT)" 3
  is "$(env_of on_failure WJOBS_EXIT_CODE)" 3
  is "$(env_of on_failure WJOBS_ERROR)" "exit status 3"
  is "$(env_of on_failure WJOBS_TRIGGER)" manual
  is "$(env_of on_failure WJOBS_DURATION)" "$("$WJOBS" history bad -o duration)"
  is "$(env_of on_failure WJOBS_RETRY_IN)" ""
  is "$(env_of on_failure WJOBS_METADATA)" ""
  has "$(env_of on_retry WJOBS_RETRY_IN)" "0."
  is "$(env_of on_start WJOBS_ATTEMPT)" 1
  is "$(env_of on_start WJOBS_EXIT_CODE)" ""
  is "$(env_of on_start WJOBS_DURATION)" ""
}

@test "hooks: they read the line that history --json prints" {
  jobfile <<END
hooks:
$(all_hooks)
jobs:
  bad:
    cron: "0 3 * * *"
    timezone: Asia/Kathmandu
    command: echo out; exit 4
    metadata: { team: "o\"ps" }
  good: { cron: "0 3 * * *", command: "true" }
END
  run -4 wjobs run bad
  is "$(<json.on_failure)" "$("$WJOBS" history bad --json)"
  is "$(lines json.on_failure)" 1
  wjobs run good
  is "$(<json.on_success)" "$("$WJOBS" history good --json)"
  is "$(jq -r .status json.on_start)" running
  is "$(jq -r .id json.on_start)" "$(jq -r .id json.on_success)"
}

@test "hooks: they have the job's directory, environment and shell" {
  mkdir sub
  echo 'LOADED=yes' >loaded
  jobfile <<'END'
env: { FROM_FILE: file }
jobs:
  good:
    cron: "@daily"
    command: "true"
    working_dir: sub
    env: { FROM_JOB: job, WJOBS_HOOK_ID: forged }
    env_file: loaded
    shell: /bin/bash
    on_success: echo "$PWD $FROM_FILE $FROM_JOB $LOADED ${BASH_VERSION:+bash}" >it
    on_start: [sh, -c, 'printf "%s\n" "$#$1" >argv', sh, $HOME]
END
  wjobs run good
  is "$(<sub/it)" "$PWD/sub file job yes bash"
  is "$(<sub/argv)" '1$HOME'
}

@test "hooks: nothing is ever pasted into the shell's text" {
  jobfile <<'END'
jobs:
  odd:
    cron: "@daily"
    command: ["./$(touch pwned)`touch pwned`'\";touch pwned;\n\e[1m"]
    metadata: { note: "';touch pwned;'" }
    on_failure: printf %s "$WJOBS_ERROR" >error; cat >json
END
  run -127 wjobs run odd
  [[ ! -e pwned ]]
  has "$(<error)" '$(touch pwned)`touch pwned`'"'"'";touch pwned;'
  is "$(<error)" "$(jq -rj .error json)"
  is "$(jq -r .metadata.note json)" "';touch pwned;'"
}

@test "hooks: a job whose env_file is gone tells of that all the same" {
  jobfile <<'END'
jobs:
  bare:
    cron: "@daily"
    command: "true"
    env_file: gone
    on_failure: echo "$WJOBS_JOB $WJOBS_ERROR" >error
END
  run -125 wjobs run bare
  has "$(<error)" "bare cannot open"
}

# does STATUS - how the job ends from now on.
does() { echo "exit $1" >does; }

# steps STATUS... - runs that end so, one after another, a process each.
steps() {
  local code
  for code; do
    does "$code"
    "$WJOBS" run j || [[ $? == "$code" ]]
  done
}

# repeats [REPEAT [STORE]] - a job that ends as it is told to.
repeats() {
  cat >wjobs.yaml <<END
store: ${2:-wjobs.db}
jobs:
  j:
    cron: "@daily"
    command: . ./does
    on_failure: ./tell
    on_recovery: ./tell
    on_failure_repeat: ${1:-once}
END
}

@test "hooks: an incident is told of once, and so is its end, whoever runs it" {
  repeats
  steps 0 1 1 1 0 0 1 0
  is "$(<told)" "on_failure failed 1
on_recovery completed 3
on_failure failed 1
on_recovery completed 1"
}

@test "hooks: the same between the hosts of a Redis" {
  redis_start
  repeats once "$REDIS"
  steps 1
  WJOBS_STATE_DIR=$T/other steps 1
  steps 1
  WJOBS_STATE_DIR=$T/other steps 0
  steps 0
  is "$(<told)" "on_failure failed 1
on_recovery completed 3"
}

@test "hooks: failures are told of each time, or again when a while has passed" {
  repeats every
  steps 1 1 0
  is "$(<told)" "on_failure failed 1
on_failure failed 2
on_recovery completed 2"
  rm told
  repeats 1h
  steps 1 1 0 1
  is "$(<told)" "on_failure failed 1
on_recovery completed 2
on_failure failed 1"
  rm told
  repeats 1ms
  steps 1 1
  is "$(<told)" "on_failure failed 2
on_failure failed 3"
}

@test "hooks: a recovery is told without an on_failure too" {
  jobfile <<'END'
jobs:
  j:
    cron: "@daily"
    command: . ./does
    on_recovery: ./tell
END
  steps 1 1 0 0
  is "$(<told)" "on_recovery completed 2"
}

@test "hooks: an entry's own stand in the place of the file's" {
  jobfile <<'END'
hooks: { on_success: echo all >>said, on_failure: echo bad >>said }
jobs:
  a: { cron: "@daily", command: "true" }
  b: { cron: "@daily", command: "true", on_success: echo own >>said }
  c: { cron: "@daily", command: "true", on_success: none }
  d: { cron: "@daily", command: "false", on_success: none }
END
  run wjobs run a b c d
  is "$(sort said)" "all
bad
own"
}

@test "hooks: a timeout, a signal and a command that is not there are failures" {
  jobfile <<'END'
hooks: { on_failure: 'cat >json.$WJOBS_JOB' }
jobs:
  slow: { cron: "@daily", command: sleep 60, timeout: 200ms }
  shot: { cron: "@daily", command: 'kill -SEGV $$' }
  gone: { cron: "@daily", command: [./gone] }
END
  run wjobs run slow shot gone
  is "$(cat json.slow json.shot json.gone | jq -r .reason)" "timeout
signal
spawn"
}

@test "hooks: exec has none" {
  jobfile <<END
hooks:
$(all_hooks)
jobs:
  j: { cron: "@daily", command: "true" }
END
  run -3 wjobs exec --history -- sh -c 'exit 3'
  [[ ! -e told ]]
}

@test "hooks: run JOB waits for them, and a signal cuts that short" {
  jobfile <<'END'
jobs:
  j:
    cron: "@daily"
    command: "true"
    on_success: echo $$ >pid; exec sleep 60
END
  "$WJOBS" run j 3>&- 4>&- &
  local pid=$!
  eventually test -s pid
  kill -0 $pid
  kill -INT $pid
  local code=0
  wait $pid || code=$?
  is "$code" 0
  eventually bash -c "! kill -0 $(<pid) 2>/dev/null"
}

@test "hooks: what fails is a line in the log, and nothing else" {
  jobfile <<'END'
jobs:
  j:
    interval: 100ms
    command: echo >>ran
    on_success: echo "it\"s $(printf '\033[1m\000bad')"; echo last words >&2; exit 7
    on_start: [/no/such/program]
END
  scheduler_start
  eventually lines_are ran -ge 3
  eventually grep -q 'hook=on_success' run.err
  scheduler_stop
  is "$scheduler_status" 0
  is "$("$WJOBS" history j --status failed)" ""
  local line
  line=$(grep -m 1 'hook=on_success' run.err)
  has "$line" 'level=warn msg="a hook failed" job=j run='
  has "$line" 'error="exit status 7" output="it\"s \x1b[1m'
  has "$line" 'bad\nlast words"'
  has "$(grep -m 1 'hook=on_start' run.err)" "/no/such/program"
}

@test "hooks: slow ones delay no run, and a stop waits for them" {
  jobfile <<'END'
jobs:
  j:
    interval: 100ms
    command: echo >>ran
    overlap: allow
    on_start: echo $$ >>begun; sleep 2; echo >>ended
END
  scheduler_start
  eventually lines_are ran -ge 12
  is "$(lines begun)" 8
  scheduler_stop
  is "$scheduler_status" 0
  is "$(lines ended)" "$(lines ran)"
}

@test "hooks: a second TERM does not wait for them" {
  jobfile <<'END'
jobs:
  j:
    interval: 100ms
    command: "true"
    on_start: echo $$ >>begun; exec sleep 60
END
  scheduler_start
  eventually lines_are begun -ge 8
  kill -TERM "$scheduler"
  eventually grep -q stopping run.err
  scheduler_stop
  is "$scheduler_status" 0
  local pid
  while read -r pid; do
    ! kill -0 "$pid" 2>/dev/null
  done <begun
  grep -q 'hooks were dropped\|killed, for wjobs was told to end' run.err
}

@test "hooks: one that prints a gigabyte costs no memory, and shows its end" {
  needs proc plain
  jobfile <<'END'
jobs:
  j:
    cron: "@daily"
    command: "true"
    on_success: head -c 1000000000 /dev/zero; echo the end; exit 1
END
  run bash -c "ulimit -v 400000; exec '$WJOBS' -v run j"
  is "$status" 0
  has "$output" "the end"
  ((${#output} < 4000))
}

@test "hooks: a run's timeout does not end its hook, nor what that left behind" {
  needs linux proc
  jobfile <<'END'
jobs:
  j:
    cron: "@daily"
    timeout: 1s
    command: setsid -f sleep 301; sleep 301
    on_start: >-
      setsid -f sleep 302 >/dev/null 2>&1; until [ -e over ]; do sleep 0.05; done;
      echo alive >hook
    on_failure: touch over
END
  run -124 wjobs run j
  is "$(<hook)" alive
  local left
  left=$(pgrep -f 'sleep 30[12]' | while read -r pid; do
    grep -qszxF "HOME=$HOME" "/proc/$pid/environ" && tr '\0' ' ' <"/proc/$pid/cmdline"
  done)
  is "$left" "sleep 302 "
}

@test "hooks: what is not run is told, with its reason and count" {
  jobfile <<'END'
jobs:
  j:
    interval: 200ms
    command: "until [ -e go ]; do sleep 0.05; done"
    on_skip: cat >>skips
END
  scheduler_start
  eventually lines_are skips -ge 2
  touch go
  is "$(jq -r .reason skips | sort -u)" overlap
  is "$(jq -r .status skips | sort -u)" skipped
  has "$(jq -r .error skips | head -n 1)" "is in the way"
  scheduler_stop
}

@test "hooks: what was missed is told once, with its count" {
  jobfile <<END
store: $PWD/j.db
jobs:
  j: { interval: 1h, command: "true", on_skip: 'echo \$WJOBS_STATUS >status; cat >>skips' }
END
  tool store "$PWD/j.db" own <<<"watermark job=j to=$((($(date +%s) - 36000) * 1000))"
  scheduler_start
  eventually test -s skips
  scheduler_stop
  is "$(jq -r '.reason, .count' skips)" "missed
10"
  is "$(<skips)" "$("$WJOBS" history j --json)"
  is "$(<status)" skipped
}

@test "hooks: a run that is lost is a failure, and its recovery is told" {
  needs linux proc
  jobfile <<'END'
jobs:
  j:
    interval: 100ms
    command: test -e once || { touch once; until [ -e go ]; do sleep 0.05; done; }
    on_failure: ./tell
    on_recovery: ./tell
END
  scheduler_start
  eventually test -e once
  eventually test -n "$("$WJOBS" history j --status running -o id)"
  kill -KILL "$scheduler"
  scheduler_wait
  scheduler_start
  eventually grep -q 'still runs from before' run.err
  touch go
  eventually grep -qs on_recovery told
  scheduler_stop
  is "$(head -n 2 told)" "on_failure lost 1
on_recovery completed 1"
  is "$(jq -r .reason json.on_failure)" crash
}

@test "hooks: a run that died with its scheduler is a failure, told at the next start" {
  needs linux proc
  jobfile <<'END'
jobs:
  j:
    interval: 100ms
    command: test -e once || { touch once; echo $$ >pid; exec sleep 60; }
    on_failure: ./tell
    on_recovery: ./tell
END
  scheduler_start
  eventually test -s pid
  eventually test -n "$("$WJOBS" history j --status running -o id)"
  kill -KILL "$scheduler" "$(<pid)"
  scheduler_wait
  scheduler_start
  eventually grep -qs on_recovery told
  scheduler_stop
  is "$(sort told)" "on_failure lost 1
on_recovery completed 1"
  is "$(<json.on_failure)" "$("$WJOBS" history j --status lost --json)"
}

@test "hooks: a run that died with its host is told of by another one, once" {
  needs linux proc
  redis_start
  jobfile <<END
store: $REDIS
jobs:
  j:
    interval: 200ms
    command: test -e once || { touch once; echo \$\$ >pid; exec sleep 60; }
    on_failure: ./tell
    on_recovery: ./tell
END
  hasty a
  eventually test -s pid
  hasty b
  hasty c
  murder a
  kill -KILL "$(<pid)"
  PATIENCE=15 eventually grep -qs on_recovery told
  stop b
  stop c
  is "$(sort told)" "on_failure lost 1
on_recovery completed 1"
  is "$(jq -r .worker json.on_failure)" a
}

@test "hooks: what was told while the store was away holds after a restart" {
  redis_start
  does 1
  jobfile <<END
store: $REDIS
jobs:
  j:
    interval: 300ms
    command: . ./does
    on_lock_error: run
    on_failure: ./tell
    on_recovery: ./tell
END
  redis_stop
  scheduler_start
  eventually test -s told
  scheduler_stop
  does 0
  redis_again
  scheduler_start
  eventually grep -q on_recovery told
  scheduler_stop
  is "$(cut -d ' ' -f 1 told)" "on_failure
on_recovery"
}

# dead PID - no such process, or only what is left of one.
dead() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }

# handles STORE - a handler whose payload says how it ends
handles() {
  cat >wjobs.yaml <<END
store: ${1:-wjobs.db}
handler_defaults: { retry: { max: 1, delay: 50ms } }
handlers:
  h:
    command: read -r code; exit "\$code"
$(all_hooks | sed 's/^/  /')
  once:
    command: read -r code; exit "\$code"
    retry: 0
    on_failure: ./tell
    on_recovery: ./tell
    on_failure_repeat: once
END
}

# works HANDLER CODE... - pieces of work that end so, one after another
works() {
  local handler=$1 code
  shift
  for code; do
    "$WJOBS" enqueue "$handler" --payload "$code"$'\n' --wait=10s >out 2>err ||
      [[ $? == "$code" ]]
  done
}

@test "hooks: of a handler, told of each failure, by its name" {
  local where
  redis_start
  for where in wjobs.db "$REDIS"; do
    rm -f told
    handles "$where"
    scheduler_start
    works h 0 3 3 0
    eventually lines_are told -ge 11
    scheduler_stop
    told_is "on_start running " "on_success completed 0" \
      "on_start running " "on_retry pending " "on_failure failed 1" \
      "on_start running " "on_retry pending " "on_failure failed 2" \
      "on_start running " "on_success completed 2" "on_recovery completed 2"
    is "$(env_of on_failure WJOBS_HANDLER) $(env_of on_failure WJOBS_JOB)" "h "
    is "$(env_of on_failure WJOBS_EXIT_CODE) $(env_of on_failure WJOBS_ATTEMPT)" "3 2"
    is "$(jq -r .job,.kind,.trigger json.on_failure)" "h
handler
queue"
    is "$(<json.on_failure)" "$("$WJOBS" history h --status failed -n 1 --json)"
  done
}

@test "hooks: of a handler, told once an incident where that is asked for" {
  local where
  redis_start
  for where in wjobs.db "$REDIS"; do
    rm -f told
    handles "$where"
    scheduler_start
    works once 1 1 0
    scheduler_stop
    scheduler_start
    works once 1 0
    eventually lines_are told -ge 4
    scheduler_stop
    is "$(<told)" "on_failure failed 1
on_recovery completed 2
on_failure failed 1
on_recovery completed 1"
  done
}

@test "hooks: of work that is buried since its workers died with it" {
  needs proc
  local where
  redis_start
  for where in "$PWD/w.db" "$REDIS"; do
    rm -f told
    jobfile <<END
store: $where
handlers:
  h:
    command: 'read -r code; [ "\$code" != die ] || kill -KILL \$PPID; exit \$code'
    retry: 0
    on_failure: ./tell
    on_recovery: ./tell
END
    "$WJOBS" enqueue h --payload $'die\n' >id
    local i
    for i in 1 2 3; do
      launch "$TOOLS/hasty" a
      PATIENCE=20 eventually dead "${PID[a]}"
      wait "${PID[a]}" || true
      unset "PID[a]"
    done
    hasty a
    PATIENCE=20 eventually grep -qs on_failure told
    stop a
    hasty a
    works h 0
    eventually grep -qs on_recovery told
    stop a
    is "$(<told)" "on_failure failed 1
on_recovery completed 1"
    is "$(jq -r .reason json.on_failure)" crash
  done
}

# notifies WANTED [REPEAT_MS] <SCRIPT - what `tool notify` says of it.
notifies() {
  local want=$1
  shift
  is "$(tool notify "$@" 2>log)" "$want"
}

@test "hooks: eight at a time, a thousand wait, the others are dropped and counted" {
  notifies "running=8 begun=8 idle=0
running=8 begun=508 idle=0
running=0 begun=1000 idle=1
running=2 begun=1002 idle=0" 0 <<'END'
quiet
end failed 1100
show
finish 500
show
finish 500
show
end failed 2
show
END
  is "$(grep -c 'too many hooks wait' log)" 1
  is "$(grep -c 'hooks were dropped" count=100' log)" 1
  is "$(lines log)" 2
}

@test "hooks: each has thirty seconds" {
  notifies "on_start status=running failures= retry_in=none timeout=30000
on_retry status=pending failures= retry_in=1.5 timeout=30000" <<'END'
start
retry 1500
END
}

@test "hooks: a store that does not answer is waited for, and nobody told twice" {
  notifies "asked again=-1
running=0 begun=0 idle=0
on_failure status=failed failures=1 retry_in=none timeout=30000
running=1 begun=1 idle=0
asked again=-1
asked again=-1
on_success status=completed failures=2 retry_in=none timeout=30000
on_recovery status=completed failures=2 retry_in=none timeout=30000" <<'END'
ask failed
pass 1999
show
pass 1
answer tell 1
show
ask failed
pass 2000
answer tell 2
ask completed
answer failed
END
}

@test "hooks: what the store says is so, and what is settled by another is not told" {
  notifies "asked again=-1
asked again=-1
asked again=-1
on_skip status=skipped failures= retry_in=none timeout=30000
asked again=-1
asked again=-1
on_success status=completed failures=7 retry_in=none timeout=30000
on_recovery status=completed failures=7 retry_in=none timeout=30000
nothing is asked" <<'END'
ask failed
answer lost
ask skipped
answer lost
ask skipped
answer hush
ask failed
answer hush 7
ask completed
answer unknown
ask cancelled
END
}

@test "hooks: without a store, again when a while has passed" {
  notifies "on_failure status=failed failures=1 retry_in=none timeout=30000
on_failure status=failed failures=3 retry_in=none timeout=30000" 60000 <<'END'
end failed
pass 59999
end failed
pass 1
end failed
END
}

@test "hooks: a stop waits for thirty seconds, or not at all" {
  notifies "on_failure status=failed failures=1 retry_in=none timeout=30000
killed why=4 now=1
stopped" <<'END'
end failed
stop
pass 29999
pass 2
END
  notifies "asked again=-1
on_start status=running failures= retry_in=none timeout=30000
killed why=4 now=1
stopped" <<'END'
ask failed
start
stop
stop now
pass 1
answer tell 1
END
  notifies "asked again=-1
on_failure status=failed failures=1 retry_in=none timeout=30000
stopped" <<'END'
ask failed
stop
answer tell 1
finish 1
END
}

@test "hooks: while the store is away, what the scheduler has seen decides" {
  redis_start
  does 1
  jobfile <<END
store: $REDIS
jobs:
  j:
    interval: 300ms
    command: . ./does
    on_lock_error: run
    on_failure: ./tell
    on_recovery: ./tell
END
  scheduler_start
  eventually test -s told
  redis_stop
  eventually grep -q degraded run.err
  does 0
  eventually grep -q on_recovery told
  redis_again
  scheduler_stop
  is "$(sed 's/ [0-9]*$//' told | head -n 2)" "on_failure failed
on_recovery completed"
}

# lates STORE - a job that stops succeeding, and another that is never begun
lates() {
  does 0
  jobfile <<END
timezone: UTC
store: $1
jobs:
  j:
    interval: 200ms
    command: . ./does
    expect_within: 2s
    on_late: ./tell
    on_recovery: ./tell
END
  scheduler_start
  # as long as all is well nothing is told
  eventually eval '(($("$WJOBS" stats j -o successful) > 8))'
  [[ ! -e told ]]
  does 1
  eventually test -s told
  is "$(env_of on_late WJOBS_JOB)" j
  is "$(env_of on_late WJOBS_STATUS)" overdue
  is "$(env_of on_late WJOBS_RUN_ID)" ''
  [[ $(env_of on_late WJOBS_ERROR) == "no success for 2"*", expected within 2s" ]]
  is "$(jq -c '[.job, .healthy, .state, .reason]' json.on_late)" \
    "[\"j\",false,\"overdue\",\"$(env_of on_late WJOBS_ERROR)\"]"
  # it goes on, and with another scheduler too: that was told
  scheduler_stop
  scheduler_start
  local n
  n=$("$WJOBS" stats j -o failed)
  eventually eval '(($("$WJOBS" stats j -o failed) > n + 10))'
  is "$(<told)" "on_late overdue "
  does 0
  eventually grep -q on_recovery told
  does 1
  PATIENCE=15 eventually eval '(($(grep -c on_late told) == 2))'
  scheduler_stop
}

@test "hooks: what is overdue is told once, and again after a success" {
  lates wjobs.db
}

@test "hooks: what is overdue is told once, on a Redis" {
  redis_start
  lates "$REDIS"
}

@test "hooks: what is overdue is told once, where claims and history are apart" {
  redis_start
  lates "wjobs.db
locking: $REDIS"
}

@test "hooks: of many hosts one tells that a job is overdue" {
  redis_start
  jobfile <<END
store: $REDIS
jobs:
  j:
    interval: 30d
    command: "true"
    expect_within: 1s
    on_late: ./tell
END
  hasty a
  hasty b
  hasty c
  eventually test -s told
  # all of them have asked by then
  eventually eval '(($(redis_cli info commandstats | sed -n "s/^cmdstat_evalsha:calls=\([0-9]*\).*/\1/p") > 12))'
  stop a
  stop b
  stop c
  is "$(<told)" "on_late overdue "
}

@test "hooks: a job that is never begun is overdue by its schedule" {
  jobfile <<END
pool: {size: 1}
stop_timeout: 100ms
jobs:
  long: { interval: 1h, command: sleep 60, run_immediately: true, priority: 5 }
  j: { interval: 500ms, command: "true", on_late: ./tell, overlap: queue }
END
  scheduler_start
  eventually test -s told
  is "$(env_of on_late WJOBS_ERROR | sed 's/for [0-9.]*s/for SOME/')" \
    "no start for SOME, due every 500ms"
  scheduler_stop
  is "$(head -n 1 told)" "on_late overdue "
}

@test "hooks: a scheduler that only works tells what its handlers lack" {
  jobfile <<END
handlers:
  h: { command: "true", expect_within: 1s, on_late: ./tell, on_recovery: ./tell }
END
  "$WJOBS" run --queue-only >run.out 2>run.err 3>&- 4>&- &
  scheduler=$!
  eventually test -s told
  is "$(env_of on_late WJOBS_HANDLER)" h
  "$WJOBS" enqueue h
  eventually grep -q on_recovery told
  scheduler_stop
}
