#!/usr/bin/env bats
# Filters: `wjobs run JOB...` and `wjobs exec`, here and now.

load helper
# shellcheck disable=SC2154 # run and the scheduler set status, output and more

some_jobs() {
  jobfile <<'END'
jobs:
  hello: { interval: 1d, command: "echo hello; echo aside >&2" }
  three: { interval: 1d, command: "exit 3" }
  four: { interval: 1d, command: "exit 4" }
  fine: { interval: 1d, command: "exit 7", success_codes: [ 7 ] }
  dies: { interval: 1d, command: "kill -KILL $$" }
  hung: { interval: 1d, command: [ sleep, "60" ], timeout: 100ms }
  gone: { interval: 1d, command: [ /no/such/program ] }
  warns: { interval: 1d, command: "echo x >&2", fail_on_output: stderr }
  off: { interval: 1d, command: "echo off", enabled: false }
  flaky: { interval: 1d, command: "echo try; exit 1", retry: { max: 2, delay: 10ms } }
  fed: { interval: 1d, command: "cat", stdin: "from the jobfile" }
END
}

# ends STATUS ARG... - with that status, nothing looked at but it.
ends() {
  local want=$1
  shift
  run "-$want" --separate-stderr wjobs "$@"
}

@test "run JOB: output passes whole, on its own two streams, and nothing else" {
  some_jobs
  ends 0 run hello
  is "$output" hello
  is "$stderr" aside
}

@test "run JOB: the exit status is the command's own" {
  some_jobs
  ends 3 run three
  is "$stderr" ''
  ends 0 run fine
  ends 137 run dies
  has "$stderr" 'wjobs: dies: killed by signal 9'
  ends 124 run hung
  has "$stderr" 'wjobs: hung: timed out after 100ms'
  ends 127 run gone
  has "$stderr" 'wjobs: gone: '
  ends 1 run warns
  has "$stderr" 'wjobs: warns: it wrote to standard error'
}

@test "run JOB: of several, the first failure in the order given" {
  some_jobs
  ends 4 run hello four three hello
  is "$output" $'hello\nhello'
}

@test "run JOB: an unknown one is 3, and none of them runs" {
  some_jobs
  refuses 3 hello run hello helo
}

@test "run JOB: a disabled job runs by hand" {
  some_jobs
  gives off run off
}

@test "run JOB: retries, history and no due instant" {
  some_jobs
  ends 1 run flaky
  is "$output" $'try\ntry\ntry'
  is "$(wjobs history flaky -o status,trigger,attempt,scheduled_at)" \
    $'failed\tmanual\t3\t'
  is "$(wjobs logs flaky)" try
}

@test "run JOB: standard input is the job's, or empty" {
  some_jobs
  is "$(echo ours | wjobs run fed)" 'from the jobfile'
}

@test "run JOB: what runs already is in the way" {
  jobfile <<'END'
jobs: { long: { interval: 1d, command: "echo $$ >pid; exec sleep 60" } }
END
  "$WJOBS" run long 3>&- 4>&- &
  first=$!
  eventually test -s pid
  ends 75 run long
  has "$stderr" 'in the way'
  kill -TERM "$first"
  wait "$first" || status=$?
  is "$status" 143
}

@test "run JOB: the scheduler skips while one runs by hand" {
  jobfile <<'END'
jobs: { long: { interval: 100ms, command: "echo $$ >>pids; exec sleep 60" } }
END
  "$WJOBS" run long 3>&- 4>&- &
  eventually test -s pids
  scheduler_start
  eventually grep -qs 'is in the way' run.err
  is "$(lines pids)" 1
  kill -TERM "$(<pids)"
}

@test "run JOB: a signal is passed on, and ends the row" {
  jobfile <<'END'
jobs:
  traps: { interval: 1d, command: "trap 'echo got it; exit 9' INT; echo ready; while :; do sleep 0.05; done", retry: 5 }
  next: { interval: 1d, command: "echo next" }
END
  # a shell's background job ignores INT, so ask for it anew
  setsid env --default-signal=INT "$WJOBS" run traps next >out 3>&- 4>&- &
  pid=$!
  eventually grep -qs ready out
  kill -INT "$pid"
  status=0
  wait "$pid" || status=$?
  is "$status" 9
  is "$(<out)" $'ready\ngot it'
}

@test "exec: runs any command, with its own status" {
  ends 5 exec -- sh -c 'exit 5'
  is "$output$stderr" ''
  ends 0 exec true
  ends 127 exec -- /no/such/program
  has "$stderr" 'wjobs: '
  touch plain
  ends 126 exec ./plain
  ends 143 exec -- sh -c 'kill $$'
  ends 2 exec
}

@test "exec: standard input and output are the caller's" {
  is "$(printf 'a\0b' | wjobs exec cat | od -An -c | tr -d ' ')" 'a\0b'
  is "$(head -c 3000000 /dev/zero | wjobs exec --history --name zeros cat | wc -c)" 3000000
  is "$(wjobs history zeros -o output_bytes)" 3000000
}

@test "exec: --timeout and --kill-after" {
  ends 124 exec --timeout 100ms -- sleep 60
  has "$stderr" 'timed out after 100ms'
  ends 124 exec --timeout 100ms --kill-after 100ms -- sh -c "trap '' TERM; while :; do sleep 0.05; done"
}

@test "exec: --retry tries again" {
  ends 0 exec --retry 1 -- sh -c 'test -e there || { : >there; exit 1; }'
}

@test "exec: --history keeps a record without a jobfile" {
  ends 0 exec --history -- echo kept
  is "$output" kept
  is "$(wjobs history echo -o kind,status,trigger)" $'exec\tcompleted\tmanual'
  is "$(wjobs logs echo)" kept
  ends 0 exec --history --store other.db --name odd -- true
  is "$(wjobs history odd -o job)" ''
}

@test "exec: history that cannot be written is a warning" {
  needs nonroot
  mkdir -m 500 ro
  WJOBS_STATE_DIR=$PWD/ro ends 0 exec --history -- echo fine
  is "$output" fine
  has "$stderr" 'history is not written'
}

@test "exec: a jobfile that is wrong costs the record, and not the command" {
  echo 'jobs: [' >wjobs.yaml
  ends 0 exec --history -- echo fine
  is "$output" fine
  has "$stderr" 'wjobs: history is not written: wjobs.yaml:'
  rm wjobs.yaml
  WJOBS_FILE=gone.yaml ends 3 exec --history -- sh -c 'echo fine; exit 3'
  is "$output" fine
  is "$stderr" 'wjobs: history is not written: gone.yaml: cannot be opened: No such file or directory'
}

@test "exec: options end where the command begins" {
  gives '--history -n 5' exec echo --history -n 5
  refuses 2 "'bad name'" exec --name 'bad name' -- true
}

@test "exec: a slow reader slows the command, and loses nothing" {
  is "$(wjobs exec --history --name yes -- sh -c 'yes | head -c 1000000' | { sleep 0.3; wc -c; })" 1000000
}

@test "run JOB: a directory that is missing is wjobs' failure, not the program's" {
  jobfile <<'END'
jobs: { lost: { interval: 1d, command: [ "true" ], working_dir: /no/such/dir } }
END
  ends 125 run lost
  has "$stderr" '/no/such/dir'
}
