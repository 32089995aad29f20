load helper

past() { tool past wjobs.yaml "$@" >/dev/null; }

four_jobs() {
  jobfile <<'END'
timezone: Europe/Berlin
jobs:
  backup:
    cron: "0 3 * * *"
    description: Dump the database
    command: "true"
  sync:
    interval: 90s
    command: "true # sync"
  report:
    cron: ["0 9 * * 1-5", "0 12 * * sat"]
    timezone: Asia/Tokyo
    command: "true # report"
  off:
    enabled: false
    cron: "@daily"
    command: "true # off"
END
}

@test "list: JSON has each field, in order, with its type" {
  four_jobs
  past job=sync status=failed scheduled=2026-01-01T00:00:00Z duration=2s \
    reason=exit exit=1
  is "$(wjobs list --json | sed 's/"next":"[^"]*"/"next":T/')" \
    '{"job":"backup","kind":"cron","cron":"0 3 * * *","interval":null,"timezone":"Europe/Berlin","enabled":true,"paused":false,"next":T,"last_status":null,"last_run":null,"last_duration":null,"description":"Dump the database"}
{"job":"sync","kind":"interval","cron":null,"interval":90,"timezone":"Europe/Berlin","enabled":true,"paused":false,"next":T,"last_status":"failed","last_run":"2026-01-01T01:00:00.000+01:00","last_duration":2,"description":null}
{"job":"report","kind":"cron","cron":["0 9 * * 1-5","0 12 * * sat"],"interval":null,"timezone":"Asia/Tokyo","enabled":true,"paused":false,"next":T,"last_status":null,"last_run":null,"last_duration":null,"description":null}
{"job":"off","kind":"cron","cron":"@daily","interval":null,"timezone":"Europe/Berlin","enabled":false,"paused":false,"next":null,"last_status":null,"last_run":null,"last_duration":null,"description":null}'
}

@test "list: needs no store, makes none, and is in the file's order" {
  four_jobs
  gives $'backup\nsync\nreport\noff' list -o job
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "list: next is what wjobs next says" {
  four_jobs
  local job
  for job in backup report; do
    is "$(wjobs list -o job,next | grep "^$job")" \
      "$job"$'\t'"$(wjobs next "$job" -n 1 -o time)"
  done
}

@test "list: jobs that only the store knows are not listed" {
  four_jobs
  past job=gone status=completed scheduled=2026-01-01 duration=1s
  gives $'backup\nsync\nreport\noff' list -o job
}

@test "list: handlers stand behind the jobs, and are never due" {
  jobfile <<'END'
timezone: UTC
handlers:
  send_email: {command: "true", description: Mail to people}
jobs:
  digest: {cron: "@daily", handler: send_email}
END
  past job=send_email status=completed scheduled=2026-01-01T00:00:00Z duration=2s
  is "$(wjobs list --json | tail -n 1)" \
    '{"job":"send_email","kind":"handler","cron":null,"interval":null,"timezone":"UTC","enabled":true,"paused":false,"next":null,"last_status":"completed","last_run":"2026-01-01T00:00:00.000+00:00","last_duration":2,"description":"Mail to people"}'
  gives $'digest\tcron\nsend_email\thandler' list -o job,kind
  [[ $(wjobs list | tail -n 1) =~ ^send_email\ +handler\ +-\ +-\ +completed ]]
}

@test "list: a file of handlers alone has a list" {
  jobfile <<<'handlers: {a: {command: "true"}}'
  gives $'a\thandler' list -o job,kind
  gives "" next
}

@test "list: the table has schedule, next fire, last result and a strip" {
  needs terminal
  four_jobs
  past job=backup status=completed scheduled=2026-01-01T02:00:00Z duration=1s \
    + job=backup status=failed scheduled=2026-01-02T02:00:00Z duration=90s \
    + job=backup status=lost scheduled=2026-01-03T02:00:00Z duration=1s \
    + job=backup status=completed scheduled=2026-01-04T02:00:00Z duration=90s
  run --separate-stderr wjobs list
  has "${lines[0]}" "JOB"
  has "${lines[1]}" "0 3 * * *"
  has "${lines[1]}" "completed"
  has "${lines[1]}" "1m 30s"
  has "${lines[1]}" ".FL."
  has "${lines[1]}" "Dump the database"
  has "${lines[2]}" "every 1m30s"
  has "${lines[3]}" "0 9 * * 1-5; 0 12 * * sat"
  has "${lines[4]}" "disabled"
  [[ $output != *$'\e'* ]]
}

# What a terminal of so many columns is shown.
on_terminal() {
  local columns=$1
  shift
  script -qec "stty cols $columns; $*" /dev/null </dev/null | tr -d '\r'
}

@test "list: a terminal has colours and marks, NO_COLOR and C have letters" {
  needs terminal
  needs script
  four_jobs
  past job=backup status=failed scheduled=2026-01-02T02:00:00Z duration=90s
  has "$(on_terminal 140 wjobs list)" $'\e[31m■\e[0m'
  has "$(NO_COLOR=1 on_terminal 140 wjobs list)" F
  [[ $(NO_COLOR=1 on_terminal 140 wjobs list) != *$'\e['* ]]
  has "$(LC_ALL=C on_terminal 140 wjobs list)" $'\e[31mF\e[0m'
}

@test "list: no line is wider than the terminal, where the columns fit" {
  needs terminal
  needs script
  four_jobs
  sed -i "s/Dump the database/$(printf 'long %.0s' {1..60})/" wjobs.yaml
  on_terminal 150 "NO_COLOR=1 wjobs list" >out
  has "$(<out)" long
  sed 's/…/~/g' out | awk 'length > 150 { bad = 1 } END { exit bad }'
}

@test "list: eighty columns hold a short form of all of it" {
  needs terminal
  needs script
  four_jobs
  local i runs=()
  for i in 1 2 3 4 5 6 7 8 9; do
    runs+=(+ job=backup status=completed scheduled="2026-01-0${i}T02:00:00Z"
      duration=90s)
  done
  past "${runs[@]:1}"
  on_terminal 80 "NO_COLOR=1 wjobs list; NO_COLOR=1 wjobs history" |
    sed 's/…/~/g' >out
  awk 'length > 80 { print; bad = 1 } END { exit bad }' out
  grep -Eq '^backup +0 3 \* \* \* +[0-9]{2}-[0-9]{2} 03:00 \+0[12]00 .* completed +1m 30s  [.]{5}$' out
  grep -Fq '0 9 * * 1-5' out
}

@test "list: a description forges neither columns nor a terminal" {
  jobfile <<'END'
jobs:
  a:
    cron: "@daily"
    description: "two\nlines \e[2J\u202e"
    command: "true"
END
  run --separate-stderr wjobs list
  is "${#lines[@]}" 2
  has "$output" 'two\nlines \x1b[2J\u202e'
}

@test "list: a store in memory is told apart from one without results" {
  four_jobs
  sed -i '1a store: memory' wjobs.yaml
  run --separate-stderr wjobs list -o job
  is "$status" 0
  has "$stderr" "memory"
  refuses 4 "memory" history
  refuses 4 "memory" stats
}

@test "list: no jobfile is 78" {
  refuses 78 "wjobs: " list
}
