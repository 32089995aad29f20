# The workers of the queue: what they take, how often they try, and how they
# end.

load helper

@test "worker: in simulated worlds nothing is done twice, too early or too much" {
  run tool worker random 1 2000
  is "$output" "2000 sites, 0 bad"
}

@test "worker: a failure is tried again after longer and longer, and buried" {
  run tool worker script retry
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
begins a 1
again a 0
again a 1
begins a 0
begins a 1
again a 0
again a 1
begins a 0
begins a 1
done a 0
again a 1
begins a 1
buried a 1"
  is "$(grep 'begins a 1' <<<"$output" | cut -d' ' -f1 | cut -c8-)" "000000
001100
003200
007300"
}

@test "worker: what a stop ends goes back, and nothing more is taken" {
  run tool worker script drain
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
begins a 1
done a 0
released a 1
some"
}

@test "worker: an end comes to nothing when others have the work by now" {
  run tool worker script lease
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
stale a 0"
}

@test "worker: the log names a handler as one, by whoever is speaking" {
  jobfile <<'END'
handlers:
  work: { command: "cat" }
END
  scheduler_start
  is "$(wjobs enqueue work --payload "said" --wait 2>id)" said
  eventually grep -q 'msg="completed"' run.err
  has "$(<run.err)" "msg=\"said\" handler=work run=$(<id) stream=stdout"
  has "$(<run.err)" "msg=\"completed\" handler=work run=$(<id)"
  scheduler_stop
}

@test "worker: run says what it does, and refuses what leaves nothing to do" {
  jobfile <<'END'
jobs:
  job: { cron: "@daily", command: "true" }
END
  refuses 78 "has no handlers to work for" run --queue-only
  refuses 2 "leave nothing to run" run --queue-only --schedule-only
  refuses 2 "--queue-only goes with no job" run --queue-only job
  jobfile <<'END'
handlers:
  work: { command: "true" }
END
  refuses 78 "has no jobs to schedule" run --schedule-only
}

# With real commands; each store as far as it differs.

# state_is ID STATE
state_is() { [[ $(wjobs show "$1" -o state 2>/dev/null) == "$2" ]]; }
count_is() { [[ $(wjobs queue --state "$1" --count) == "$2" ]]; }

# worker_start NAME ARG... - `wjobs run --queue-only ARG...` beside the test, its
# log in NAME.err, its process in $NAME.
worker_start() {
  local name=$1
  shift
  "$WJOBS" run --queue-only --worker-id "$name" "$@" >"$name.out" \
    2>"$name.err" 3>&- 4>&- &
  declare -g "$name=$!"
}

# worker_stop NAME STATUS [SIGNAL]
worker_stop() {
  local status=0
  kill -s "${3:-TERM}" "${!1}"
  wait "${!1}" || status=$?
  is "$status" "$2"
}

@test "worker: a payload of any bytes arrives as it is, or is not read at all" {
  jobfile <<'END'
handlers:
  keep: { command: "cat >part.$WJOBS_PRIORITY; mv part.$WJOBS_PRIORITY $WJOBS_PRIORITY" }
  deaf: { command: "true" }
END
  printf '' >in.1
  printf '\0\n\n\0x\n\377\376\200\0' >in.2
  head -c 1048576 /dev/urandom >in.3
  printf 'no newline' >in.4
  scheduler_start
  for n in 1 2 3 4; do
    wjobs enqueue keep --payload "@in.$n" --priority "$n" >/dev/null
  done
  for n in 1 2 3 4; do
    eventually cmp -s "in.$n" "$n"
  done
  wjobs enqueue deaf --payload @in.3 --wait
}

@test "worker: what work is told by its environment" {
  jobfile <<'END'
jobs:
  job: { cron: "@yearly", handler: told, payload: x, metadata: { from: job } }
handlers:
  told:
    command: "env | grep ^WJOBS_ >told.$WJOBS_ATTEMPT; echo more=1 >$WJOBS_METADATA; exit 1"
    retry: { max: 1, delay: 100ms }
    metadata: { from: handler, of: handler }
END
  scheduler_start
  id=$(wjobs enqueue told --priority 7 --metadata from=me)
  eventually state_is "$id" buried
  for n in 1 2; do
    has "$(cat told.$n)" "WJOBS_HANDLER=told"
    has "$(cat told.$n)" "WJOBS_RUN_ID=$id"
    has "$(cat told.$n)" "WJOBS_ATTEMPT=$n"
    has "$(cat told.$n)" "WJOBS_PRIORITY=7"
    has "$(cat told.$n)" "WJOBS_TRIGGER=queue"
    has "$(cat told.$n)" "WJOBS_FILE=$PWD/wjobs.yaml"
    grep -qE '^WJOBS_CREATED_AT=[0-9]{4}-.*Z$' told.$n
    grep -qE '^WJOBS_FENCE=[0-9]+$' told.$n
    run ! grep -E 'WJOBS_(JOB|SCHEDULED_AT|STATE_DIR)=' told.$n
  done
  fence=$(sed -n 's/WJOBS_FENCE=//p' told.1)
  [[ $(sed -n 's/WJOBS_FENCE=//p' told.2) -gt $fence ]]
  gives '{"id":"'"$id"'","job":"told","kind":"handler","trigger":"queue","attempt":2,"exit_code":1,"metadata":{"of":"handler","from":"me","more":"1"}}' \
    history --json -o id,job,kind,trigger,attempt,exit_code,metadata
}

@test "worker: each attempt waits longer than the last, and they are one run" {
  jobfile <<'END'
handlers:
  fail: { command: "date +%s%3N >>instants; echo attempt $WJOBS_ATTEMPT; exit 3", retry: { max: 2, delay: 200ms } }
END
  scheduler_start
  id=$(wjobs enqueue fail)
  eventually state_is "$id" buried
  is "$(lines instants)" 3
  mapfile -t at <instants
  ((at[1] - at[0] >= 200 && at[2] - at[1] >= 400))
  gives "fail	failed	3	exit" history -o job,status,attempt,reason
  gives "attempt 3" logs "$id"
  gives "fail	1	0	1" stats -o job,total,successful,failed
}

@test "worker: what is asked for a piece of work outweighs its handler" {
  jobfile <<'END'
handlers:
  slow: { command: [sleep, "100"], kill_after: 100ms }
END
  scheduler_start
  run -124 --separate-stderr wjobs enqueue slow --wait --timeout 100ms --retry 0
  is "$(wjobs history -o attempt,reason)" "1	timeout"
}

@test "worker: unwanted output fails, and listed statuses do not" {
  jobfile <<'END'
handlers:
  loud: { command: "echo x >&2", fail_on_output: stderr, retry: 0 }
  odd: { command: "exit 7", success_codes: [0, 7] }
  gone: { command: [/no/such/program], retry: 0 }
END
  scheduler_start
  for name in loud odd gone; do
    declare "$name=$(wjobs enqueue $name)"
  done
  eventually state_is "$loud" buried
  eventually state_is "$odd" done
  eventually state_is "$gone" buried
  is "$(wjobs history loud -o reason) $(wjobs history gone -o reason)" \
    "output spawn"
}

@test "worker: no more at a time than there are workers, or a handler allows" {
  jobfile <<'END'
queue: { workers: 3 }
handlers:
  one: { command: "echo + >>one; sleep 0.1; echo - >>one", workers: 1 }
  all: { command: "echo + >>all; sleep 0.1; echo - >>all" }
END
  for n in 1 2 3 4 5 6; do
    wjobs enqueue one >/dev/null
    wjobs enqueue all >/dev/null
  done
  scheduler_start
  eventually count_is done 12
  most() { awk '{ n += $1 == "+" ? 1 : -1; if (n > m) m = n } END { print m }' "$1"; }
  is "$(most one)" 1
  [[ $(most all) -ge 2 && $(most all) -le 3 ]]
}

@test "worker: work that kills its worker is buried, and its neighbours are done" {
  jobfile <<'END'
queue: { workers: 4, size: 200 }
handlers:
  bad: { command: "kill -KILL $PPID" }
  good: { command: "echo $WJOBS_RUN_ID >>done" }
END
  for n in {1..50}; do
    wjobs enqueue good >/dev/null
  done
  bad=$(wjobs enqueue bad)
  for n in {1..50}; do
    wjobs enqueue good >/dev/null
  done
  PATIENCE=20
  keep_running() {
    scheduler_runs || scheduler_start --quiet
    state_is "$bad" buried && count_is done 100
  }
  eventually keep_running
  scheduler_stop
  is "$(sort -u done | wc -l)" 100
  is "$(wjobs history bad -o status,reason,attempt)" "failed	crash	3"
}

@test "worker: rolling restarts consume no attempt" {
  jobfile <<'END'
stop_timeout: 100ms
handlers:
  long: { command: "echo $WJOBS_ATTEMPT >>tried; test -e last || exec sleep 100", retry: 0 }
END
  id=$(wjobs enqueue long)
  for n in 1 2 3 4 5; do
    scheduler_start
    eventually lines_are tried -ge "$n"
    scheduler_stop
    is "$scheduler_status" 1
    state_is "$id" ready
  done
  : >last
  scheduler_start
  eventually state_is "$id" "done"
  is "$(sort -u tried)" 1
  gives "completed	1" history -o status,attempt
}

@test "worker: told to stop it lets what runs end, and takes nothing more" {
  jobfile <<'END'
queue: { workers: 1 }
handlers:
  slow: { command: "echo >>begun; sleep 0.5; echo >>ended" }
END
  first=$(wjobs enqueue slow)
  second=$(wjobs enqueue slow)
  scheduler_start
  eventually lines_are begun -ge 1
  scheduler_stop
  is "$scheduler_status" 0
  is "$(lines begun) $(lines ended)" "1 1"
  state_is "$first" "done"
  state_is "$second" ready
}

@test "worker: any number beside one scheduler do each piece once" {
  jobfile <<'END'
queue: { workers: 2, size: 1000 }
jobs:
  job: { cron: "@yearly", command: "true" }
handlers:
  once: { command: "echo + $WJOBS_WORKER >>log; echo $WJOBS_RUN_ID >>done; echo - $WJOBS_WORKER >>log" }
END
  yes '' | head -n 300 | wjobs enqueue once --lines >ids
  scheduler_start --quiet
  for name in ann bob cid; do
    worker_start "$name"
  done
  eventually count_is done 300
  for name in ann bob cid; do
    worker_stop "$name" 0
  done
  scheduler_runs
  is "$(sort done)" "$(sort ids)"
  [[ $(cut -d' ' -f2 log | sort -u | wc -l) -ge 2 ]]
  awk '{ n[$2] += $1 == "+" ? 1 : -1; if (n[$2] > 2) exit 1 }' log
}

@test "worker: one that dies gives its work to the others" {
  jobfile <<'END'
handlers:
  work: { command: "echo $$ $WJOBS_WORKER $WJOBS_ATTEMPT >>tried; test -e last || exec sleep 100" }
END
  worker_start ann
  id=$(wjobs enqueue work)
  eventually lines_are tried -ge 1
  kill -KILL "$ann"
  : >last
  worker_start bob
  PATIENCE=10
  eventually state_is "$id" "done"
  is "$(cut -d' ' -f2- tried)" "ann 1
bob 2"
  has "$(cat bob.err)" "1 pieces of work of workers that died are tried again"
  worker_stop bob 0
}

@test "worker: what runs is cancelled within a moment, though all are busy" {
  jobfile <<'END'
queue: { workers: 1 }
handlers:
  long: { command: "echo $$ >pid; exec sleep 100" }
END
  scheduler_start
  id=$(wjobs enqueue long)
  eventually test -s pid
  wjobs cancel "$id"
  PATIENCE=2
  eventually state_is "$id" cancelled
  run ! kill -0 "$(cat pid)"
  gives "cancelled	cancelled" history -o status,reason
}

@test "worker: work begins as soon as it is put in" {
  jobfile <<'END'
handlers:
  now: { command: "true" }
END
  scheduler_start
  eventually grep -q started run.err
  local before=$SECONDS
  for n in 1 2 3 4 5; do
    wjobs enqueue now --wait
  done
  ((SECONDS - before <= 3))
}

@test "worker: work for a handler that nobody has waits, and is in nobody's way" {
  jobfile <<'END'
handlers:
  late: { command: "true" }
END
  late=$(wjobs enqueue late --priority 9)
  jobfile <<'END'
handlers:
  here: { command: "true" }
END
  scheduler_start
  wjobs enqueue here --wait
  state_is "$late" ready
  scheduler_stop
  jobfile <<'END'
handlers:
  late: { command: "true" }
END
  scheduler_start
  eventually state_is "$late" "done"
}

@test "worker: a job with a handler puts work in, once for each instant" {
  jobfile <<'END'
jobs:
  tick: { cron: "* * * * * *", handler: work, payload: "tick\n", priority: 3 }
handlers:
  work: { command: "echo $WJOBS_SCHEDULED_AT $WJOBS_PRIORITY $(cat) >>done" }
END
  scheduler_start
  eventually lines_are done -ge 3
  scheduler_stop
  is "$(sort -u done)" "$(sort done)"
  is "$(cut -d' ' -f2- done | sort -u)" '3 tick'
  run wjobs history tick --json -o status,trigger,metadata -n 1
  has "$output" '"status":"completed","trigger":"schedule","metadata":{"work":"'
  work=$(sed 's/.*"work":"//; s/".*//' <<<"$output")
  state_is "$work" "done"
}

@test "worker: where the queue is full, a job's work waits, and comes late" {
  jobfile <<'END'
queue: { size: 1 }
jobs:
  tick: { cron: "* * * * * *", handler: work, overlap: allow }
handlers:
  work: { command: "true" }
END
  wjobs enqueue work >/dev/null
  refuses 75 "tick: the queue is full: 1 wait" run tick
  "$WJOBS" run --schedule-only >run.out 2>run.err 3>&- 4>&- &
  scheduler=$!
  eventually grep -q "waits for room in the queue" run.err
  count_is ready 1
  wjobs queue purge --state ready >/dev/null
  waited() { wjobs history tick -o reason | grep -q late; }
  eventually waited
  is "$(wjobs history tick -o status | sort | uniq -c)" "      1 completed"
}

@test "worker: by hand, a job with a handler puts its work in" {
  jobfile <<'END'
jobs:
  tick: { cron: "@yearly", handler: work, payload: hand }
handlers:
  work: { command: cat }
END
  gives "" run tick
  gives "work	ready" queue -o handler,state
  gives "tick	completed	manual" history -o job,status,trigger
  scheduler_start
  eventually count_is done 1
}

@test "worker: a queue in a store of its own has its work in history too" {
  jobfile <<'END'
queue: { store: queue.db }
jobs:
  tick: { cron: "@yearly", handler: work, payload: hand }
handlers:
  work: { command: "cat; exit 1", retry: { max: 1, delay: 50ms } }
END
  wjobs run tick
  work=$(wjobs queue -o id)
  scheduler_start
  eventually state_is "$work" buried
  eventually count_is buried 1
  recorded() { [[ $(wjobs history work -o id,status,attempt) == "$work	failed	2" ]]; }
  eventually recorded
  gives "tick	completed" history tick -o job,status
  worker_start ann
  id=$(wjobs enqueue work --payload again --retry 0)
  eventually state_is "$id" buried
  worker_stop ann 0
}

@test "worker: a store in memory has no other workers" {
  jobfile <<'END'
store: memory
handlers:
  work: { command: "true" }
END
  refuses 4 "in its scheduler's memory" run --queue-only
}
