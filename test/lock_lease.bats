#!/usr/bin/env bats
# Locks in Redis: they last for a time, are extended while the command runs, and
# may be lost. What they share with those beside a file is in lock.bats.

load helper
load redis
# shellcheck disable=SC2154 # run sets status, output and stderr

setup() {
  needs redis-server
  test_begin
  redis_start
}

teardown() {
  redis_stop
  test_end
}

lock() { wjobs lock --store "$REDIS" "$@"; }
lock_start() { "$WJOBS" lock --store "$REDIS" "$@" 3>&- 4>&- & }
lock_is_free() {
  run --separate-stderr lock "$1" --status
  [[ $output == "$1: free" ]]
}
# The lock's key in Redis.
key() { echo "{wjobs:}lock:$1"; }

@test "lock, Redis: it is extended while the command runs, and released after" {
  mkfifo fifo
  lock_start k --ttl 300ms -- sh -c 'echo >ready; read -r _ <fifo'
  eventually test -s ready
  refuses 75 "the lock 'k' is held by $(hostname):$!, for" \
    lock --store "$REDIS" --wait=1s k -- touch ran
  echo >fifo
  wait $!
  is "$(redis_cli exists "$(key k)")" 0
  [[ ! -e ran ]]
}

@test "lock, Redis: 30s unless it is told" {
  mkfifo fifo
  lock_start k -- sh -c 'echo >ready; read -r _ <fifo'
  eventually test -s ready
  local ms
  ms=$(redis_cli pttl "$(key k)")
  ((ms > 25000 && ms <= 30000))
  echo >fifo
  wait $!
}

@test "lock, Redis: where wjobs is killed its command is stopped, and the lock ends in time" {
  needs linux
  lock_start k --ttl 700ms -- sh -c 'trap "echo got >out; exit" TERM; echo >ready
    while :; do sleep 0.02; done'
  eventually test -s ready
  kill -KILL $!
  refuses 75 "the lock 'k' is held by" lock --store "$REDIS" k -- true
  eventually lock_is_free k
  is "$(<out)" got
}

@test "lock, Redis: where the jobfile claims elsewhere, the locks are there" {
  printf 'store: local.db\nlocking: "%s"\njobs:\n  a: { interval: 1d, lock: k, command: "touch ran" }\n' \
    "$REDIS" >wjobs.yaml
  local token
  token=$(wjobs lock k --take --ttl 1m)
  is "$(redis_cli exists "$(key k)")" 1
  run -75 --separate-stderr wjobs run a
  has "$stderr" "lock 'k' is held by"
  wjobs lock k --release "$token"
  wjobs run a
  [[ -e ran ]]
  is "$(redis_cli exists "$(key k)")" 0
}

@test "lock, Redis: a command that has lost its lock is stopped" {
  lock_start k --ttl 600ms -- sh -c 'echo >ready; exec sleep 60' 2>err
  eventually test -s ready
  redis_cli del "$(key k)"
  status=0
  wait $! || status=$?
  is "$status" 143
  is "$(<err)" "wjobs: the lock 'k' is lost: it is not ours any more; the command is stopped"
}

@test "lock, Redis: another's lock is not released by who has lost it" {
  lock_start k --ttl 600ms -- sh -c 'echo >ready; trap "" TERM; sleep 60; sleep 60' 2>err
  eventually test -s ready
  redis_cli hset "$(key k)" token other holder somebody
  status=0
  wait $! || status=$?
  is "$status" 137
  has "$(lock k --status)" 'k: held by somebody'
}

@test "lock, Redis: --on-loss continue says so, and lets the command go on" {
  mkfifo fifo
  lock_start k --ttl 300ms --on-loss continue -- sh -c 'echo >ready; read -r _ <fifo; exit 7' 2>err
  eventually test -s ready
  redis_cli del "$(key k)"
  eventually test -s err
  is "$(<err)" "wjobs: the lock 'k' is lost: it is not ours any more; the command goes on"
  echo >fifo
  status=0
  wait $! || status=$?
  is "$status" 7
  is "$(<err)" "wjobs: the lock 'k' is lost: it is not ours any more; the command goes on"
}

@test "lock, Redis: where it does not answer, the command is gone before its lock is" {
  local began
  lock_start k --ttl 3s -- sh -c 'trap "echo got >>out" TERM
    while :; do date +%s%6N >>beats; sleep 0.02; done' 2>err
  eventually test -s beats
  kill -STOP "$REDIS_PID"
  began=${EPOCHREALTIME/[.,]/}
  status=0
  wait $! || status=$?
  kill -CONT "$REDIS_PID"
  is "$status" 137
  is "$(head -n 1 out)" got
  has "$(<err)" "the lock 'k' is lost: the store has not answered for too long"
  # It was certainly held for at most 3s more.
  (($(tail -n 1 beats) - began < 3000000))
}

@test "lock, Redis: a server that comes back in time is no loss" {
  mkfifo fifo
  lock_start k --ttl 6s -- sh -c 'echo >ready; read -r _ <fifo'
  eventually test -s ready
  redis_cli client kill type normal >/dev/null
  redis_cli script flush
  # So long, one extension times out, and the next one does not.
  redis_cli client pause 3500 ALL
  left_is_much() { (($(redis_cli pttl "$(key k)") > 5500)); }
  eventually left_is_much
  echo >fifo
  wait $!
  is "$(redis_cli exists "$(key k)")" 0
}

@test "lock, Redis: what cannot be reached is 4, and nothing is run" {
  redis_stop
  refuses 4 "wjobs: " lock --store "$REDIS" k -- touch ran
  refuses 4 "wjobs: " lock --store "$REDIS" k --status
  refuses 4 "wjobs: " lock --store "$REDIS" k --take --ttl 1m
  refuses 4 "wjobs: " lock --store "$REDIS" k --release x
  refuses 4 "wjobs: " lock --store "$REDIS" --wait=5s k -- touch ran
  [[ ! -e ran ]]
  refuses 78 "" lock --store redis://host:port k -- touch ran
}

@test "lock, Redis: who waits for a lock waits for a server that restarts" {
  local token
  token=$(lock k --take --ttl 1h)
  lock_start k --wait -- touch ran
  looks() { (($(redis_cli info commandstats |
    sed -n 's/^cmdstat_evalsha:calls=\([0-9]*\),.*/\1/p') > 3)); }
  eventually looks
  redis_stop
  redis_again
  eventually test -e ran
  wait $!
}

@test "lock, Redis: another version's store is refused" {
  redis_cli hset '{wjobs:}meta' schema 2
  refuses 78 "schema '2'" lock --store "$REDIS" k -- touch ran
  [[ ! -e ran ]]
}

@test "lock, Redis: full memory refuses a new lock, and extends and releases one" {
  local token
  token=$(lock k --take --ttl 1m)
  redis_cli config set maxmemory 1mb
  refuses 4 "" lock --store "$REDIS" j -- touch ran
  [[ ! -e ran ]]
  is "$(redis_cli exists "$(key j)")" 0
  lock k --extend "$token" --ttl 1h
  (($(redis_cli pttl "$(key k)") > 3000000))
  lock k --release "$token"
  is "$(redis_cli exists "$(key k)")" 0
}

@test "lock, Redis: a run's lock is held while its session is alive" {
  redis_cli hset "$(key k)" token 01M85AVAQHA4EV90ZFAZRQYG90 sid S1 holder 'job a' fence 1
  redis_cli set '{wjobs:}s:S1' 1
  redis_cli zadd '{wjobs:}live' 0 01M85AVAQHA4EV90ZFAZRQYG90
  refuses 75 "the lock 'k' is held by job a" lock --store "$REDIS" k -- true
  is "$(lock k --status)" "k: held by job a, until that ends"
  refuses 1 "not held by that token" lock --store "$REDIS" k --extend 01M85AVAQHA4EV90ZFAZRQYG90
  redis_cli del '{wjobs:}s:S1'
  lock_is_free k
  lock k -- true
}

@test "lock, Redis: two round trips a command, one to take and one to release" {
  redis_cli config resetstat
  lock k -- true
  lock k -- true
  is "$(redis_cli info commandstats | sed -n 's/^cmdstat_evalsha:calls=\([0-9]*\),.*/\1/p')" 4
}

@test "exec --lock, Redis: a command that has lost its lock is stopped, and not tried again" {
  local PATIENCE=20
  "$WJOBS" exec --store "$REDIS" --lock k --retry 3 -- sh -c \
    'echo >>tries; exec sleep 60' 2>err 3>&- 4>&- &
  eventually lines_are tries -eq 1
  redis_cli del "$(key k)"
  # It is seen when it is to be extended, after 10s.
  status=0
  wait $! || status=$?
  is "$status" 143
  is "$(<err)" "wjobs: the lock 'k' is lost: it is not ours any more; the command is stopped"
  is "$(lines tries)" 1
}

@test "exec --lock, Redis: a signal is passed on, and the lock released" {
  "$WJOBS" exec --store "$REDIS" --lock k --retry 3 -- sh -c \
    'echo >>tries; exec sleep 60' 3>&- 4>&- &
  eventually lines_are tries -eq 1
  kill -TERM $!
  status=0
  wait $! || status=$?
  is "$status" 143
  lock_is_free k
}
