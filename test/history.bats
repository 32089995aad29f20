load helper

past() { tool past wjobs.yaml "$@" >/dev/null; }

two_jobs() {
  jobfile <<'END'
timezone: UTC
jobs:
  backup:
    cron: "0 3 * * *"
    timezone: Europe/Berlin
    command: "true"
  sync:
    interval: 5m
    command: "true # sync"
END
}

some_runs() {
  two_jobs
  past job=backup status=completed scheduled=2026-01-01T02:00:00Z duration=1500ms \
    attempt=1 exit=0 worker=host-1 user_us=20000 rss=4321 head=done bytes=4 \
    + job=backup status=failed scheduled=2026-01-02T02:00:00Z duration=200ms \
    reason=exit exit=3 attempt=2 error='exit status 3' \
    + job=sync status=skipped scheduled=2026-01-02T02:05:00Z reason=overlap count=1 \
    + job=gone status=failed scheduled=2026-01-03T00:00:00Z duration=1s \
    reason=signal signal=9 error='signal KILL' attempt=1
}

@test "history: nothing yet is an empty answer, and makes no store" {
  two_jobs
  gives '' history
  gives '' history backup
  gives '' history --json
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "history: JSON has each field, in order, with its type" {
  some_runs
  is "$(wjobs history backup -n 1 --until 2026-01-01T12:00:00Z --json |
    sed 's/"id":"[0-9A-Z]\{26\}"/"id":ID/')" \
    '{"id":ID,"job":"backup","kind":"cron","status":"completed","trigger":"schedule","reason":null,"attempt":1,"scheduled_at":"2026-01-01T03:00:00.000+01:00","started_at":"2026-01-01T03:00:00.000+01:00","completed_at":"2026-01-01T03:00:01.500+01:00","duration":1.5,"exit_code":0,"signal":null,"error":null,"worker":"host-1","fence":0,"user_time":0.02,"system_time":null,"max_rss":4321,"output_bytes":4,"count":1,"metadata":null}'
}

@test "history: newest first, of all jobs, also of those the jobfile lost" {
  some_runs
  gives $'gone\tfailed\nsync\tskipped\nbackup\tfailed\nbackup\tcompleted' \
    history -o job,status
  gives $'failed\t9' history gone -o status,signal
}

@test "history: -n, --since, --until and --status narrow it" {
  some_runs
  gives $'gone\nsync' history -n 2 -o job
  gives $'gone\nsync\nbackup' history --since 2026-01-02 -o job
  gives $'backup\nbackup' history --until '2026-01-02 02:00' -o job
  gives $'gone\nbackup' history --status failed -o job
  gives 'backup' history backup --status failed --since 2026-01-02 -o job
  gives '' history --status lost
}

@test "history: --since of a job is read in its zone" {
  some_runs
  gives 'failed' history backup --since '2026-01-02 03:00' -o status
  gives '' history backup --since '2026-01-02 03:01' -o status
}

@test "history: twenty unless told" {
  two_jobs
  local i args=()
  for ((i = 0; i < 30; i++)); do
    args+=(+ job=sync status=completed duration=1ms
      "scheduled=2026-01-01T00:$i:00Z")
    ((i > 9)) || args[-1]="scheduled=2026-01-01T00:0$i:00Z"
  done
  past "${args[@]:1}"
  is "$(wjobs history -o id | wc -l)" 20
  is "$(wjobs history sync -n 25 -o id | wc -l)" 25
  is "$(wjobs history sync -n 100 -o id | wc -l)" 30
}

@test "history: a job that nothing knows is 3, a status that is none is 2" {
  some_runs
  refuses 3 "no job 'backupp', did you mean 'backup'?" history backupp
  refuses 3 "did you mean 'gone'?" history gonne
  refuses 2 "did you mean 'failed'?" history --status fialed
}

@test "history: metadata is an object, and bytes that are not UTF-8 are U+FFFD" {
  two_jobs
  past job=sync status=failed scheduled=2026-01-01 duration=1s reason=exit \
    error=$'bad \xff\xe2\x82 "quoted" \e[2J' metadata=$'rows=12\nfile=a=b c'
  gives '{"error":"bad ��� \"quoted\" \u001B[2J","metadata":{"rows":"12","file":"a=b c"}}' \
    history --json -o error,metadata
  gives 'bad \xff\xe2\x82 "quoted" \x1b[2J' history -o error
}

@test "history: --utc and --epoch change how times are written" {
  some_runs
  gives '{"scheduled_at":"2026-01-01T02:00:00.000Z"}' \
    history --status completed --json -o scheduled_at --utc
  gives '{"scheduled_at":1767232800,"completed_at":1767232801.5}' \
    history --status completed --json -o scheduled_at,completed_at --epoch
  has "$(wjobs history --status completed --utc)" "2026-01-01 02:00:00"
  has "$(wjobs history --status completed --epoch)" 1767232800
}

@test "history: the table shows what went wrong, plain when piped" {
  some_runs
  run --separate-stderr wjobs history
  has "${lines[0]}" "TIME"
  has "${lines[1]}" "signal KILL"
  has "${lines[3]}" "2026-01-02 03:00:00 +0100"
  has "${lines[3]}" "exit status 3, attempt 2"
  has "${lines[4]}" "1.5s"
  [[ $output != *$'\e'* ]]
  run ! grep -q ' $' <<<"$output"
}

@test "history: each line of --json parses" {
  needs python3
  some_runs
  wjobs history --json | python3 -c '
import json, sys
runs = [json.loads(line) for line in sys.stdin]
assert len(runs) == 4
for run in runs:
    assert isinstance(run["output_bytes"], int)
    assert run["duration"] is None or isinstance(run["duration"], (int, float))
'
}

@test "history: a store that cannot be read is 4" {
  two_jobs
  past job=sync status=completed scheduled=2026-01-01 duration=1s
  local db
  db=$(echo "$WJOBS_STATE_DIR"/*/wjobs.db)
  rm -f "$db"*
  head -c 20000 /dev/zero >"$db"
  refuses 4 "not a database" history
  refuses 4 "not a database" list
}

@test "history: runs of exec have their names there" {
  wjobs exec --history --name try -- sh -c 'echo hello'
  gives $'try\tcompleted\tmanual' history try -o job,status,trigger
  gives hello logs try
}

@test "history: without a jobfile it is that of exec's own store" {
  cd "$T"
  gives '' history
}

@test "history: an id cut short for a narrow terminal still names its run" {
  needs terminal
  two_jobs
  local id
  past job=sync status=completed scheduled=2026-01-01 duration=1s \
    + job=sync status=failed scheduled=2026-01-01 duration=1s \
    + job=sync status=completed scheduled=2026-01-01 duration=1s >/dev/null
  for id in $(script -qec "stty cols 80; wjobs history" /dev/null </dev/null |
    grep -o '01[0-9A-Z]\{14\}'); do
    wjobs show "$id" >/dev/null
    echo "$id"
  done >ids
  is "$(sort -u ids | wc -l)" 3
}
