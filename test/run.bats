#!/usr/bin/env bats
# `wjobs run` as a process: on time, drained, killed, started again.

load helper
# shellcheck disable=SC2154 # run and the scheduler set status, output and more

# history_is TEXT ARG... - what history has, as bare values.
history_is() {
  local want=$1
  shift
  [[ $("$WJOBS" history "$@" 2>&1) == "$want" ]]
}

# passed SECONDS - bash counts them.
passed() { ((SECONDS >= $1)); }

# dead PID - no such process, or only what is left of one.
dead() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }

@test "run: cron and interval jobs run on time, and history has them" {
  jobfile <<'END'
jobs:
  tick:
    cron: "* * * * * *"
    command: echo tick >>tick.out
  beat:
    interval: 300ms
    command: echo beat >>beat.out
END
  scheduler_start
  eventually lines_are tick.out -ge 2
  eventually lines_are beat.out -ge 4
  scheduler_stop
  is "$scheduler_status" 0
  is "$("$WJOBS" history tick -n 1 -o status,trigger,attempt)" \
    $'completed\tschedule\t1'
  # the due instant is a whole second, and no run began before it
  "$WJOBS" history tick --json --epoch >records
  grep -q '"scheduled_at":[0-9]*\(\.0*\)\?,' records
  is "$(jq -r 'select(.started_at < .scheduled_at) | .id' records)" ''
}

@test "run: one instant is one record, never two" {
  jobfile <<'END'
jobs: { fast: { interval: 100ms, command: echo >>fast.out } }
END
  scheduler_start
  eventually lines_are fast.out -ge 20
  scheduler_stop
  is "$("$WJOBS" history fast -n 1000 --status completed -o id | wc -l)" \
    "$(lines fast.out)"
  is "$("$WJOBS" history fast -n 1000 -o scheduled_at | sort | uniq -d)" ''
}

@test "run: TERM lets a run finish" {
  jobfile <<'END'
jobs:
  long:
    interval: 100ms
    command: echo begun >>begun; sleep 0.7; echo ended >>ended
END
  scheduler_start
  eventually test -s begun
  scheduler_stop
  is "$scheduler_status" 0
  is "$(lines begun)" "$(lines ended)"
  is "$("$WJOBS" history long --status completed -n 1 -o status)" completed
}

@test "run: a second TERM stops what runs, and exits 1" {
  jobfile <<'END'
jobs: { long: { interval: 100ms, command: "echo $$ >pid; exec sleep 60" } }
END
  scheduler_start
  eventually test -s pid
  kill -TERM "$scheduler"
  eventually grep -q stopping run.err
  scheduler_stop
  is "$scheduler_status" 1
  dead "$(<pid)"
  is "$("$WJOBS" history long --status failed -o status,reason)" $'failed\tshutdown'
}

@test "run: stop_timeout, then TERM, then KILL for what ignores it" {
  jobfile <<'END'
stop_timeout: 200ms
jobs:
  deaf:
    interval: 100ms
    kill_after: 200ms
    command: trap '' TERM; echo $$ >pid; while :; do sleep 0.05; done
END
  scheduler_start
  eventually test -s pid
  scheduler_stop
  is "$scheduler_status" 1
  dead "$(<pid)"
  is "$("$WJOBS" history deaf --status failed -o reason,signal)" $'shutdown\t9'
}

@test "run: INT stops too, HUP does not" {
  jobfile <<'END'
jobs: { rare: { cron: "0 0 29 2 *", command: "true" } }
END
  scheduler_start
  eventually grep -qs started run.err
  kill -HUP "$scheduler"
  eventually grep -q HUP run.err
  scheduler_runs
  scheduler_stop INT
  is "$scheduler_status" 0
}

@test "run: a second scheduler on the same jobfile is told who was first" {
  jobfile <<'END'
jobs: { rare: { cron: "0 0 29 2 *", command: "true" } }
END
  scheduler_start
  eventually grep -qs started run.err
  run --separate-stderr wjobs run
  is "$status" 75
  has "$stderr" "$scheduler"
  # one that was killed leaves nothing in the way
  kill -KILL "$scheduler"
  scheduler_wait
  rm run.err
  scheduler_start
  eventually grep -qs started run.err
  scheduler_stop
  is "$scheduler_status" 0
}

@test "run: kill -9, and the next start finds the run lost" {
  jobfile <<'END'
jobs: { long: { interval: 100ms, command: "echo $$ >>pids; exec sleep 60" } }
END
  scheduler_start
  eventually test -s pids
  eventually history_is running long --status running -o status
  kill -KILL "$scheduler"
  scheduler_wait
  kill -KILL "$(<pids)"
  eventually dead "$(<pids)"
  scheduler_start
  eventually history_is $'lost\tcrash' long --status lost -o status,reason
}

@test "run: a run that outlived its scheduler goes on blocking" {
  needs proc
  jobfile <<'END'
jobs: { long: { interval: 100ms, command: "echo $$ >>pids; exec sleep 60" } }
END
  scheduler_start
  eventually test -s pids
  # records are written in order: by then the store knows its process
  eventually history_is overlap long --status skipped -n 1 -o reason
  kill -KILL "$scheduler"
  scheduler_wait
  scheduler_start
  eventually grep -qs 'still runs from before' run.err
  eventually grep -qs 'is in the way' run.err
  is "$(lines pids)" 1
  # when it ends, the next instant runs
  kill -KILL "$(head -n 1 pids)"
  eventually lines_are pids -ge 2
  is "$("$WJOBS" history long --status lost -o reason)" crash
}

@test "run: a retry keeps its place when the scheduler is killed" {
  jobfile <<'END'
jobs:
  flaky:
    cron: "* * * * * *"
    command: echo "$WJOBS_RUN_ID $WJOBS_ATTEMPT" >>tries; exit 1
    retry: { max: 1, delay: 2s }
    overlap: forbid
END
  sed -i 's/cron: .*/interval: 100d\n    run_immediately: true/' wjobs.yaml
  scheduler_start
  eventually history_is pending flaky -o status
  kill -KILL "$scheduler"
  scheduler_wait
  sed -i '/run_immediately/d' wjobs.yaml
  scheduler_start
  eventually lines_are tries -eq 2
  is "$(cut -d' ' -f1 tries | sort -u | wc -l)" 1
  is "$(tail -n 1 tries | cut -d' ' -f2)" 2
  eventually history_is $'failed\t2' flaky -o status,attempt
}

@test "run: a retry of a job that is gone stays failed" {
  jobfile <<'END'
jobs:
  flaky: { interval: 100d, run_immediately: true, command: "exit 1", retry: { max: 1, delay: 1h } }
END
  scheduler_start
  eventually history_is pending flaky -o status
  scheduler_stop
  is "$scheduler_status" 0
  jobfile <<'END'
jobs: { other: { interval: 100d, command: "true" } }
END
  scheduler_start
  eventually history_is $'failed\texit' flaky -o status,reason
}

@test "run: what was missed while it was down is on record" {
  jobfile <<'END'
jobs:
  none: { interval: 200ms, command: echo none >>none.out }
  once: { interval: 200ms, command: echo once >>once.out, catch_up: once }
END
  scheduler_start
  eventually test -s none.out
  eventually test -s once.out
  scheduler_stop
  sleep 0.7 # time that must pass is the point of this test
  scheduler_start
  eventually history_is missed none --status skipped -n 1 -o reason
  eventually grep -q . once.out
  scheduler_stop
  [[ $("$WJOBS" history none --status skipped -o count | sort -n | tail -n 1) -ge 3 ]]
  has "$("$WJOBS" history once -n 1000 -o trigger)" catch_up
}

@test "run: the environment tells a run all about itself" {
  jobfile <<'END'
env: { GREETING: hello, BOTH: file }
jobs:
  env:
    interval: 100d
    run_immediately: true
    env: { BOTH: job }
    metadata: { team: web }
    command: |
      env >env.out; echo "rows=7" >>"$WJOBS_METADATA"; echo "bad line" >>"$WJOBS_METADATA"
END
  WJOBS_SECRET=x scheduler_start
  eventually history_is completed env -o status
  for want in GREETING=hello BOTH=job WJOBS_JOB=env WJOBS_ATTEMPT=1 \
    WJOBS_TRIGGER=immediate "WJOBS_FILE=$PWD/wjobs.yaml"; do
    grep -qxF "$want" env.out
  done
  is "$(grep -c '^WJOBS_SECRET=' env.out)" 0
  grep -qE '^WJOBS_SCHEDULED_AT=[0-9-]+T[0-9:.]+Z$' env.out
  is "$(grep '^WJOBS_RUN_ID=' env.out)" "WJOBS_RUN_ID=$("$WJOBS" history env -o id)"
  is "$("$WJOBS" history env --json | jq -c .metadata)" '{"team":"web","rows":"7"}'
}

@test "run: a timeout ends the whole group, and says it was the default" {
  jobfile <<'END'
jobs:
  hung:
    interval: 100d
    run_immediately: true
    timeout: 200ms
    kill_after: 200ms
    command: (trap '' TERM; echo $BASHPID $$ >pid; sleep 300) & sleep 300
END
  scheduler_start
  eventually history_is $'failed\ttimeout\ttimed out after 200ms' hung -o status,reason,error
  eventually dead "$(cut -d' ' -f2 pid)"
}

@test "run: a command that cannot start is a failure with its reason" {
  jobfile <<'END'
jobs:
  gone: { interval: 100d, run_immediately: true, command: [ /no/such/program ] }
  dir: { interval: 100d, run_immediately: true, command: "true", working_dir: /no/such/dir }
  file: { interval: 100d, run_immediately: true, command: "true", env_file: /no/such/env }
END
  scheduler_start
  for job in gone dir file; do
    eventually history_is $'failed\tspawn' "$job" -o status,reason
    has "$("$WJOBS" history "$job" -o error)" /no/such/
  done
  scheduler_runs
}

@test "run: success_codes, fail_on_output and signals decide what failed" {
  jobfile <<'END'
defaults: { interval: 100d, run_immediately: true }
jobs:
  three: { command: "exit 3", success_codes: [ 3 ] }
  zero: { command: "exit 0", success_codes: [ 3 ] }
  warns: { command: "echo oops >&2", fail_on_output: stderr }
  talks: { command: "echo fine", fail_on_output: stderr }
  any: { command: "echo fine", fail_on_output: any }
  dies: { command: "kill -SEGV $$" }
END
  scheduler_start
  eventually history_is $'completed\t' three -o status,reason
  eventually history_is $'failed\texit' zero -o status,reason
  eventually history_is $'failed\toutput' warns -o status,reason
  eventually history_is $'completed\t' talks -o status,reason
  eventually history_is $'failed\toutput' any -o status,reason
  eventually history_is $'failed\tsignal\t11' dies -o status,reason,signal
}

@test "run: output goes to the log, to our output, to a file, or nowhere" {
  jobfile <<'END'
defaults: { interval: 100d, run_immediately: true }
jobs:
  logged: { command: "echo to the log" }
  passed: { command: "echo passed on", output: passthrough }
  filed: { command: "echo into the file", output: file, output_file: job.log }
  gone: { command: "echo to nobody", output: discard }
END
  scheduler_start
  for job in logged passed filed gone; do
    eventually history_is completed "$job" -o status
  done
  eventually grep -q 'msg="to the log" job=logged' run.err
  eventually grep -qx 'passed on' run.out
  grep -qx 'into the file' job.log
  is "$("$WJOBS" logs filed)" 'into the file'
  is "$("$WJOBS" logs gone)" ''
  scheduler_stop
  is "$(grep -c 'to nobody' run.err run.out | grep -v ':0')" ''
}

@test "run: a full pool makes runs late, by priority, and loses none" {
  jobfile <<'END'
pool: { size: 1 }
defaults: { interval: 100d, run_immediately: true }
jobs:
  first: { command: "sleep 0.3; echo first >>order", priority: 9 }
  low: { command: echo low >>order, priority: -1 }
  high: { command: echo high >>order, priority: 5 }
  mid: { command: echo mid >>order }
END
  scheduler_start
  eventually lines_are order -eq 4
  is "$(tr '\n' ' ' <order)" 'first high mid low '
  eventually history_is late low -o reason
}

@test "run: a reader of the log that sleeps stalls no job" {
  jobfile <<'END'
jobs:
  loud: { interval: 200ms, command: "yes 'a long line of output' | head -n 20000" }
  tick: { interval: 200ms, command: echo tick >>tick.out }
END
  mkfifo pipe
  sleep 30 <pipe 3>&- 4>&- &
  "$WJOBS" run 2>pipe >/dev/null 3>&- 4>&- &
  scheduler=$!
  eventually lines_are tick.out -ge 8
  scheduler_stop
}

@test "run: stdin is empty, or what the job says" {
  jobfile <<'END'
defaults: { interval: 100d, run_immediately: true }
jobs:
  none: { command: "wc -c >none.out" }
  some: { command: "cat >some.out", stdin: "a b\n" }
END
  scheduler_start
  eventually history_is completed none -o status
  eventually history_is completed some -o status
  is "$(tr -d ' ' <none.out)" 0
  is "$(<some.out)" 'a b'
}

@test "run: the store in memory keeps nothing on disk" {
  jobfile <<'END'
store: memory
jobs: { tick: { interval: 100ms, command: echo tick >>tick.out } }
END
  scheduler_start
  eventually lines_are tick.out -ge 3
  scheduler_stop
  is "$scheduler_status" 0
  is "$(find "$WJOBS_STATE_DIR" -name '*.db')" ''
}

@test "run: a jobfile that is wrong is refused with all its errors" {
  jobfile <<'END'
jobs: { a: { cron: "61 * * * *", command: "true" }, b: { intervall: 1s, command: "true" } }
END
  run --separate-stderr wjobs run
  is "$status" 78
  has "$stderr" 'wjobs.yaml:1:'
  has "$stderr" 'intervall'
}

@test "run: as root, a jobfile that others may write is refused" {
  needs root
  jobfile <<'END'
jobs: { rare: { cron: "0 0 29 2 *", command: "true" } }
END
  chmod 666 wjobs.yaml
  refuses 78 wjobs.yaml run
  scheduler_start_trusting() { "$WJOBS" run --trust-file >run.out 2>run.err 3>&- 4>&- & scheduler=$!; }
  scheduler_start_trusting
  eventually grep -qs started run.err
  scheduler_stop
  is "$scheduler_status" 0
}

@test "run: a store that cannot be opened yet stops no job, and is told later" {
  jobfile <<END
store: $PWD/later/wjobs.db
jobs: { tick: { interval: 100ms, command: echo >>tick.out } }
END
  scheduler_start
  eventually grep -qs 'level=error msg="degraded' run.err
  eventually lines_are tick.out -ge 5
  mkdir -m 700 later
  eventually history_is completed tick -n 1 -o status
  eventually grep -qs 'takes history again' run.err
  scheduler_stop
  is "$scheduler_status" 0
  is "$(wjobs history tick --status completed -n 1000 -o id | wc -l)" "$(lines tick.out)"
}

@test "run: what was missed before a store that opens late is settled by the job's policy" {
  mkdir -m 700 later
  jobfile <<END
store: $PWD/later/wjobs.db
jobs:
  none: { interval: 1s, command: echo >>none.out }
  once: { interval: 1s, catch_up: once, command: 'echo \$WJOBS_TRIGGER >>once.out' }
END
  scheduler_start
  eventually lines_are none.out -ge 1
  scheduler_stop
  mv later away
  eventually passed $((SECONDS + 3))
  : >none.out
  scheduler_start
  eventually lines_are none.out -ge 1
  grep -qs catch_up once.out && return 1
  mv away later
  eventually grep -qs catch_up once.out
  eventually history_is skipped none -o status --status skipped -n 1
  is "$(wjobs history none --status skipped -o reason)" missed
  scheduler_stop
  is "$(grep -c catch_up once.out)" 1
}

@test "run: what could not be written is spooled, and the next start has it" {
  jobfile <<END
store: $PWD/later/wjobs.db
jobs:
  tick:
    interval: 100ms
    catch_up: all
    command: echo "\$WJOBS_SCHEDULED_AT" >>tick.out
END
  scheduler_start
  eventually lines_are tick.out -ge 5
  scheduler_stop
  test -n "$(find "$WJOBS_STATE_DIR" -name '*spool*')"
  mkdir -m 700 later
  scheduler_start
  eventually history_is completed tick -n 1 -o status
  scheduler_stop
  is "$(sort tick.out | uniq -d)" ''
  is "$(wjobs history tick --status completed -n 1000 -o id | wc -l)" "$(lines tick.out)"
}

@test "run: a jobfile is the same by whatever links it is named" {
  jobfile <<'END'
jobs:
  hello:
    interval: 1h
    command: echo hello
END
  ln -s wjobs.yaml link.yaml
  scheduler_start
  eventually test -s run.err
  run -75 --separate-stderr timeout 3 "$WJOBS" -f link.yaml run
  has "$stderr" "a scheduler already runs for this jobfile"
  gives hello -f link.yaml run hello
  gives hello logs hello
}
