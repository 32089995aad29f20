#!/usr/bin/env bats
# `wjobs lock` in all its forms. test/lock_redis.bats is this file too: the same
# tests, with the locks in Redis.

load helper
load redis
# shellcheck disable=SC2154 # run sets status, output and stderr

on_redis() { [[ ${BATS_TEST_FILENAME##*/} == *redis* ]]; }

setup_file() {
  on_redis || return 0
  if command -v redis-server >/dev/null; then
    redis_start
  fi
}

teardown_file() {
  if on_redis && [[ -n ${REDIS_PID:-} ]]; then
    redis_stop
  fi
}

setup() {
  test_begin
  if on_redis; then
    needs redis-server
    STORE="$REDIS?prefix=t$BATS_TEST_NUMBER:"
  else
    STORE=$PWD/locks.db
  fi
}

# Exec: what the test kills is wjobs, and no shell around it.
lock() { wjobs lock --store "$STORE" "$@"; }
lock_start() { "$WJOBS" lock --store "$STORE" "$@" 3>&- 4>&- & }

# held_says STATUS TEXT ARG... - as refuses, with the store named.
lock_refuses() {
  local status_wanted=$1 text=$2
  shift 2
  refuses "$status_wanted" "$text" lock --store "$STORE" "$@"
}

lock_is() {
  run --separate-stderr lock "$1" --status
  [[ $output == *"$2"* ]]
}
lock_is_free() { lock_is "$1" "$1: free"; }
lock_is_held() { lock_is "$1" "$1: held by "; }

@test "lock: of many at a time one runs, and none is lost" {
  local i pids=() pid
  echo 0 >counter
  for i in {1..20}; do
    lock_start many --wait -- sh -c \
      'n=$(cat counter); mkdir busy || echo two >>bad; sleep 0.01
       rmdir busy; echo $((n + 1)) >counter; echo $WJOBS_FENCE >>fences'
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  is "$(<counter)" 20
  [[ ! -e bad ]]
  is "$(<fences)" "$(seq 20)"
}

@test "lock: what is held is 75, and says by whom" {
  mkfifo fifo
  lock_start held -- sh -c 'echo ready; read -r _ <fifo' >out
  eventually test -s out
  lock_refuses 75 "wjobs: the lock 'held' is held by $(hostname):$!" \
    held -- touch ran
  [[ ! -e ran ]]
  run --separate-stderr lock held --status
  is "$status" 0
  has "$output" "held: held by $(hostname):$!"
  is "$(lock held --status -o lock,held,holder,fence)" \
    $'held\ttrue\t'"$(hostname):$!"$'\t1'
  lock other -- true
  echo >fifo
  wait $!
  run --separate-stderr lock held --status --json
  is "$status" 1
  is "$output" '{"lock":"held","held":false,"holder":null,"left":null,"fence":null}'
  lock held -- true
}

@test "lock: the status is the command's own" {
  run -5 lock k -- sh -c 'exit 5'
  run -143 lock k -- sh -c 'kill $$'
  run -127 --separate-stderr lock k -- /no/such/program
  has "$stderr" 'wjobs: cannot run'
  run -127 --separate-stderr lock k -- no-such-program
  has "$stderr" 'wjobs: cannot run'
  touch plain
  run -126 --separate-stderr lock k -- ./plain
  printf 'echo script "$@"\n' >script
  chmod +x script
  is "$(lock k -- ./script 1 '2 3')" 'script 1 2 3'
  lock_is_free k
}

@test "lock: input and output are the command's, byte for byte" {
  is "$(printf 'a\0b' | lock k -- cat | od -An -c | tr -d ' ')" 'a\0b'
  is "$(head -c 3000000 /dev/zero | lock k -- cat | wc -c)" 3000000
  lock k -- sh -c 'echo out; echo err >&2' >out 2>err
  is "$(<out)$(<err)" outerr
  is "$(lock k -- sh -c 'cat <&9' 9<out)" out
  # The command reads its own part, and leaves the rest to who comes next.
  is "$(printf 'one\ntwo\n' | { lock k -- sh -c 'read -r a; echo "$a"'; cat; })" \
    $'one\ntwo'
}

@test "lock: signals reach the command at once" {
  local signal number
  for signal in INT:2 TERM:15 HUP:1 QUIT:3; do
    number=${signal#*:}
    rm -f out
    # a shell's background job ignores INT and QUIT, so ask for them anew
    env --default-signal=INT,QUIT "$WJOBS" lock --store "$STORE" k -- sh -c \
      "trap 'echo got; exit 9' ${signal%:*}; echo ready; while :; do sleep 0.02; done" \
      >out 3>&- 4>&- &
    eventually grep -qs ready out
    kill "-$number" $!
    status=0
    wait $! || status=$?
    is "$status" 9
    is "$(<out)" $'ready\ngot'
    lock_is_free k
  done
}

@test "lock: it waits, and for so long as it was told" {
  local token
  token=$(lock k --take --ttl 1m)
  lock_start k --wait -- touch ran
  lock_start k --wait=20s -- touch ran2
  lock_refuses 75 "the lock 'k' is held by" k --wait=200ms -- touch ran
  has "$stderr" ' more'
  [[ ! -e ran && ! -e ran2 ]]
  lock k --release "$token"
  eventually test -e ran
  eventually test -e ran2
  wait
}

@test "lock --take: a token holds it, extends it and releases it" {
  local token
  token=$(lock k --take --ttl 1m)
  has "$token" 0
  lock_refuses 75 "the lock 'k' is held by $(hostname):" k --take --ttl 1m
  lock_refuses 75 "the lock 'k' is held by" k -- true
  lock_refuses 1 "the lock 'k' is not held by that token" k --release x
  lock_refuses 1 "the lock 'k' is not held by that token" k --extend "x$token"
  lock_refuses 1 "the lock 'j' is not held by that token" j --release "$token"
  lock_is_held k
  (($(lock k --status -o left | cut -d . -f 1) <= 60))
  lock k --extend "$token" --ttl 1h
  (($(lock k --status -o left | cut -d . -f 1) > 3500))
  lock k --release "$token"
  lock_is_free k
  lock_refuses 1 "not held by that token" k --release "$token"
  lock_refuses 1 "not held by that token" k --extend "$token"
}

@test "lock --take: it ends by itself, and a token that was late holds nothing" {
  local first second
  first=$(lock k --take --ttl 100ms)
  second=$(lock k --take --ttl 1m --wait=5s)
  lock_refuses 1 "not held by that token" k --extend "$first"
  lock_refuses 1 "not held by that token" k --release "$first"
  lock_is_held k
  is "$(lock k --status -o fence)" 2
  lock k --release "$second"
}

@test "lock --take: a token that cannot be told is not kept" {
  [[ -c /dev/full ]] || skip "needs /dev/full"
  status=0
  lock k --take --ttl 1m >/dev/full 2>err || status=$?
  is "$status" 1
  has "$(<err)" 'wjobs: cannot write the output'
  lock_is_free k
}

@test "lock: fences grow from grant to grant, whatever the key" {
  is "$(lock a -- sh -c 'echo $WJOBS_FENCE')" 1
  is "$(lock b -- sh -c 'echo $WJOBS_FENCE')" 2
  lock c --take --ttl 1m
  is "$(lock c --status -o fence)" 3
  is "$(lock a -- sh -c 'echo $WJOBS_FENCE')" 4
}

@test "lock: keys of one store are apart, and stores are" {
  local other
  other=$STORE-2
  ! on_redis || other="$REDIS?prefix=other$BATS_TEST_NUMBER:"
  is "$(lock a -- "$WJOBS" lock --store "$STORE" b -- echo both)" both
  is "$(lock a -- "$WJOBS" lock --store "$other" a -- echo both)" both
  run -75 lock a -- "$WJOBS" lock --store "$STORE" a -- echo never
}

@test "lock: any name will do that is short and shows" {
  lock 'a b/c:ü{}*' --take --ttl 1m
  has "$(lock 'a b/c:ü{}*' --status)" 'a b/c:ü{}*: held by'
  lock "$(printf '%256s' x)" -- true
  refuses 2 "a lock has a name" lock '' -- true
  refuses 2 "at most 256 bytes" lock "$(printf '%257s' x)" -- true
  refuses 2 "no control characters" lock $'a\nb' -- true
}

@test "lock: misuse is told" {
  refuses 2 "lock needs KEY" lock
  refuses 2 "lock needs a command, or one of" lock k
  refuses 2 "exclude each other" lock k --status -- true
  refuses 2 "exclude each other" lock k --take --release x
  refuses 2 "--take needs --ttl" lock k --take
  refuses 2 "neither kill nor continue" lock k --on-loss stay -- true
  refuses 2 "'x' is not a duration" lock k --wait=x -- true
  refuses 2 "'5' has no unit" lock k --ttl 5 -- true
}

@test "exec --lock: held over all attempts, and no one else runs meanwhile" {
  mkfifo fifo
  "$WJOBS" exec --store "$STORE" --lock k --retry 1 -- sh -c \
    'echo $WJOBS_FENCE >>tries; [ "$WJOBS_ATTEMPT" = 2 ] || exit 1; read -r _ <fifo' \
    3>&- 4>&- &
  eventually lines_are tries -eq 1
  lock_refuses 75 "the lock 'k' is held by $(hostname):$!" k -- true
  refuses 75 "the lock 'k' is held by $(hostname):$!" \
    exec --store "$STORE" --lock k -- touch ran
  eventually lines_are tries -eq 2
  lock_refuses 75 "the lock 'k' is held by $(hostname):$!" k -- true
  echo >fifo
  wait $!
  is "$(<tries)" $'1\n1'
  [[ ! -e ran ]]
  lock_is_free k
  run -124 wjobs exec --store "$STORE" --lock k --timeout 100ms -- sleep 60
  lock_is_free k
  is "$(wjobs exec --store "$STORE" --lock k --history -- sh -c 'echo $WJOBS_FENCE')" 3
}

# jobs LINE - a jobfile of that store, with that job.
jobs() {
  printf 'store: "%s"\njobs:\n  %s\n' "$STORE" "$1" >wjobs.yaml
}

@test "lock of a job: it and wjobs lock exclude one another" {
  local token run
  jobs 'a: { interval: 1d, lock: k, command: "echo ready >out; read -r _ <fifo" }'
  mkfifo fifo
  token=$(lock k --take --ttl 1m)
  run -75 --separate-stderr wjobs run a
  has "$stderr" "lock 'k' is held by $(hostname):"
  [[ ! -e out ]]
  lock k --release "$token"
  "$WJOBS" run a 3>&- 4>&- &
  eventually test -s out
  run=$(wjobs history a -n 1 -o id)
  lock_refuses 75 "the lock 'k' is held by a, run $run on " k -- true
  lock_refuses 75 "held by a, run" k --take --ttl 1m
  run -75 --separate-stderr wjobs run a
  echo >fifo
  wait $!
  lock k -- true
}

@test "lock of a job: the scheduler skips what it cannot lock, and runs it later" {
  local token
  jobs 'a: { interval: 100ms, lock: k, command: "echo ran >>out" }'
  token=$(lock k --take --ttl 1m)
  scheduler_start
  eventually eval '[[ $(wjobs history a -n 1 -o status,reason) == "skipped"*"lock" ]]'
  [[ ! -e out ]]
  lock k --release "$token"
  eventually test -s out
  scheduler_stop
  lock k -- true
}

@test "lock of a job: two jobs of one lock never overlap" {
  printf 'store: "%s"\ndefaults: { interval: 100ms, lock: k }\njobs:\n' \
    "$STORE" >wjobs.yaml
  for name in a b c; do
    echo "  $name: { command: \"mkdir busy || echo two >>bad; sleep 0.03; rmdir busy; echo $name >>out\" }"
  done >>wjobs.yaml
  scheduler_start
  eventually lines_are out -ge 8
  scheduler_stop
  [[ ! -e bad ]]
  lock_is_free k
}
