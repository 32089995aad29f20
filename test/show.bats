load helper

past() { tool past wjobs.yaml "$@"; }

one_job() {
  jobfile <<'END'
timezone: UTC
jobs:
  backup:
    cron: "0 3 * * *"
    timezone: Europe/Berlin
    description: Dump the database
    command: pg_dump app
    retry: 3
END
}

# The value of a key in a table of two columns.
value() { awk -v key="$1" '$1 == key { sub(/^[^ ]+ +/, ""); print; exit }'; }

@test "show: a job's keys with their effective values, defaults marked" {
  one_job
  run --separate-stderr wjobs show backup
  is "$status" 0
  is "$(value timeout <<<"$output")" "5m (default)"
  is "$(value timezone <<<"$output")" "Europe/Berlin"
  is "$(value overlap <<<"$output")" "forbid (default)"
  is "$(value command <<<"$output")" "pg_dump app"
  has "$(value schedule <<<"$output")" "03:00"
  has "$(value retry <<<"$output")" "max: 3"
}

@test "show: what is due next is what wjobs next says" {
  one_job
  is "$(wjobs show backup --json -o next_fires | tr -d '[]{}" \n')" \
    "next_fires:$(wjobs next backup -n 3 -o time | paste -sd,)"
  is "$(wjobs show backup -o next)" "$(wjobs next backup -n 1 -o time)"
}

@test "show: -o takes the names of keys too" {
  one_job
  gives $'5m\tpg_dump app\tTERM' show backup -o timeout,command,stop_signal
  refuses 2 "did you mean 'timeout'?" show backup -o timeot
}

@test "show: JSON has the keys as texts in settings" {
  needs python3
  one_job
  past job=backup status=failed scheduled=2026-01-02T02:00:00Z duration=90s \
    error='exit status 3' reason=exit exit=3 >/dev/null
  wjobs show backup --json | python3 -c '
import json, sys
job = json.load(sys.stdin)
assert job["job"] == "backup" and job["kind"] == "cron", job
assert job["last_status"] == "failed" and job["last_duration"] == 90, job
assert job["last_error"] == "exit status 3", job
assert job["settings"]["timeout"] == "5m", job
assert job["settings"]["command"] == "pg_dump app", job
assert "timeout" not in job, job
'
}

@test "show: a job's state, in its own zone" {
  one_job
  past job=backup status=completed scheduled=2026-01-01T02:00:00Z duration=1s \
    + job=backup status=failed scheduled=2026-01-02T02:00:00Z duration=90s \
    error='exit status 3' >/dev/null
  run --separate-stderr wjobs show backup
  has "$output" "2026-01-02 03:00:00 +0100 failed in 1m 30s"
  has "$output" "exit status 3"
  is "$(value runs <<<"$output")" ".F"
}

@test "show: a job that only the store knows" {
  one_job
  past job=gone status=completed scheduled=2026-01-01T02:00:00Z duration=1s \
    >/dev/null
  has "$(wjobs show gone)" "not in the jobfile"
  gives '{"job":"gone","kind":"cron","enabled":null,"last_status":"completed","settings":null}' \
    show gone --json -o job,kind,enabled,last_status,settings
}

@test "show: a run by its id, or the beginning of it" {
  one_job
  local id
  id=$(past job=backup status=failed scheduled=2026-01-02T02:00:00Z \
    duration=90s reason=exit exit=3 error='exit status 3' head=$'a\nb' bytes=3)
  gives "$id"$'\tbackup\t3\ta\\nb' show "$id" -o id,job,exit_code,output_head
  gives "$id" show "${id:0:16}" -o id
  gives "$id" show "${id,,}" -o id
  run --separate-stderr wjobs show "$id"
  is "$(value scheduled_at <<<"$output")" "2026-01-02 03:00:00 +0100"
  is "$(value error <<<"$output")" "exit status 3"
  is "$(value duration <<<"$output")" "1m 30s"
}

@test "show: the beginning of two ids is a misuse, of none is 3" {
  one_job
  local id
  id=$(past job=backup status=completed scheduled=2026-01-01T02:00:00Z \
    duration=1s + job=backup status=completed \
    scheduled=2026-01-01T02:00:00Z duration=1s)
  refuses 2 "${id:0:8}" show "${id:0:8}"
  refuses 3 "no job or run '00000000'" show 00000000
  refuses 3 "no job or run 'backpu', did you mean 'backup'?" show backpu
  refuses 3 "no job or run 'u u'" show 'u u'
}

@test "show: a job's name goes before a run's id" {
  jobfile <<'END'
jobs:
  A:
    cron: "@daily"
    command: "true"
END
  gives A show A -o job
}

@test "show: a handler's keys, and what became of its work" {
  jobfile <<'END'
timezone: UTC
queue: {workers: 3}
hooks: {on_failure: tell}
handlers:
  send_email: {command: ./send, timeout: 1m, on_start: none}
END
  past job=send_email status=failed scheduled=2026-01-02T02:00:00Z \
    duration=90s error='exit status 3' reason=exit exit=3 >/dev/null
  run --separate-stderr wjobs show send_email
  is "$status" 0
  is "$(value schedule <<<"$output")" "runs when work is put in"
  is "$(value command <<<"$output")" "./send"
  is "$(value workers <<<"$output")" "3 (default)"
  is "$(value timeout <<<"$output")" "1m"
  has "$(value retry <<<"$output")" "max: 3"
  is "$(value on_start <<<"$output")" "none"
  is "$(value on_failure <<<"$output")" "tell"
  is "$(value on_failure_repeat <<<"$output")" "every (default)"
  has "$output" "exit status 3"
  [[ $output != *overlap* && $output != *stdin* && $output != *"next "* ]]
  gives $'handler\t\t1m\t3' show send_email -o kind,next,timeout,workers
}

@test "show: a job with a handler has no keys of a command" {
  jobfile <<'END'
timezone: UTC
handlers: {h: {command: x, priority: 2}}
jobs: {a: {cron: "@daily", handler: h, payload: "1: 2"}}
END
  run wjobs show a
  is "$(value handler <<<"$output")" "h"
  is "$(value payload <<<"$output")" '"1: 2"'
  is "$(value priority <<<"$output")" "2 (default)"
  [[ $output != *timeout* && $output != *command* && $output != *output_limit* ]]
}

@test "show: secrets are masked" {
  jobfile <<'END'
jobs:
  a:
    cron: "@daily"
    env: { DB_PASSWORD: hunter2, COLOUR: red }
    command: "true"
END
  run wjobs show a
  is "$status" 0
  [[ $output != *hunter2* ]]
  run wjobs show a --json
  [[ $output != *hunter2* ]]
}

@test "show RUN: each attempt of a run that was tried more than once" {
  jobfile <<'END'
jobs:
  flaky:
    interval: 1d
    command: test "$WJOBS_ATTEMPT" = 2 || exit 3
    retry: { max: 2, delay: 10ms }
END
  wjobs run flaky
  id=$(wjobs history -o id)
  is "$(wjobs show "$id" --json | jq -c '.attempts[] | [.attempt, .exit_code, .reason, .error]')" \
    $'[1,3,"exit","exit status 3"]\n[2,0,null,null]'
  has "$(wjobs show "$id")" 'exit status 3, after'
}
