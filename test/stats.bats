load helper

past() { tool past wjobs.yaml "$@" >/dev/null; }

two_jobs() {
  jobfile <<'END'
timezone: UTC
jobs:
  backup:
    cron: "0 3 * * *"
    command: "true"
  sync:
    interval: 5m
    command: "true # sync"
END
}

some_runs() {
  two_jobs
  past job=backup status=completed scheduled=2026-01-01T03:00:00Z duration=1s \
    + job=backup status=completed scheduled=2026-01-02T03:00:00Z duration=3s \
    + job=backup status=failed scheduled=2026-01-03T03:00:00Z duration=2s \
    reason=exit exit=3 error='exit status 3' \
    + job=backup status=lost scheduled=2026-01-04T03:00:00Z \
    completed=2026-01-04T03:00:09Z reason=crash error='scheduler died' \
    + job=backup status=cancelled scheduled=2026-01-05T03:00:00Z \
    duration=1s reason=cancelled \
    + job=backup status=skipped scheduled=2026-01-06T03:00:00Z \
    reason=overlap count=4 \
    + job=gone status=completed scheduled=2026-01-01T00:00:00Z duration=250ms
}

@test "stats: JSON has each field, in order, with its type" {
  some_runs
  gives '{"job":"gone","total":1,"successful":1,"failed":0,"skipped":0,"cancelled":0,"lost":0,"last_execution":"2026-01-01T00:00:00.000+00:00","last_success":"2026-01-01T00:00:00.250+00:00","last_failure":null,"last_error":null,"average_duration":0.25,"min_duration":0.25,"max_duration":0.25,"p50_duration":0.25,"p95_duration":0.25,"failure_rate":0}' \
    stats gone --json
}

@test "stats: total is the sum, and the failure rate leaves skips out" {
  some_runs
  gives $'9\t2\t1\t4\t1\t1\t0.5' \
    stats backup -o total,successful,failed,skipped,cancelled,lost,failure_rate
}

@test "stats: durations are those of runs that ended by themselves" {
  some_runs
  gives $'2\t1\t3\t2\t3' \
    stats backup -o average_duration,min_duration,max_duration,p50_duration,p95_duration
}

@test "stats: --since counts the runs kept from then on" {
  some_runs
  gives $'7\t0\t1\t2\t2\t2' \
    stats backup --since 2026-01-03 -o total,successful,failed,average_duration,p50_duration,p95_duration
  gives $'0\t\t0' stats backup --since 2027-01-01 -o total,p50_duration,failure_rate
}

@test "stats: counters outlive the runs that history keeps" {
  two_jobs
  local i args=()
  for ((i = 0; i < 9; i++)); do
    args+=(+ job=sync status=completed duration=1s
      "scheduled=2026-01-01T00:0$i:00Z")
  done
  tool past --keep=3 wjobs.yaml "${args[@]:1}" >/dev/null
  is "$(wjobs history sync -o id | wc -l)" 3
  gives 9 stats sync -o total
}

@test "stats: a job that has not run is all zeros and nulls" {
  two_jobs
  gives '{"job":"sync","total":0,"last_execution":null,"average_duration":null,"p95_duration":null,"failure_rate":0}' \
    stats sync --json -o job,total,last_execution,average_duration,p95_duration,failure_rate
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "stats: all jobs, the jobfile's first, then what only the store knows" {
  some_runs
  gives $'backup\nsync\ngone' stats -o job
  run --separate-stderr wjobs stats
  is "${#lines[@]}" 4
  has "${lines[1]}" "50.0%"
  has "${lines[1]}" "scheduler died"
}

@test "stats: handlers stand beside the jobs, and have a history as they have" {
  jobfile <<'END'
timezone: UTC
handlers: {send_email: {command: x}}
jobs: {a: {interval: 5m, command: y}}
END
  tool past wjobs.yaml job=send_email status=failed \
    scheduled=2026-01-02T02:00:00Z duration=1s reason=exit exit=3 >/dev/null
  gives $'a\t0\t0\nsend_email\t1\t1' stats -o job,total,failed
  gives $'send_email\t1' stats -o job,failed send_email
  gives $'send_email\tfailed' history -o job,status send_email
  refuses 3 "did you mean 'send_email'?" history send_emial
}

@test "stats: an unknown job is 3, an unknown field 2" {
  some_runs
  refuses 3 "no job 'bakcup', did you mean 'backup'?" stats bakcup
  refuses 2 "did you mean 'p95_duration'?" stats -o p96_duration
}
