# shellcheck shell=bash
# Many schedulers on one Redis, beside each other, for tests that say `load
# redis` and `load instances`: each has directories of its own, as on a host of
# its own.

declare -gA PID=() ENDED=()
AS=() # a command that each is started by, and its arguments

# instances_end - those that are left
instances_end() {
  local name
  for name in "${!PID[@]}"; do
    kill -CONT "${PID[$name]}" 2>/dev/null
    kill -KILL "${PID[$name]}" 2>/dev/null
    wait "${PID[$name]}" 2>/dev/null
  done
}

# on HOST COMMAND... - with the directories of that host
on() {
  local host=$1
  shift
  WJOBS_STATE_DIR=$T/$host/state WJOBS_RUNTIME_DIR=$T/$host/run "$@"
}

# instance HOST [ARG...] - a scheduler there, beside the test: HOST.err has its
# log. `hasty HOST` is one whose session lasts 3 s.
instance() { launch "$WJOBS" "$@"; }
hasty() { launch "$TOOLS/hasty" "$@"; }
launch() {
  local program=$1 host=$2
  shift 2
  [ -d "$T/$host" ] || mkdir -m 700 "$T/$host"
  # Not through a function: its process would stand between.
  env WJOBS_STATE_DIR="$T/$host/state" WJOBS_RUNTIME_DIR="$T/$host/run" \
    "${AS[@]}" "$program" "$@" run --worker-id "$host" \
    >"$host.out" 2>"$host.err" 3>&- 4>&- &
  PID[$host]=$!
}

# stop HOST - by TERM; its status is in ENDED[HOST]
stop() {
  kill "${PID[$1]}"
  ENDED[$1]=0
  wait "${PID[$1]}" || ENDED[$1]=$?
  unset "PID[$1]"
}

# murder HOST - by KILL
murder() {
  kill -KILL "${PID[$1]}"
  wait "${PID[$1]}" 2>/dev/null || true
  unset "PID[$1]"
}
