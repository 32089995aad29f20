# wjobs why: scripted records and schedules, and what it makes of an instant.
load helper
load redis

setup_file() { redis_start; }
teardown_file() { redis_stop; }

# on_both FUNCTION <JOBFILE - the function, for each kind of store, with a
# jobfile of its own in a directory of its own.
on_both() {
  local text
  text=$(cat)
  for where in wjobs.db "$REDIS?prefix=$BATS_TEST_NUMBER-$RANDOM$RANDOM:"; do
    mkdir "on-${where%%[.:+]*}" && cd "on-${where%%[.:+]*}" || return
    printf 'timezone: UTC\nstore: "%s"\n%s\n' "$where" "$text" >wjobs.yaml
    "$@" || {
      echo "in $where" >&2
      return 1
    }
    cd .. || return
  done
}

where=wjobs.db
past() { tool past --store="$where" wjobs.yaml "$@"; }

# tells JOB TIME DECISION,REASON PART... - the decision, and parts of the text.
tells() {
  local job=$1 time=$2 want=$3 part
  shift 3
  is "$(wjobs why "$job" "$time" -o decision,reason)" "${want/,/$'\t'}" ||
    return
  run --separate-stderr wjobs why "$job" "$time"
  # shellcheck disable=SC2154 # run sets it
  is "$status$stderr" 0 || return
  for part in "$@"; do
    has "$output" "$part" || return
  done
}

jobs() {
  jobfile <<'END'
timezone: Europe/Berlin
handlers: { mail: { command: cat } }
jobs:
  backup: { cron: "30 2 * * *", command: a, start_deadline: 5m }
  rule: { cron: ["0 9 13 * fri", "0 3 * * *"], command: b }
  both: { cron: "0 9 */2 6 mon", command: c }
  sync: { interval: 5m, command: d, catch_up: once }
  off: { cron: "@daily", command: e, enabled: false }
  late: { cron: "0 4 * * *", command: f, jitter: 50m }
  wild: { cron: "*/10 * * * *", command: g }
  send: { cron: "0 4 * * *", handler: mail }
END
}

@test "why: the fields that leave an instant out, in the job's zone" {
  jobs
  tells backup '2026-03-02 04:31:05' not_due,second,minute,hour \
    "backup at 2026-03-02 04:31:05 +0100: not due, second,minute,hour" \
    "schedule: at 02:30 every day, Europe/Berlin" \
    "minute: 31 is not named, it is due at minute 30" \
    "hour: 4 is not named, it is due at hour 2" \
    "before it at 2026-03-02 02:30:00 +0100, after it at 2026-03-03 02:30:00 +0100"
  tells backup 2026-03-02T02:30:00Z not_due,hour "hour: 3 is not named"
  tells both '2026-06-02 09:00' not_due,day_of_month,weekday \
    "day of month: 2 is not named" "weekday: Tuesday is not named, it is due on Monday"
  tells both '2026-05-04 09:00' not_due,day_of_month,month
}

@test "why: each of several expressions has its line, and the rule of the two days" {
  jobs
  tells rule '2026-11-24 09:00' not_due,hour,day_of_month,weekday \
    "0 9 13 * fri: day of month and weekday: neither 24 nor Tuesday is named, it is due on day 13 of the month or on Friday" \
    "0 3 * * *: hour: 9 is not named, it is due at hour 3"
  is "$(wjobs why rule '2026-11-20 09:00' -o due)" true
  is "$(wjobs why rule '2026-10-13 09:00' -o due)" true
  is "$(wjobs why rule '2026-11-14 03:00' -o due)" true
  is "$(wjobs why rule '2026-11-14 09:00' -o due)" false
}

@test "why: daylight saving" {
  jobs
  tells backup 2025-10-26T02:30:00+01:00 not_due,daylight_saving \
    "show 02:30:00 twice; a fixed time is due the first time, at 2025-10-26 02:30:00 +0200"
  is "$(wjobs why backup 2025-10-26T02:30:00+02:00 -o due,decision)" \
    $'true\tunknown'
  has "$(wjobs why backup '2026-03-29 02:30')" \
    "go from 02:00 to 03:00 at this instant"
  is "$(wjobs why backup 2026-03-29T03:00:00+02:00 -o due)" true
  tells backup '2026-03-29 03:30' not_due,hour
  is "$(wjobs why wild 2025-10-26T02:30:00+01:00 -o due)" true
}

@test "why: the grid of an interval, and what lies around" {
  jobs
  tells sync '2026-03-01 01:56:01' not_due,interval "schedule: every 5m" \
    "before it at 2026-03-01 01:55:00 +0100, after it at 2026-03-01 02:00:00 +0100"
  gives $'2026-03-01T01:55:00.000+01:00\t2026-03-01T02:05:00.000+01:00' \
    why sync '2026-03-01 02:00' -o previous,next
}

@test "why: disabled, and ahead, and ahead by jitter" {
  jobs
  tells off 2026-03-01 disabled, "enabled: false"
  tells off '2026-03-01 01:00' not_due,hour "enabled: false"
  tells backup '2999-01-01 02:30' ahead, "it will be due in"
  tells late '2999-01-01 04:00' ahead, "it will begin in" "jitter adds"
  jobfile <<'END'
jobs: { a: { interval: 20600d, jitter: 20000d, command: "true" } }
END
  local last
  last=$(wjobs why a now -o previous)
  tells a "$last" ahead,jitter "jitter adds"
}

@test "why: JSON has each field, in order, with its type" {
  jobs
  past job=backup status=failed reason=exit exit=3 error='exit status 3' \
    scheduled=2026-03-01T01:30:00Z started=2026-03-01T01:30:02Z duration=5s \
    worker=host-1 attempt=2 >id
  gives '{"job":"backup","time":"2026-03-01T02:30:00.000+01:00","due":true,"decision":"ran","reason":"exit","run":"'"$(<id)"'","status":"failed","work":null,"state":null,"previous":"2026-02-28T02:30:00.000+01:00","next":"2026-03-02T02:30:00.000+01:00","detail":"run '"$(<id)"': failed, exit status 3; by host-1\nit began at 2026-03-01 02:30:02 +0100, 2s after it was due; attempt 2 took 5s"}' \
    why backup '2026-03-01 02:30' --json
  gives $'2026-03-01T01:30:00.000Z' why backup @1772328600.9 -o time --utc
}

each_record() {
  local id
  id=$(past job=a status=completed scheduled=2026-01-01T00:00:00Z \
    started=2026-01-01T00:00:03Z duration=90m worker=host-1)
  past job=a status=skipped reason=overlap scheduled=2026-01-01T01:00:00Z \
    error="run $id is in the way" worker=host-2 \
    + job=a status=skipped reason=missed count=3 error=none \
    scheduled=2026-01-01T02:00:00Z completed=2026-01-01T05:30:00Z \
    + job=a status=completed trigger=catch_up scheduled=2026-01-01T05:00:00Z \
    started=2026-01-01T05:30:00Z duration=1s \
    + job=a status=skipped reason=late scheduled=2026-01-01T06:00:00Z \
    error='no slot within its start_deadline' \
    + job=a status=skipped reason=lock scheduled=2026-01-01T07:00:00Z \
    error="lock 'db' is held by host-3" \
    + job=a status=skipped reason=store scheduled=2026-01-01T08:00:00Z \
    error='the store did not answer' \
    + job=a status=skipped reason=superseded scheduled=2026-01-01T09:00:00Z \
    + job=a status=skipped reason=shutdown scheduled=2026-01-01T10:00:00Z \
    + job=a status=lost reason=crash scheduled=2026-01-01T11:00:00Z \
    duration=1s worker=host-4 error='scheduler died' \
    + job=a status=completed scheduled=2026-01-01T11:00:00Z \
    id=01KDWZZZZZZZZZZZZZZZZZZZZZ \
    started=2026-01-01T11:10:00Z duration=1s worker=host-5 \
    + job=a status=cancelled reason=cancelled duration=1s \
    scheduled=2026-01-01T12:00:00Z error=cancelled \
    + job=a status=lost reason=crash scheduled=2026-01-01T13:00:00Z \
    duration=1s worker=host-4 error='scheduler died' \
    + job=a status=pending retry_at=2026-01-01T14:05:00Z attempt=1 \
    scheduled=2026-01-01T14:00:00Z + job=a status=running attempt=1 \
    scheduled=2026-01-01T15:00:00Z worker=host-6 >ids
  tells a 2026-01-01T00:00:00Z ran, "run $id: completed; by host-1" \
    "3s after it was due; took 1h 30m" &&
    tells a 2026-01-01T01:00:00Z skipped,overlap \
      "run $id began at 2026-01-01 00:00:03 +0000 and ended at 2026-01-01 01:30:03 +0000: completed" \
      "overlap: forbid" "by host-2" &&
    tells a 2026-01-01T02:00:00Z skipped,missed "no scheduler was there" \
      "catch_up: once" "one record stands for 3 instants" &&
    tells a 2026-01-01T04:00:00Z skipped,missed "the first at 2026-01-01 02:00:00" &&
    tells a 2026-01-01T05:00:00Z ran, "it was caught up with later; catch_up: once" \
      "30m after it was due" &&
    tells a 2026-01-01T06:00:00Z skipped,late "no slot within its start_deadline" \
      "start_deadline: 10m" &&
    tells a 2026-01-01T07:00:00Z skipped,lock "lock 'db' is held by host-3" &&
    tells a 2026-01-01T08:00:00Z skipped,store "the store did not answer" &&
    tells a 2026-01-01T09:00:00Z skipped,superseded "a later instant took its place" &&
    tells a 2026-01-01T10:00:00Z skipped,shutdown "its scheduler was stopped" &&
    tells a 2026-01-01T11:00:00Z ran, "by host-5" \
      "of the same instant: run $(sed -n 9p ids) lost" &&
    tells a 2026-01-01T12:00:00Z cancelled,cancelled &&
    tells a 2026-01-01T13:00:00Z lost,crash "scheduler died; by host-4" &&
    tells a 2026-01-01T14:00:00Z waiting, \
      "its next attempt is due at 2026-01-01 14:05:00" &&
    tells a 2026-01-01T15:00:00Z running, "has been running for" &&
    tells a 2026-01-01T00:30:00Z not_due,interval \
      "run $id, due at 2026-01-01 00:00:00 +0000, began at 2026-01-01 00:00:03 +0000 and was under way"
}

@test "why: what history has of an instant decides, on both stores" {
  on_both each_record <<'END'
jobs: { a: { interval: 1h, catch_up: once, start_deadline: 10m, command: x } }
END
}

silences() {
  tells a 2026-01-05 unknown,never_known || return
  past job=a status=completed scheduled=2026-01-02T00:00:00Z duration=1s \
    + job=a status=skipped reason=late scheduled=2026-01-04T00:00:00Z >ids
  tells a 2026-01-01 unknown,before_first \
    "the nearest record after it is of 2026-01-02 00:00:00" &&
    tells a 2026-01-03 unknown,unrecorded \
      "the schedule may have been another then" \
      "before it is of 2026-01-02 00:00:00" &&
    is "$(wjobs why a 2026-01-03 | grep -c 'that instances share')" \
      "$([[ $where == redis* ]] && echo 1 || echo 0)" &&
    tells a 2026-01-05 open,no_scheduler "no scheduler lives" "catch_up: none" \
      "settled is what was due until 2026-01-04 00:00:00"
}

@test "why: nothing was recorded: before, between and after, on both stores" {
  on_both silences <<'END'
jobs: { a: { cron: "@daily", command: x } }
END
}

@test "why: what is older than history keeps was pruned" {
  jobs
  local i args=()
  for i in 1 2 3 4 5; do
    args+=(+ job=sync status=completed "scheduled=2026-01-0${i}T00:00:00Z" duration=1s)
  done
  tool past --keep=2 wjobs.yaml "${args[@]:1}" >ids
  tells sync 2026-01-01T00:00:00Z unknown,pruned \
    "2 of 5, the oldest of 2026-01-04 01:00:00 +0100"
}

@test "why: a scheduler that lives has not settled it yet" {
  jobfile <<'END'
jobs: { a: { interval: 1s, overlap: queue, command: sleep 60 } }
END
  scheduler_start
  eventually eval '[ -n "$(wjobs history a --status running -o id)" ]'
  local at id
  at=$(wjobs history a --status running -o scheduled_at --epoch)
  id=$(wjobs history a --status running -o id)
  tells a "@$at" running, "run $id: running"
  eventually eval '((EPOCHSECONDS > at + 1))'
  tells a "@$((at + 1))" open,unsettled "lives since" "overlap: queue" \
    "run $id of the job is under way"
}

@test "why: each second of a schedule that was broken off is told" {
  jobfile <<'END'
jobs:
  a: { cron: "* * * * * *", command: sleep 1.3 }
  b: { cron: "* * * * * *", command: "true", catch_up: once }
END
  local first last at decision
  scheduler_start
  eventually eval '[[ -n $(wjobs history a --status skipped -o id) ]]'
  eventually eval '[[ -n $(wjobs history b --status completed -o id) ]]'
  scheduler_stop KILL
  at=$EPOCHSECONDS
  eventually eval '((EPOCHSECONDS > at + 2))'
  scheduler_start
  eventually eval '[[ $(wjobs why b "@$((at + 1))" -o reason) == missed ]]'
  eventually eval '[[ -n $(wjobs history b --since @$((at + 3)) --status completed -o id) ]]'
  last=$(wjobs history b -n 1 --status completed -o scheduled_at --epoch)
  first=$(wjobs history b -n 99 -o scheduled_at --epoch | sort -n | head -n 1)
  for ((at = first; at <= last; at++)); do
    decision=$(wjobs why b "@$at" -o decision)
    [[ $decision == @(ran|skipped|lost) ]] || {
      wjobs why b "@$at" >&2
      return 1
    }
  done
  is "$(wjobs why a "@$((first - 3600))" -o decision,reason)" \
    $'unknown\tbefore_first'
}

@test "why: a record of several skips stands for as many as it says" {
  jobs
  past job=sync status=skipped reason=missed count=2 \
    scheduled=2026-01-01T00:00:00Z completed=2026-01-01T00:20:00Z \
    + job=sync status=skipped reason=overlap count=2 \
    scheduled=2026-01-01T01:00:00Z completed=2026-01-01T01:20:00Z >ids
  tells sync 2026-01-01T00:05:00Z skipped,missed
  # What it caught up with, and no record speaks of yet.
  tells sync 2026-01-01T00:10:00Z unknown,unrecorded
  # Those between may have run.
  tells sync 2026-01-01T01:20:00Z skipped,overlap
  tells sync 2026-01-01T01:25:00Z open,no_scheduler
}

@test "why: the ends of time" {
  jobs
  past job=sync status=completed scheduled=2026-01-01T03:00:00Z duration=0s >ids
  local time job
  for job in sync backup rule; do
    for time in 0000-01-01T00:00:00Z 9999-12-31T23:59:59Z 0000-01-01 \
      1969-12-31T23:59:59.5Z @0 @-1 @1.5; do
      run --separate-stderr wjobs why "$job" "$time" --json
      is "$status$stderr" 0
      has "$output" '"decision":"'
    done
  done
}

@test "why: the work of a job with a handler, and its state" {
  jobs
  local id
  id=$(wjobs enqueue mail --payload x)
  where=$(echo "$WJOBS_STATE_DIR"/*/*.db)
  past job=send status=completed scheduled=2026-01-01T03:00:00Z duration=0s \
    "metadata=a=b
work=$id" + job=send status=completed scheduled=2026-01-02T03:00:00Z \
    duration=0s metadata=work=01K5M3Q8E4ZJ7V0C2N9T6RXWAB >ids
  tells send '2026-01-01 04:00' ran, "it put in work $id for mail, which is ready"
  gives "$id"$'\tready' why send '2026-01-01 04:00' -o work,state
  tells send '2026-01-02 04:00' ran, "which is in the queue no more"
}

@test "why: by hand, and of what only the store knows" {
  jobs
  past job=gone status=completed trigger=manual started=2026-01-01T10:00:00.500Z \
    duration=1s + job=gone status=skipped reason=overlap count=5 \
    scheduled=2026-01-02T00:00:00Z completed=2026-01-02T04:00:00Z >ids
  tells gone 2026-01-01T10:00:00Z ran, "somebody ran it by hand"
  tells gone 2026-01-02T03:00:00Z skipped,overlap "stands for 5 instants"
  tells gone 2026-01-03 unknown,not_in_jobfile "its schedule is not known"
  gives '' why gone 2026-01-03 -o due
  past job=both status=completed scheduled=2026-01-02T00:00:00Z duration=1s >ids
  tells both 2026-01-02T00:00:00Z ran, \
    "the schedule of now does not have this instant"
}

@test "why: hostile text is made visible" {
  jobs
  past job=backup status=failed reason=exit scheduled=2026-03-01T01:30:00Z \
    duration=1s $'error=\e[31mred\nran\tx' $'worker=\x9b2J\u202e' >ids
  run --separate-stderr wjobs why backup '2026-03-01 02:30'
  has "$output" '\x1b[31mred\nran\tx'
  is "${#lines[@]}" 3
  [[ $output != *$'\e'* && $output != *$'\u202e'* ]]
  is "$(wjobs why backup '2026-03-01 02:30' --json | wc -l)" 1
}

@test "why: unknown jobs, handlers, times and stores are refused" {
  jobs
  refuses 3 "no job 'bakcup', did you mean 'backup'?" why bakcup now
  refuses 3 "'mail' is a handler, which is never due" why mail now
  refuses 2 "TIME: 'xx' is not a time" why backup xx
  refuses 2 "why needs JOB TIME" why backup
  refuses 2 "decision" why backup now -o decisio
  [[ ! -e $WJOBS_STATE_DIR ]]
  printf 'store: redis://127.0.0.1:1/0\njobs: {a: {interval: 5m, command: x}}\n' >wjobs.yaml
  refuses 4 "" why a now
  printf 'store: memory\njobs: {a: {interval: 5m, command: x}}\n' >wjobs.yaml
  refuses 4 "memory" why a now
  printf 'jobs: {a: {every: 5m}}\n' >wjobs.yaml
  refuses 78 "" why a now
}
