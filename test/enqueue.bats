# Work put into the queue: what is taken, what is refused, and that it arrives.
load helper
load redis

# Workers that keep what they are given, in got/ by the name of the work.
handlers() {
  mkdir -p got
  jobfile <<'END'
queue: { workers: 2, size: 1000 }
jobs:
  nightly: { cron: "0 3 * * *", command: "true" }
handlers:
  keep: { command: 'cat >"$WJOBS_FILE.$WJOBS_RUN_ID"; mv "$WJOBS_FILE.$WJOBS_RUN_ID" "got/$WJOBS_RUN_ID"' }
  fail: { command: "echo to no avail; exit 3", retry: 0 }
  env: { command: env }
END
}

small_queue() {
  jobfile <<'END'
queue: { size: 3 }
handlers:
  keep: { command: cat }
  other: { command: cat }
END
}

arrived() { cmp "$1" "got/$2"; }

@test "enqueue: prints the id and nothing else, before any scheduler ran" {
  handlers
  run --separate-stderr wjobs enqueue keep --payload hello
  is "$status $stderr" "0 "
  [[ $output =~ ^[0-9A-HJKMNP-TV-Z]{26}$ ]]
  gives "$output	keep	ready	0" queue -o id,handler,state,priority
}

@test "enqueue: the payload comes through byte for byte" {
  handlers
  local file ids=() i=0
  : >empty
  printf 'no newline' >text
  printf '\n\n a\tb\r\n\n' >newlines
  printf '\0begin\0\0end\0' >nuls
  printf '\xff\xfe\xc3\x28\xed\xa0\x80\xf5' >invalid
  head -c 1048576 /dev/urandom >most
  for file in empty text newlines nuls invalid most; do
    ids+=("$(wjobs enqueue keep --payload "@$file")")
    ids+=("$(wjobs enqueue keep --payload - <"$file")")
    ids+=("$(head -c 2000000 "$file" | wjobs enqueue keep --payload -)")
  done
  ids+=("$(wjobs enqueue keep)" "$(wjobs enqueue keep --payload 'no newline')")
  scheduler_start
  for file in empty text newlines nuls invalid most; do
    eventually arrived "$file" "${ids[i]}"
    eventually arrived "$file" "${ids[i + 1]}"
    eventually arrived "$file" "${ids[i + 2]}"
    i=$((i + 3))
  done
  eventually arrived empty "${ids[i]}"
  eventually arrived text "${ids[i + 1]}"
}

@test "enqueue: a byte over 1 MiB is refused, and nothing read beyond it" {
  handlers
  head -c 1048577 /dev/zero >over
  refuses 2 "'over' is longer than 1048576 bytes" enqueue keep --payload @over
  printf 'rest' >>over
  {
    run --separate-stderr wjobs enqueue keep --payload -
    is "$status $output" "2 "
    has "$stderr" "standard input is longer than 1048576 bytes (1 MiB)"
    is "$(cat)" rest
  } <over
  gives 0 queue --count
}

@test "enqueue: a payload that cannot be read is a misuse" {
  handlers
  refuses 2 "--payload: cannot open 'absent': No such file" \
    enqueue keep --payload @absent
  refuses 2 "--payload: cannot read '.'" enqueue keep --payload @.
  run --separate-stderr wjobs -f - enqueue keep --payload - <wjobs.yaml
  is "$status $output" "2 "
  has "$stderr" "standard input is the jobfile"
}

@test "enqueue: a handler that nobody knows is 3, with the nearest name" {
  handlers
  refuses 3 "did you mean 'keep'?" enqueue kepe
  refuses 3 "nightly" enqueue nightly
  refuses 78 "" -f absent.yaml enqueue keep
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "enqueue: what makes no sense is refused" {
  handlers
  refuses 2 "enqueue needs HANDLER" enqueue
  refuses 2 "--delay and --at exclude each other" enqueue keep --delay 1s --at now
  refuses 2 "--lines excludes --payload and --id" enqueue keep --lines --id a
  refuses 2 "--lines excludes --wait" enqueue keep --lines --wait
  refuses 2 "'1001' is not from -1000 to 1000" enqueue keep --priority 1001
  refuses 2 "'team' is not NAME=VALUE" enqueue keep --metadata team
  refuses 2 "'1=a' is not NAME=VALUE" enqueue keep --metadata 1=a
  refuses 2 "is not NAME=VALUE" enqueue keep --metadata $'a=b\nc=d'
  refuses 2 "an id has 1 to 256 bytes" enqueue keep --id ""
  refuses 2 "--at: 'soon'" enqueue keep --at soon
  refuses 2 "is not greater than 0" enqueue keep --delay 0s
}

@test "enqueue: later, by a span or an instant; what has passed is now" {
  handlers
  local id
  wjobs enqueue keep --at 2100-01-01T00:00:00Z >/dev/null
  id=$(wjobs enqueue keep --delay 1h)
  is "$(wjobs queue --utc -o state,due_at | tail -n 1)" \
    "delayed	2100-01-01T00:00:00.000Z"
  is "$(wjobs queue -o id | head -n 1)" "$id"
  id=$(wjobs enqueue keep)
  # and has not waited for longer
  is "$(wjobs queue --state ready -o id)" "$id"
  is "$id"$'\n'"$(wjobs enqueue keep --at -1h)" \
    "$(wjobs queue --state ready -o id)"
}

@test "enqueue: a full queue is 75, and with --block it waits for room" {
  small_queue
  local ids pid
  ids=("$(wjobs enqueue keep)" "$(wjobs enqueue keep --delay 1h)" "$(wjobs enqueue other)")
  refuses 75 "the queue is full: it takes 3 pieces of work" enqueue keep
  refuses 75 "the queue is full" enqueue keep --block=150ms
  gives 3 queue --count
  "$WJOBS" enqueue keep --block >id 2>err 3>&- &
  pid=$!
  wjobs cancel "${ids[1]}"
  wait "$pid"
  is "$(wjobs queue --state ready -o id | tail -n 1)" "$(<id)"
  is "$(<err)" ""
}

@test "enqueue --id: is once, and another handler or payload is told" {
  small_queue
  local id
  id=$(wjobs enqueue keep --id "order 7" --payload a)
  gives "$id" enqueue keep --id "order 7" --payload a
  gives "$id" enqueue keep --id "order 7" --payload a --priority 5
  refuses 1 "--id: 'order 7' is $id, which has another handler or payload" \
    enqueue keep --id "order 7" --payload b
  refuses 1 "another handler or payload" \
    enqueue other --id "order 7" --payload a
  gives 1 queue --count
  wjobs enqueue keep >/dev/null
  wjobs enqueue keep >/dev/null
  gives "$id" enqueue keep --id "order 7" --payload a # is not more work
}

@test "enqueue --id: of fifty at once, one puts it in and all have its id" {
  small_queue
  local i pids=() failed=0
  for i in {1..50}; do
    "$WJOBS" enqueue keep --id same --payload p >"id.$i" 2>"err.$i" 3>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i" || failed=$((failed + 1))
  done
  is "$failed $(cat err.*)" "0 "
  is "$(sort -u id.*)" "$(wjobs queue -o id)"
  is "$(cat id.* | wc -l)" 50
}

@test "enqueue: a queue in a scheduler's memory cannot be reached" {
  jobfile <<'END'
store: memory
handlers:
  keep: { command: cat }
END
  local command
  refuses 4 "the queue is in the scheduler's memory" enqueue keep
  for command in queue "queue --count" "queue purge" "retry --all-buried"; do
    # shellcheck disable=SC2086
    refuses 4 "the queue is in the scheduler's memory" $command
  done
}

@test "enqueue --wait: the output, the id on standard error, the status" {
  handlers
  scheduler_start
  run --separate-stderr wjobs enqueue fail --wait
  is "$status $output" "3 to no avail"
  [[ $stderr =~ ^[0-9A-HJKMNP-TV-Z]{26}$ ]]
  run --separate-stderr wjobs enqueue keep --delay 1h --wait=100ms
  is "$status $output" "75 "
  has "$stderr" "${stderr%%$'\n'*} is not done: it is delayed"
}

@test "enqueue: the work is told what it was given" {
  handlers
  scheduler_start
  local id
  run --separate-stderr wjobs enqueue env --priority 7 --metadata team=ops \
    --metadata note="a = b" --wait
  is "$status" 0
  id=$stderr
  has "$output" "WJOBS_PRIORITY=7"
  has "$output" "WJOBS_HANDLER=env"
  has "$output" "WJOBS_RUN_ID=$id"
  is "$(wjobs show "$id" --json -o metadata,priority,trigger,kind)" \
    '{"metadata":{"team":"ops","note":"a = b"},"priority":7,"trigger":"queue","kind":"handler"}'
}

@test "enqueue: retries and the time limit are those asked for" {
  jobfile <<'END'
handlers:
  try: { command: "echo x >>tries; exit 9", retry: { max: 5, delay: 1h } }
  long: { command: [sleep, "100"], retry: 0 }
END
  mkdir -p "$HOME"
  scheduler_start
  run wjobs enqueue try --retry 2 --retry-delay 10ms --wait=20s
  is "$status $(lines tries)" "9 3"
  run wjobs enqueue try --retry 0 --wait=20s
  is "$status $(lines tries)" "9 4"
  run wjobs enqueue long --timeout 100ms --wait=20s
  is "$status" 124
}

@test "enqueue: a store that another keeps locked is waited for" {
  needs sqlite3
  handlers
  local id
  wjobs enqueue keep >/dev/null
  mkfifo sql
  sqlite3 "$(echo "$WJOBS_STATE_DIR"/*)/wjobs.db" <sql >locked 3>&- &
  exec 7>sql
  echo "BEGIN IMMEDIATE; SELECT 'locked';" >&7
  eventually test -s locked
  "$WJOBS" enqueue keep >id 2>err 3>&- 7>&- &
  id=$!
  # longer than a single try may take
  run -124 timeout 1 tail -s 0.05 -f id --pid="$id"
  is "$output" ""
  echo "COMMIT;" >&7
  exec 7>&-
  wait "$id"
  is "$(wjobs queue -o id | tail -n 1) $(<err)" "$(<id) "
}

# Lines

@test "enqueue --lines: each line is a payload, and the ids are in order" {
  handlers
  local ids
  printf 'one\n\nthree \0 bytes\nlast' |
    wjobs enqueue keep --lines >out 2>err
  is "$(lines out) $(<err)" "4 "
  is "$(wjobs queue -o id)" "$(<out)"
  readarray -t ids <out
  scheduler_start
  printf one >a
  : >b
  printf 'three \0 bytes' >c
  printf last >d
  eventually arrived a "${ids[0]}"
  eventually arrived b "${ids[1]}"
  eventually arrived c "${ids[2]}"
  eventually arrived d "${ids[3]}"
}

@test "enqueue --lines: hundreds of them, and none" {
  handlers
  seq 450 | wjobs enqueue keep --lines >out
  is "$(lines out)" 450
  gives 450 queue --count
  is "$(wjobs queue -o id)" "$(<out)"
  gives "" enqueue keep --lines </dev/null
}

@test "enqueue --lines: a full queue is 75, and says how many went in" {
  small_queue
  run --separate-stderr wjobs enqueue keep --lines < <(seq 5)
  is "$status" 75
  is "$stderr" "wjobs: the queue is full: 3 lines went in, and line 4 is the first that did not"
  is "$output" "$(wjobs queue -o id)"
}

@test "enqueue --lines --block: waits for room, and none is lost or twice" {
  small_queue
  seq 8 >in
  "$WJOBS" enqueue keep --lines --block <in >out 2>err 3>&- &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    wjobs queue -o id >>seen
    wjobs queue purge --state ready >/dev/null
  done
  wait "$pid"
  is "$(lines out) $(sort -u out | wc -l) $(<err)" "8 8 "
}

@test "enqueue --lines: a line of 1 MiB and a byte ends it, after those before" {
  handlers
  {
    printf 'one\n'
    head -c 1048576 /dev/zero | tr '\0' x
    printf '\n'
    head -c 1048577 /dev/zero | tr '\0' x
    printf '\nfour\n'
  } >in
  run --separate-stderr wjobs enqueue keep --lines <in
  is "$status" 2
  has "$stderr" "line 3 is longer than 1048576 bytes"
  has "$stderr" "the 2 lines before it went in"
  is "$output" "$(wjobs queue -o id)"
}

@test "enqueue --lines: what is there goes in, and an end tells how much" {
  handlers
  mkfifo in
  "$WJOBS" enqueue keep --lines <in >out 2>err 3>&- &
  local pid=$! status=0
  exec 7>in
  seq 150 >&7
  eventually lines_are out -eq 150
  printf 'begun' >&7
  kill -TERM "$pid"
  wait "$pid" || status=$?
  exec 7>&-
  is "$status $(<err)" "143 wjobs: interrupted: 150 lines went in"
  gives 150 queue --count
}

# On a Redis

on_redis() {
  redis_start
  jobfile <<END
store: "$REDIS?prefix=q:"
queue: { size: ${1:-3} }
handlers:
  keep: { command: cat }
  other: { command: cat }
  bytes: { command: od -An -c }
END
}

@test "on a Redis: a full queue is 75, and with --block it waits for room" {
  on_redis
  local id pid
  id=$(wjobs enqueue keep --delay 1h)
  wjobs enqueue keep >/dev/null
  wjobs enqueue other >/dev/null
  refuses 75 "the queue is full: it takes 3 pieces of work" enqueue keep
  refuses 75 "the queue is full" enqueue keep --block=150ms
  "$WJOBS" enqueue keep --block >out 2>err 3>&- &
  pid=$!
  wjobs cancel "$id"
  wait "$pid"
  is "$(wjobs queue --state ready -o id | tail -n 1) $(<err)" "$(<out) "
}

@test "on a Redis: of fifty with one --id, one puts it in" {
  on_redis
  local i pids=() failed=0
  for i in {1..50}; do
    "$WJOBS" enqueue keep --id same --payload p >"id.$i" 2>"err.$i" 3>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i" || failed=$((failed + 1))
  done
  is "$failed $(cat err.*)" "0 "
  is "$(sort -u id.*)" "$(wjobs queue -o id)"
  refuses 1 "which has another handler or payload" \
    enqueue keep --id same --payload other
}

@test "on a Redis: hundreds of lines, and as many as there is room for" {
  on_redis 430
  seq 250 | wjobs enqueue keep --lines >out
  is "$(wjobs queue -o id)" "$(<out)"
  run --separate-stderr wjobs enqueue keep --lines < <(seq 250)
  is "$status" 75
  has "$stderr" "180 lines went in, and line 181 is the first that did not"
  is "$(wc -l <<<"$output")" 180
  gives 430 queue --count
}

@test "on a Redis: bytes come through, and --wait has their output" {
  on_redis 100
  printf 'a\0b\n\xff\n' >bytes
  head -c 1048576 /dev/urandom >most
  scheduler_start
  wjobs enqueue keep --payload @bytes --wait >out 2>id
  cmp bytes out
  is "$(wjobs enqueue bytes --payload @bytes --wait 2>/dev/null)" \
    "$(od -An -c <bytes)"
  id=$(wjobs enqueue other --payload @most)
  wjobs wait "$id" >out 2>err
  is "$(cmp -n 32768 most out)" ""
  has "$(<err)" "bytes are left out here"
}

@test "on a Redis: one that is away is 4" {
  on_redis
  redis_stop
  local began=$SECONDS
  refuses 4 "" enqueue keep
  refuses 4 "" queue
  ((SECONDS - began < 30))
}
