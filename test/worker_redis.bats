# The workers of a queue that lies in a Redis: many hosts, and one that fails.

load helper
load redis

setup() {
  needs redis-server redis-cli
  test_begin
}

state_is() { [[ $(wjobs show "$1" -o state 2>/dev/null) == "$2" ]]; }
count_is() { [[ $(wjobs queue --state "$1" --count) == "$2" ]]; }

# worker_start NAME ARG... - a worker with a session of seconds, its log in
# NAME.err, its process in $NAME.
worker_start() {
  local name=$1
  shift
  "$TOOLS/hasty" run --queue-only --worker-id "$name" "$@" >"$name.out" \
    2>"$name.err" 3>&- 4>&- &
  declare -g "$name=$!"
}

worker_stop() {
  local status=0
  kill "${!1}"
  wait "${!1}" || status=$?
  is "$status" "$2"
}

@test "worker: on Redis, work is done, tried again, buried, and cancelled" {
  redis_start
  jobfile <<END
store: "$REDIS"
handlers:
  fine: { command: cat }
  fail: { command: "exit 3", retry: { max: 1, delay: 50ms } }
  long: { command: "echo >begun; exec sleep 100" }
END
  scheduler_start
  run --separate-stderr wjobs enqueue fine --payload hello --wait
  is "$status $output" "0 hello"
  fail=$(wjobs enqueue fail)
  long=$(wjobs enqueue long)
  eventually state_is "$fail" buried
  eventually test -e begun
  wjobs cancel "$long"
  eventually state_is "$long" cancelled
  is "$(wjobs history -o job,status,attempt | sort)" "fail	failed	2
fine	completed	1
long	cancelled	1"
  scheduler_stop
  is "$scheduler_status" 0
}

@test "worker: on Redis, any number do each piece once" {
  redis_start
  jobfile <<END
store: "$REDIS"
queue: { workers: 2, size: 1000 }
handlers:
  once: { command: "echo \$WJOBS_RUN_ID >>done" }
END
  yes '' | head -n 300 | wjobs enqueue once --lines >ids
  for name in ann bob cid; do
    worker_start "$name"
  done
  eventually count_is done 300
  run wjobs status --all --json -o worker,kind
  has "$output" '{"worker":"ann","kind":"worker"}'
  for name in ann bob cid; do
    worker_stop "$name" 0
  done
  is "$(sort done)" "$(sort ids)"
}

@test "worker: on Redis, one that dies gives its work to the others" {
  redis_start
  jobfile <<END
store: "$REDIS"
handlers:
  work: { command: "echo \$WJOBS_WORKER \$WJOBS_ATTEMPT >>tried; test -e last || exec sleep 100" }
END
  worker_start ann
  id=$(wjobs enqueue work)
  eventually lines_are tried -ge 1
  kill -KILL "$ann"
  : >last
  worker_start bob
  PATIENCE=20
  eventually state_is "$id" "done"
  is "$(<tried)" "ann 1
bob 2"
  worker_stop bob 0
}

@test "worker: a session that is lost ends what it had, and costs no attempt" {
  redis_start --appendonly yes
  jobfile <<END
store: "$REDIS"
handlers:
  work: { command: "echo \$\$ \$WJOBS_ATTEMPT >>tried; test -e last || exec sleep 100", retry: 0 }
END
  worker_start ann
  id=$(wjobs enqueue work)
  eventually lines_are tried -ge 1
  kill -STOP "$REDIS_PID"
  gone() { ! kill -0 "$(head -n 1 tried | cut -d' ' -f1)" 2>/dev/null; }
  eventually gone
  : >last
  kill -CONT "$REDIS_PID"
  PATIENCE=20
  eventually state_is "$id" "done"
  has "$(cat ann.err)" "in doubt"
  is "$(lines tried)" 2
  worker_stop ann 0
}

@test "worker: work that a Redis away cannot be told of is told of later" {
  redis_start --appendonly yes
  jobfile <<END
store: history.db
queue: { store: "$REDIS" }
handlers:
  work: { command: "echo \$WJOBS_ATTEMPT >>tried; until test -e go; do sleep 0.05; done" }
END
  scheduler_start
  id=$(wjobs enqueue work)
  eventually lines_are tried -ge 1
  redis_stop KILL
  : >go
  eventually grep -q completed run.err
  eventually grep -q "the queue's store does not answer" run.err
  redis_again
  PATIENCE=10
  eventually state_is "$id" "done"
  recorded() { [[ $(wjobs history work -o id,status) == "$id	completed" ]]; }
  eventually recorded
  is "$(lines tried)" 1
}

@test "worker: of two schedulers one puts the work of each instant in" {
  redis_start
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { cron: "* * * * * *", handler: work, payload: x }
handlers:
  work: { command: "echo \$WJOBS_SCHEDULED_AT >>done" }
END
  mkdir -m 700 other
  WJOBS_RUNTIME_DIR=$PWD/other WJOBS_STATE_DIR=$PWD/other "$WJOBS" run \
    >other.out 2>other.err 3>&- 4>&- &
  local other=$!
  scheduler_start
  eventually lines_are done -ge 4
  kill "$other"
  wait "$other"
  scheduler_stop
  is "$(sort -u done)" "$(sort done)"
}

@test "worker: instants claimed in a Redis put their work in where history is" {
  redis_start
  jobfile <<END
store: wjobs.db
locking: "$REDIS"
jobs:
  tick: { cron: "* * * * * *", handler: work }
handlers:
  work: { command: "echo \$WJOBS_SCHEDULED_AT >>done" }
END
  scheduler_start
  eventually lines_are done -ge 2
  scheduler_stop
  is "$(sort -u done)" "$(sort done)"
  is "$(wjobs history tick -o status | sort -u)" completed
  is "$(wjobs history work -o status | sort -u)" completed
}
