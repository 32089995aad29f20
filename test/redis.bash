# shellcheck shell=bash
# A Redis of the test's own; `load redis` after `load helper`.
#
#   redis_start [ARG...]      starts redis-server with these options on a socket
#                             below the test's directory, and waits until it
#                             answers. Called in setup_file, it is the file's.
#   redis_start_tcp [ARG...]  the same, on a free port of 127.0.0.1 too
#   redis_stop [SIGNAL]       ends it: by TERM, or by the signal named
#   redis_again [ARG...]      starts it once more where it was, with its options
#                             and those given
#   redis_cli ARG...          redis-cli, by its socket
#
#   REDIS         its URL: redis+unix://SOCKET, or redis://127.0.0.1:PORT
#   REDIS_SOCKET  REDIS_PID  REDIS_PORT (0: none)  REDIS_DIR (dump.rdb, log)
#
# A second redis_start begins another one, and the words above then mean that:
# `local REDIS_PID=...` for a while to come back to the first. Tests need not
# stop what they started; a file does, by redis_stop in teardown_file.

redis_start() {
  redis_dir && redis_launch 0 "$@"
}

redis_start_tcp() {
  local try
  redis_dir || return
  for try in {1..20}; do
    # Below the ports that the kernel gives away by itself.
    ! redis_launch $((10000 + RANDOM % 22000)) "$@" || return 0
  done
  echo "no port is free for a Redis after $try tries" >&2
  return 1
}

# One directory after the other, so that one test may have many servers.
redis_dir() {
  local top=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR} n=1
  until mkdir "$top/redis$n" 2>/dev/null; do
    ((n++ < 100)) || return 1
  done
  export REDIS_DIR=$top/redis$n
}

redis_again() {
  local options=()
  readarray -d '' options <"$REDIS_DIR/options"
  redis_launch "${REDIS_PORT:-0}" "${options[@]}" "$@"
}

# The socket is made after the port was bound, so who answers there has both. A
# server that renames itself hides the environment by which leftovers are found.
redis_launch() {
  local port=$1 deadline=$((SECONDS + PATIENCE + 5))
  shift
  export REDIS_PORT=$port REDIS_SOCKET=$REDIS_DIR/socket
  export REDIS=redis+unix://$REDIS_SOCKET
  [[ $port == 0 ]] || REDIS=redis://127.0.0.1:$port
  printf '%s\0' "$@" >"$REDIS_DIR/options"
  [[ $# != 0 ]] || : >"$REDIS_DIR/options"
  rm -f "$REDIS_SOCKET"
  redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$REDIS_SOCKET" \
    --dir "$REDIS_DIR" --daemonize no --save "" --set-proc-title no \
    "$@" </dev/null >>"$REDIS_DIR/log" 2>&1 3>&- 4>&- &
  export REDIS_PID=$!
  disown "$REDIS_PID"
  until redis_answers; do
    if ! kill -0 "$REDIS_PID" 2>/dev/null || ((SECONDS > deadline)); then
      echo "no Redis: $(tail -n 3 "$REDIS_DIR/log")" >&2
      kill -KILL "$REDIS_PID" 2>/dev/null
      return 1
    fi
    sleep 0.02
  done
}

# An error (it loads, it wants a password) is an answer too.
redis_answers() {
  [[ -S $REDIS_SOCKET ]] && redis_cli ping >/dev/null 2>&1
}

redis_cli() { redis-cli -s "$REDIS_SOCKET" "$@"; }

redis_stop() {
  local deadline=$((SECONDS + PATIENCE + 5))
  kill -s "${1:-TERM}" "$REDIS_PID" 2>/dev/null || return 0
  # One that was stopped by a signal would never hear of this one.
  kill -CONT "$REDIS_PID" 2>/dev/null || :
  while kill -0 "$REDIS_PID" 2>/dev/null; do
    if ((SECONDS > deadline)); then
      echo "Redis does not stop" >&2
      kill -KILL "$REDIS_PID"
      return 1
    fi
    sleep 0.02
  done
}
