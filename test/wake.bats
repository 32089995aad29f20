# shellcheck shell=bash
# Hints that there may be work: datagrams beside a file, messages of a Redis.

load helper
load redis

# listener N STORE DIR: one that writes to N.out until hush N.
listener() {
  mkfifo "$1.in"
  "$TOOLS/wake" "$2" "$3" listen <"$1.in" >"$1.out" 2>"$1.err" 3>&- 4>&- &
  local pid=$!
  exec {fd}>"$1.in"
  fds[$1]=$fd pids[$1]=$pid
  eventually grep -q listening "$1.out"
}

# Ends it; it has to end by itself.
hush() {
  echo >&"${fds[$1]}"
  wait "${pids[$1]}"
  grep -q closed "$1.out"
}

setup() {
  test_begin
  declare -gA fds=() pids=()
}

rang() { lines_are "$1.out" -ge "$2"; }

@test "wake: all who listen in the directory are rung, and only while they do" {
  mkdir -m 700 dir
  listener a wjobs.db dir
  listener b wjobs.db dir
  is "$(stat -c %a dir/wake-* | sort -u)" 600
  # b rang a when it came
  eventually rang a 2
  tool wake wjobs.db dir ring
  eventually rang a 3
  eventually rang b 2
  hush b
  tool wake wjobs.db dir ring
  eventually rang a 4
  hush a
  is "$(ls -A dir)" ""
}

@test "wake: the socket of one that was killed is removed by the next to ring" {
  mkdir -m 700 dir
  listener a wjobs.db dir
  kill -KILL "${pids[a]}"
  wait "${pids[a]}" || :
  touch dir/wake-1-notes.sock
  ls dir/wake-"${pids[a]}"-*
  tool wake wjobs.db dir ring
  is "$(ls -A dir)" wake-1-notes.sock
}

@test "wake: a listener that stands still is no matter to who rings" {
  mkdir -m 700 dir
  listener a wjobs.db dir
  kill -STOP "${pids[a]}"
  for _ in {1..600}; do tool wake wjobs.db dir ring || return; done
  kill -CONT "${pids[a]}"
  eventually rang a 2
  hush a
}

@test "wake: a path longer than an address serves as well" {
  needs linux proc
  local dir
  dir=$(printf '%060d/%060d' 0 0)
  mkdir -p "$dir"
  listener a wjobs.db "$PWD/$dir"
  tool wake wjobs.db "$PWD/$dir" ring
  eventually rang a 2
  hush a
  is "$(ls -A "$dir")" ""
}

@test "wake: where there is no directory, ringing is nothing and listening an error" {
  tool wake wjobs.db nowhere ring
  run tool wake wjobs.db nowhere listen
  is "$status" 1
  has "$output" "cannot open 'nowhere'"
}

@test "wake: a Redis' listener is rung by what is published there" {
  redis_start
  listener a "$REDIS" .
  # once for what it may have missed
  eventually rang a 2
  eventually test "$(redis_cli publish '{wjobs:}wake' '')" = 1
  eventually rang a 3
  hush a
}

@test "wake: a Redis that comes back rings, and one that hangs is left" {
  redis_start
  listener a "$REDIS" .
  eventually rang a 2
  redis_stop
  redis_again
  eventually rang a 3
  redis_cli publish '{wjobs:}wake' ''
  eventually rang a 4
  kill -STOP "$REDIS_PID"
  hush a
  kill -CONT "$REDIS_PID"
}

@test "wake: a Redis that is not there is waited for" {
  redis_start
  redis_stop
  listener a "$REDIS" .
  redis_again
  eventually rang a 2
  hush a
}
