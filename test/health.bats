load helper
load redis

setup_file() { redis_start; }
teardown_file() { redis_stop; }

# on_both FUNCTION <JOBFILE - the function, for each kind of store, with a
# jobfile of its own in a directory of its own, and `past` for it.
on_both() {
  local text
  text=$(cat)
  for where in wjobs.db "$REDIS?prefix=$BATS_TEST_NUMBER-$RANDOM$RANDOM:"; do
    mkdir "on-${where%%[.:+]*}"
    cd "on-${where%%[.:+]*}" || return
    printf 'timezone: UTC\nstore: "%s"\n%s\n' "$where" "$text" >wjobs.yaml
    echo "in $where"
    "$@" # as a command of its own, so that each line of it counts
    cd .. || return
  done
}

past() { tool past --store="$where" wjobs.yaml "$@" >/dev/null; }

# says STATUS ARG... <<<WANTED - `health ARG...` with that status and answer.
says() {
  local code=$1 want
  want=$(cat)
  shift
  run --separate-stderr wjobs health "$@"
  is "$output" "$want" && is "$status" "$code" && is "$stderr" ""
}

each_state() {
  past job=good status=completed started=-10s duration=1s \
    + job=bad status=completed started=-4h duration=1s \
    + job=bad status=failed started=-3h duration=1s error='exit status 3' \
    + job=bad status=failed started=-2h duration=1s error='exit status 4' \
    + job=bad status=cancelled started=-1h duration=1s reason=cancelled \
    + job=bad status=skipped scheduled=-30m reason=overlap count=3 \
    + job=dead status=lost started=-1m completed=-30s reason=crash \
    error='scheduler died' \
    + job=idle status=completed started=-9d duration=1s \
    + job=old status=completed started=-2h duration=1s \
    + job=off status=failed started=-1h duration=1s error=no \
    + job=hung status=completed started=-1h duration=2s \
    + job=hung status=running started=-7s \
    + job=busy status=completed started=-1h duration=20s \
    + job=busy status=completed started=-2h duration=1s \
    + job=busy status=running started=-7s
  says 1 -o job,healthy,state <<END
good	true	ok
bad	false	failing
dead	false	lost
idle	false	overdue
old	false	overdue
off	true	disabled
fresh	true	new
hung	false	stuck
busy	true	ok
END
  says 1 bad dead idle old -o job,reason <<END
bad	exit status 4
dead	scheduler died
idle	no start for 9d, due every 1d
old	no success for 2h, expected within 1h
END
  has "$(wjobs health hung -o reason)" "s, p95 is 2s and the longest took 2s"
  is "$(wjobs health fresh off -o reason)" $'never due yet\nenabled: false'
}

@test "health: each state, on both stores" {
  on_both each_state <<'END'
jobs:
  good: { interval: 1h, command: a }
  bad: { cron: "0 3 * * *", command: b }
  dead: { interval: 1h, command: c }
  idle: { cron: "0 3 * * *", command: d }
  old: { interval: 1d, command: e, expect_within: 1h }
  off: { interval: 1h, command: f, enabled: false }
  fresh: { interval: 1h, command: g }
  hung: { interval: 1d, command: h }
  busy: { interval: 1d, command: i }
END
}

some_jobs() {
  where=wjobs.db
  jobfile <<'END'
timezone: UTC
jobs:
  good: { interval: 1h, command: a }
  bad: { interval: 1h, command: b, timezone: Asia/Kolkata }
END
  past job=good status=completed started=-10s duration=1s \
    + job=bad status=failed started=-20s completed=-19s duration=1s \
    error='exit status 3' + job=gone status=failed started=-1m duration=1s
}

@test "health: JSON has each field, in order, with its type" {
  some_jobs
  run wjobs health --json
  is "$(sed 's/"20[^"]*+05:30"/TIME/' <<<"$output")" \
    '{"job":"good","healthy":true,"state":"ok","reason":null,"since":null}
{"job":"bad","healthy":false,"state":"failing","reason":"exit status 3","since":TIME}'
}

@test "health: the status is about those asked for, and who is unknown is 3" {
  some_jobs
  says 0 good -o state <<<ok
  says 1 good bad -o state <<<$'ok\nfailing'
  refuses 3 "no job 'goodd', did you mean 'good'?" health bad goodd
  refuses 2 "did you mean 'state'?" health -o stat
}

@test "health: what the jobfile lost is told only by name" {
  some_jobs
  says 1 gone -o job,state <<<$'gone\tfailing'
  run wjobs health -o job
  is "$output" $'good\nbad'
}

@test "health: without a jobfile it is of what the store knows" {
  run wjobs exec --history --name try -- false
  run wjobs exec --history --name well -- true
  says 1 -o job,state <<<$'try\tfailing\nwell\tok'
}

@test "health: nothing yet is well, and makes no store" {
  jobfile <<'END'
jobs: { a: { interval: 5m, command: b } }
END
  says 0 -o state <<<new
  says 0 --nagios <<<"WJOBS OK - 1 healthy | jobs=1;;;0 unhealthy=0;;;0 ok=0;;;0 new=1;;;0 disabled=0;;;0 paused=0;;;0 failing=0;;;0 lost=0;;;0 overdue=0;;;0 stuck=0;;;0"
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "health: a store that does not answer is 4, and unknown to Nagios" {
  jobfile <<END
store: redis+unix://$T/none
jobs: { a: { interval: 5m, command: b } }
END
  refuses 4 "cannot connect" health
  run --separate-stderr wjobs health --nagios
  is "$status" 3
  has "$output" "WJOBS UNKNOWN - "
  has "$output" "cannot connect"
}

@test "health: for Nagios it is one line, with its statuses" {
  some_jobs
  run --separate-stderr wjobs health --nagios
  is "$status" 2
  is "${#lines[@]}" 1
  has "$output" "WJOBS CRITICAL - 1 of 2 not healthy: bad failing (exit status 3) | jobs=2;;;0 unhealthy=1;;;0 ok=1;;;0"
  run --separate-stderr wjobs health --nagios good
  is "$status" 0
  has "$output" "WJOBS OK - 1 healthy |"
  past job=good status=running started=-1h
  run --separate-stderr wjobs health --nagios good
  is "$status" 1
  has "$output" "WJOBS WARNING - 1 of 1 not healthy: good stuck (running for 1h"
  run --separate-stderr wjobs health --nagios goodd
  is "$status" 3
  has "$output" "WJOBS UNKNOWN - no job 'goodd'"
  run --separate-stderr wjobs health --nagios --no
  is "$status" 3
  has "$output" "WJOBS UNKNOWN - unknown option '--no'"
  run --separate-stderr wjobs -f none.yaml health --nagios
  is "$status" 3
  has "$output" "WJOBS UNKNOWN - "
  refuses 2 "form of its own" health --json --window=5m --max-failure-rate 1 --nagios ||
    [[ $status == 3 && $output == *"form of its own"* ]]
}

@test "health: for Nagios ten are named, and the others counted" {
  where=wjobs.db
  local i args=()
  {
    echo 'jobs:'
    for i in {1..14}; do echo "  j$i: { interval: 1h, command: 'true # $i' }"; done
  } >wjobs.yaml
  for i in {1..14}; do args+=(+ "job=j$i" status=failed started=-1m error=x); done
  past "${args[@]:1}"
  run --separate-stderr wjobs health --nagios
  has "$output" "14 of 14 not healthy: j1 failing (x), "
  has "$output" "j10 failing (x) and 4 more | jobs=14;;;0"
}

@test "health: hostile text forges no line, no colour and no figure" {
  where=wjobs.db
  jobfile <<'END'
jobs: { a: { interval: 1h, command: b } }
END
  past job=a status=failed started=-1m duration=1s \
    error=$'x\e[2J\nWJOBS OK - fine | jobs=0 \xff'
  run --separate-stderr wjobs health
  is "${#lines[@]}" 2
  [[ $output != *$'\e'* ]]
  has "$output" '\x1b[2J\nWJOBS OK'
  run --separate-stderr wjobs health --nagios
  is "$status" 2
  is "${#lines[@]}" 1
  [[ $output != *$'\e'* ]]
  is "$(tr -cd '|' <<<"$output")" "|"
  run wjobs health --json -o reason
  is "$output" '{"reason":"x\u001B[2J\nWJOBS OK - fine | jobs=0 �"}'
}

@test "health: times to come make nobody overdue or stuck" {
  where=wjobs.db
  jobfile <<'END'
jobs:
  a: { interval: 1h, command: b }
  c: { interval: 1h, command: d, expect_within: 1h }
END
  past job=a status=completed started=+9d duration=1s \
    + job=a status=running started=+10d \
    + job=c status=completed started=2999-01-01 duration=1s
  says 0 -o job,state <<<$'a\tok\nc\tok'
}

@test "health: an incident began with the first failure since a success" {
  where=wjobs.db
  jobfile <<'END'
timezone: UTC
jobs: { a: { interval: 1h, command: b } }
END
  past job=a status=failed started=2026-01-01T00:00Z duration=1s \
    + job=a status=completed started=2026-01-02T00:00Z duration=1s \
    + job=a status=failed started=2026-01-03T00:00Z duration=1s \
    + job=a status=skipped scheduled=2026-01-03T12:00Z reason=overlap \
    + job=a status=lost started=2026-01-04T00:00Z completed=2026-01-04T00:01Z \
    + job=a status=failed started=2026-01-05T00:00Z duration=1s
  says 1 -o state,since <<<$'failing\t2026-01-03T00:00:01.000+00:00'
}

# The rate of a random history, and its last run, counted here as it is made.
random_histories() {
  local i j n status last bad ran args=() wanted='' by_rate='' last_is
  RANDOM=$((BATS_TEST_NUMBER * 7 + 1))
  for i in {1..12}; do
    last='' bad=0 ran=0
    n=$((1 + RANDOM % 9))
    for ((j = n; j > 0; j--)); do
      case $((RANDOM % 6)) in
        0) status=failed ;;
        1) status=lost ;;
        2) status=cancelled ;;
        3) status=skipped ;;
        *) status=completed ;;
      esac
      args+=(+ job="j$i" status="$status" scheduled="-$((j * 50))m"
        completed="-$((j * 50 - 1))m" duration=5s)
      [[ $status == skipped ]] && args+=(reason=overlap)
      [[ $status == skipped || $status == cancelled ]] || last=$status
      # two hours back lie two of them, at -50m and -100m
      ((j <= 2)) || continue
      case $status in
        failed | lost) bad=$((bad + 1)) ran=$((ran + 1)) ;;
        completed) ran=$((ran + 1)) ;;
      esac
    done
    case $last in
      failed) last_is=failing ;;
      lost) last_is=lost ;;
      *) last_is=ok ;;
    esac
    wanted+="j$i	$last_is"$'\n'
    by_rate+="j$i	$( ((bad * 100 > ran * 40)) && echo failing || echo ok)"$'\n'
  done
  past "${args[@]:1}"
  says 1 -o job,state <<<"${wanted%$'\n'}"
  says 1 --max-failure-rate 40% --window 2h -o job,state <<<"${by_rate%$'\n'}"
  says 1 --max-failure-rate 0.4 --window 2h -o job,state <<<"${by_rate%$'\n'}"
}

@test "health: the last run decides, or the rate: as counted by hand, on both stores" {
  on_both random_histories <<END
defaults: { interval: 30d }
jobs:
$(for i in {1..12}; do echo "  j$i: { command: 'true # $i' }"; done)
END
}

@test "health: a rate is a fraction or a percentage, and no more than all" {
  some_jobs
  says 0 bad --max-failure-rate 1 -o state <<<ok
  says 0 bad --max-failure-rate 100% -o state <<<ok
  says 1 bad --max-failure-rate 0 -o state,reason <<<$'failing\t1 of 1 runs failed in 1d, the last by: exit status 3'
  refuses 2 "'x' is not a rate such as 0.05 or 5%" health --max-failure-rate x
  refuses 2 "'5%%' is not a rate" health --max-failure-rate 5%%
  refuses 2 "'1.' is not a rate" health --max-failure-rate 1.
  refuses 2 "'' is not a rate" health --max-failure-rate ''
  refuses 2 "'1.01' is more than all" health --max-failure-rate 1.01
  refuses 2 "'101%' is more than all" health --max-failure-rate 101%
  refuses 2 "--window is that of --max-failure-rate" health --window 1h
}

handlers() {
  wjobs enqueue send --payload a >/dev/null
  wjobs enqueue send --payload b >/dev/null
  past job=send kind=handler status=failed started=-1m duration=1s error=no
  run wjobs health -o job,state,reason
  is "$(sed 's/for .*/for SPAN/' <<<"$output")" \
    "send	failing	no; 2 ready, the oldest for SPAN"
}

@test "health: of a handler its last run, and what waits, on both stores" {
  on_both handlers <<'END'
handlers: { send: { command: cat } }
END
}

full_pool() {
  past job=a status=running started=-20s worker=one \
    + job=b status=running started=-10s worker=one \
    + job=c status=running started=-5s worker=one trigger=manual \
    + job=c status=running started=-5s worker=two
  says 0 -o job,healthy,state,reason <<<$'a\ttrue\tok\t\nb\ttrue\tok\t\nc\ttrue\tok\t\n\ttrue\tfull\tpool.size is 2, and as many run'
  has "$(wjobs health)" "(pool)  full"
  is "$(wjobs health --epoch -o state,since | sed -n 's/full\t//p')" \
    "$(wjobs history b -o started_at --epoch)"
  says 0 a b -o state <<<$'ok\nok'
  sed -i 's/size: 2/size: 3/' wjobs.yaml
  says 0 -o job,state <<<$'a\tok\nb\tok\nc\tok'
}

@test "health: a full pool is a line of its own, on both stores" {
  on_both full_pool <<'END'
pool: { size: 2 }
jobs:
  a: { interval: 1h, command: a }
  b: { interval: 1h, command: b }
  c: { interval: 1h, command: c }
END
}

@test "health: it needs no scheduler to see that there is none" {
  where=wjobs.db
  jobfile <<'END'
jobs: { a: { interval: 100ms, command: "true" } }
END
  scheduler_start
  eventually eval 'wjobs health a -o state | grep -q ok'
  scheduler_stop KILL
  eventually eval 'wjobs health a -o state | grep -q overdue'
}

@test "health: another host sees by the store that no scheduler is there" {
  mkdir here there
  printf 'store: "%s"\njobs: { a: { interval: 100ms, command: "true" } }\n' \
    "$REDIS?prefix=$BATS_TEST_NUMBER:" >here/wjobs.yaml
  cp here/wjobs.yaml there
  scheduler_start -f here/wjobs.yaml
  cd there
  eventually eval 'wjobs health a -o state | grep -q ok'
  scheduler_stop KILL
  eventually eval 'wjobs health a -o state | grep -q overdue'
}

@test "health: work that is buried, and work that hangs" {
  where=wjobs.db
  jobfile <<'END'
handlers:
  bad: { command: exit 3, retry: 0 }
  slow: { command: sleep 60, stop_signal: KILL }
stop_timeout: 100ms
END
  past job=slow kind=handler status=completed started=-1m duration=1ms
  wjobs enqueue bad
  wjobs enqueue slow
  scheduler_start
  eventually eval 'wjobs health bad -o state | grep -q failing'
  is "$(wjobs health bad -o reason)" "exit status 3; 1 buried"
  eventually eval 'wjobs health slow -o state | grep -q stuck'
  scheduler_stop
}

# verdict WANTED KEY=VALUE... - by the table of wjobs.yaml; see tool monitor.
verdict() {
  local want=$1
  shift
  is "$* -> $(tool monitor wjobs.yaml <<<"$*")" "$* -> $want"
}

@test "monitor: overdue is the second instant without a start, and not the first" {
  jobfile <<'END'
timezone: UTC
jobs:
  daily: { cron: "0 3 * * *", command: a }
  office: { cron: "0 9-17 * * mon-fri", command: b }
  grid: { interval: 5m, command: c }
  spread: { interval: 1h, command: d, jitter: 30m }
  weekly: { cron: "0 0 * * mon", command: e, expect_within: 36h }
  off: { cron: "0 3 * * *", command: f, enabled: false }
  once: { cron: "0 0 29 2 *", command: g }
handlers:
  idle: { command: h }
  awaited: { command: i, expect_within: 1h }
END
  verdict "ok 2026-01-12T03:00:00.000+00:00" now=2026-01-12T03:00Z job=daily started=2026-01-10T03:00:00.005Z
  verdict "overdue 2026-01-12T03:00:00.000+00:00" now=2026-01-12T03:00:00.001Z job=daily started=2026-01-10T03:00:00.005Z
  # by a clock that is behind, or by hand just before: that was its start
  verdict "ok 2026-01-12T03:00:00.000+00:00" now=2026-01-11T12:00Z job=daily started=2026-01-10T02:59:30Z
  verdict "ok 2026-01-11T03:00:00.000+00:00" now=2026-01-11T00:00Z job=daily started=2026-01-10T02:00Z
  # a Friday's last, and Monday's first two
  verdict "ok 2026-01-12T10:00:00.000+00:00" now=2026-01-11T20:00Z job=office started=2026-01-09T17:00:01Z
  verdict "overdue 2026-01-12T10:00:00.000+00:00" now=2026-01-12T10:01Z job=office started=2026-01-09T17:00:01Z
  verdict "ok 2026-01-01T00:10:00.000+00:00" now=2026-01-01T00:10Z job=grid started=2026-01-01T00:00:01Z
  verdict "overdue 2026-01-01T00:10:00.000+00:00" now=2026-01-01T00:10:01Z job=grid started=2026-01-01T00:00:01Z
  # never begun: from when it was first known
  verdict "overdue 2026-01-01T00:15:00.000+00:00" now=2026-01-01T00:20Z job=grid first=2026-01-01T00:07Z
  verdict "new never" now=2026-01-01 job=grid
  # a run in its way, while a scheduler lives that settles what comes
  verdict "ok 2026-01-01T01:10:00.000+00:00" now=2026-01-01T01:01Z job=grid live=2026-01-01T00:00Z watermark=2026-01-01T01:00Z
  verdict "overdue 2026-01-01T01:10:00.000+00:00" now=2026-01-01T02:01Z job=grid live=2026-01-01T00:00Z watermark=2026-01-01T01:00Z
  # what was skipped is no start, where nothing runs
  verdict "overdue 2026-01-01T00:10:00.000+00:00" now=2026-01-01T01:01Z job=grid started=2026-01-01T00:00:01Z watermark=2026-01-01T01:00Z
  # by the last success, whatever the schedule says
  verdict "ok 2026-01-02T12:00:00.000+00:00" now=2026-01-02T12:00Z job=weekly started=2026-01-01T00:00Z success=2026-01-01T00:00Z
  verdict "overdue 2026-01-02T12:00:00.000+00:00" now=2026-01-02T12:00:00.001Z job=weekly started=2026-01-02T12:00Z success=2026-01-01T00:00Z
  verdict "overdue 2026-01-02T12:00:00.000+00:00" now=2026-01-04 job=weekly first=2026-01-01T00:00Z
  verdict "disabled never" now=2026-01-04 job=off started=2020-01-01
  verdict "paused never" now=2026-01-04 job=daily started=2020-01-01T04:00Z paused=1
  verdict "ok 2032-02-29T00:00:00.000+00:00" now=2026-01-04 job=once started=2024-02-29T00:00Z
  verdict "ok never" now=2026-01-04 job=idle started=2020-01-01
  verdict "overdue 2020-01-01T01:00:00.000+00:00" now=2026-01-04 job=awaited started=2020-01-01 success=2020-01-01
  verdict "ok never" now=2026-01-04 started=2020-01-01
  # later by what jitter may take, which is fixed by the name
  local at
  at=$(tool monitor wjobs.yaml <<<"now=2026-01-01T01:00Z job=spread started=2026-01-01T00:20Z")
  [[ $at > "ok 2026-01-01T02:00:00.000+00:00" && $at < "ok 2026-01-01T02:31" ]]
}

@test "monitor: stuck is over three times p95, and longer than any before" {
  jobfile <<'END'
timezone: UTC
jobs: { a: { interval: 1d, command: a } }
END
  local at="job=a live=2026-01-01T00:00Z attempt=2026-01-01T00:00Z now=2026-01-01"
  is "$(tool monitor wjobs.yaml <<END | cut -d' ' -f1 | paste -sd' '
${at}T00:00:30Z p95=10s longest=10s
${at}T00:00:30.001Z p95=10s longest=10s
${at}T00:00:30.001Z p95=10s longest=1m
${at}T00:01:00Z p95=10s longest=1m
${at}T00:01:00.001Z p95=10s longest=1m
${at}T23:00:00Z
${at}T00:00:31Z p95=10s longest=10s strip=failed
job=a live=2026-01-02 attempt=2026-01-02 now=2026-01-01 p95=1ms longest=1ms
END
)" "ok stuck ok ok stuck ok stuck ok"
}

@test "monitor: the last that succeeded, failed or was lost decides" {
  jobfile <<'END'
jobs: { a: { interval: 30d, command: a } }
END
  local at="job=a now=2026-01-01 started=2026-01-01"
  is "$(tool monitor wjobs.yaml <<END | cut -d' ' -f1 | paste -sd' '
$at strip=completed
$at strip=completed,failed
$at strip=failed,completed
$at strip=failed,lost
$at strip=completed,lost,cancelled,cancelled
$at strip=failed,completed,skipped
$at strip=skipped,cancelled failure=2025-12-02 success=2025-12-01
$at strip=skipped,cancelled failure=2025-12-02 success=2025-12-03
$at strip=cancelled
$at strip=failed rate=0.5 ran=2 bad=1
$at strip=completed rate=0.5 ran=3 bad=2
$at strip=failed rate=0 ran=0 bad=0
END
)" "ok failing ok lost lost ok failing ok ok ok failing ok"
}
