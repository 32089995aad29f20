# wjobs wait: the future.
load helper
load redis

handlers() {
  jobfile <<'END'
queue: { workers: 4, size: 100 }
jobs:
  nightly: { cron: "0 3 * * *", command: "echo night; exit 5" }
handlers:
  cat: { command: cat, retry: 0 }
  exit: { command: "read n; exit $n", retry: 0 }
  killed: { command: "kill -9 $$", retry: 0 }
  late: { command: [sleep, "100"], timeout: 50ms, retry: 0 }
  absent: { command: [./absent], retry: 0 }
  noexec: { command: [./wjobs.yaml], retry: 0 }
  loud: { command: "echo oops >&2", fail_on_output: stderr, retry: 0 }
  odd: { command: "true", success_codes: [4], retry: 0 }
  fine: { command: "exit 4", success_codes: [4], retry: 0 }
  twice: { command: "echo try $WJOBS_ATTEMPT; test $WJOBS_ATTEMPT = 2", retry: { max: 3, delay: 10ms } }
  gate: { command: "read n; until test -e $n; do sleep 0.02; done; echo $n", retry: 0 }
END
}

# waits STATUS OUTPUT STDERR ID...
waits() {
  local status_wanted=$1 output_wanted=$2 stderr_wanted=$3
  shift 3
  run --separate-stderr "-$status_wanted" wjobs wait "$@"
  is "$output" "$output_wanted"
  if [[ -z $stderr_wanted ]]; then
    is "$stderr" ""
  else
    has "$stderr" "$stderr_wanted"
  fi
}

@test "wait: prints what the work wrote, and passes its status on" {
  handlers
  scheduler_start
  waits 0 "hello" "" "$(wjobs enqueue cat --payload hello)"
  waits 3 "" "" "$(wjobs enqueue exit --payload 3)"
  waits 0 "" "" "$(wjobs enqueue fine)"
  waits 1 "" "" "$(wjobs enqueue odd)"
  waits 137 "" "signal" "$(wjobs enqueue killed)"
  waits 124 "" "timed out after 50ms" "$(wjobs enqueue late)"
  waits 127 "" "cannot run './absent'" "$(wjobs enqueue absent)"
  waits 126 "" "cannot run './wjobs.yaml'" "$(wjobs enqueue noexec)"
  waits 1 "oops" "it wrote to standard error" "$(wjobs enqueue loud)"
}

@test "wait: the status is that of the last attempt" {
  handlers
  scheduler_start
  run wjobs wait "$(wjobs enqueue twice)"
  is "$status" 0
  has "$output" "try 2"
}

@test "wait: bytes come through as they are" {
  handlers
  printf 'a\0b\xff\n\nc' >bytes
  scheduler_start
  wjobs wait "$(wjobs enqueue cat --payload @bytes)" >out
  cmp bytes out
}

@test "wait: work that was cancelled is 1" {
  handlers
  local id
  id=$(wjobs enqueue cat)
  wjobs cancel "$id"
  waits 1 "" "cat $id was cancelled" "$id"
}

@test "wait: an id that is not known is 3, whatever the others are" {
  handlers
  local id
  refuses 3 "no work or run '01ARZ3NDEKTSV4RRFFQ69G5FAV'" \
    wait 01ARZ3NDEKTSV4RRFFQ69G5FAV
  id=$(wjobs enqueue cat)
  refuses 3 "no work or run '01ARZ3NDEKTSV4RRFFQ69G5FAV'" \
    wait "$id" 01ARZ3NDEKTSV4RRFFQ69G5FAV
  refuses 3 "no work or run 'cat'" wait cat
  refuses 2 "wait needs ID..." wait
}

@test "wait --timeout: asks with 0s, else waits for so long" {
  handlers
  local id other
  id=$(wjobs enqueue cat --payload x)
  other=$(wjobs enqueue cat --delay 1h)
  waits 75 "" "wjobs: $id is not done: it is ready" "$id" --timeout 0s
  waits 75 "" "wjobs: $other is not done: it is delayed" "$other" --timeout 50ms
  waits 75 "" "wjobs: $id is not done: it is ready, nor are 1 more" \
    "$id" "$other" --timeout 0s
  scheduler_start
  waits 0 x "" "$id" --timeout 10s
  waits 0 x "" "$id" --timeout 0s
}

@test "wait: blocks until the end, and the outputs are in the order given" {
  handlers
  local a b
  scheduler_start
  a=$(wjobs enqueue gate --payload a)
  b=$(wjobs enqueue gate --payload b)
  "$WJOBS" wait "$a" "$b" >out 3>&- &
  local pid=$!
  touch b
  wjobs wait "$b"
  is "$(<out)" ""
  touch a
  wait "$pid"
  is "$(<out)" $'a\nb'
}

@test "wait: of several, the status is the first failure's" {
  handlers
  local ids=()
  scheduler_start
  ids=("$(wjobs enqueue cat --payload $'fine\n')" "$(wjobs enqueue exit --payload 7)"
    "$(wjobs enqueue exit --payload 8)" "$(wjobs enqueue cat --payload last)")
  waits 7 $'fine\nlast' "" "${ids[@]}"
  waits 8 $'lastfine' "" "${ids[3]}" "${ids[2]}" "${ids[0]}" "${ids[1]}"
}

@test "wait --any: the first to end" {
  handlers
  local a b
  scheduler_start
  a=$(wjobs enqueue gate --payload a)
  b=$(wjobs enqueue gate --payload b)
  waits 75 "" "is not done" --any "$a" "$b" --timeout 50ms
  touch b
  waits 0 b "" --any "$a" "$b"
  touch a
  wjobs wait "$a"
  waits 0 b "" --any "$a" "$b"
}

@test "wait: the beginning of an id will do, and a job's run" {
  handlers
  local id
  scheduler_start
  id=$(wjobs enqueue cat --payload x)
  waits 0 x "" "${id:0:24}"
  run wjobs run nightly
  id=$(wjobs history nightly -o id)
  waits 5 night "" "$id"
}

@test "wait: a job's run that is under way" {
  jobfile <<'END'
jobs:
  slow: { cron: "@daily", command: "until test -e go; do sleep 0.02; done; exit 6" }
END
  "$WJOBS" run slow >out 2>err 3>&- &
  local pid=$! status=0
  eventually begins slow
  waits 75 "" "$(wjobs history -o id) is not done: it is running" \
    "$(wjobs history -o id)" --timeout 50ms
  "$WJOBS" wait "$(wjobs history -o id)" 3>&- &
  touch go
  wait $! || status=$?
  is "$status" 6
  wait "$pid" || :
}

begins() { [[ -n $(wjobs history "$1" --status running -o id) ]]; }

@test "wait: what the workers died of is 125" {
  needs proc
  jobfile <<'END'
handlers:
  poison: { command: "kill -9 $PPID; sleep 100", retry: 0 }
END
  local id i
  id=$(wjobs enqueue poison)
  for i in 1 2 3; do
    scheduler_start
    eventually eval '! kill -0 $scheduler 2>/dev/null'
    scheduler_wait
    PATIENCE=15
  done
  scheduler_start
  waits 125 "" "its worker died" "$id" --timeout 20s
}

@test "wait: a Redis that is away for a while is waited for, as is patience" {
  redis_start --appendonly yes --appendfsync always
  handlers
  printf 'store: "%s"\n' "$REDIS" >>wjobs.yaml
  local first id pid
  first=$(wjobs enqueue cat --payload $'first\n')
  scheduler_start
  wjobs wait "$first"
  scheduler_stop
  id=$(wjobs enqueue cat --payload here)
  "$WJOBS" wait "$first" "$id" >out 2>err 3>&- &
  pid=$!
  eventually test -s out
  redis_stop KILL
  refuses 4 "" wait "$id" --timeout 100ms
  redis_again
  scheduler_start
  wait "$pid"
  is "$(<out) $(<err)" $'first\nhere '
}
