#!/usr/bin/env bats
# Locks beside an SQLite store: they are held while a process lives, in a file
# of their own.

load helper
# shellcheck disable=SC2154 # run sets status, output and stderr

lock_is_free() {
  run --separate-stderr wjobs lock "$@" --status
  [[ $status == 1 && $output == *": free" ]]
}

# Where the locks of local.db lie.
locks() { echo "$WJOBS_STATE_DIR/local.db-locks"; }

@test "lock, file: the command takes the place of wjobs" {
  "$WJOBS" lock k -- sh -c 'echo $$ >pid; exec sleep 60' 3>&- 4>&- &
  eventually test -s pid
  is "$(<pid)" $!
  is "$(wjobs lock k --status)" "k: held by $(hostname):$!, until that ends"
  kill -KILL $!
  eventually lock_is_free k
}

@test "lock, file: it is free when its command ends, whoever that leaves behind" {
  needs setsid
  wjobs lock k -- sh -c 'setsid -f sh -c "echo \$\$ >left; exec sleep 60"' 3>&- 4>&-
  eventually test -s left
  wjobs lock k -- true
  kill "$(<left)"
}

@test "lock, file: no database is made, and none is needed" {
  wjobs lock k -- true
  is "$(ls "$WJOBS_STATE_DIR")" local.db-locks
  is "$(stat -c %a "$(locks)")" 600
  rm -r "$WJOBS_STATE_DIR"
  run -1 wjobs lock k --status
  run -1 wjobs lock k --release x
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "lock, file: a jobfile has locks of its own, and --store names any" {
  jobfile <<'END'
store: shared.db
jobs: { a: { interval: 1d, command: "true" } }
END
  wjobs lock k --take --ttl 1m
  has "$(wjobs lock k --status)" 'k: held'
  rm wjobs.yaml
  lock_is_free k
  wjobs lock k --store "$PWD/x.db" --take --ttl 1m
  lock_is_free k
  has "$(wjobs lock k --store "$PWD/x.db" --status)" held
  [[ -e x.db-locks ]]
}

@test "lock, file: a jobfile that is wrong is 78, and nothing is run" {
  echo 'jobs: [' >wjobs.yaml
  refuses 78 "wjobs.yaml:" lock k -- touch ran
  [[ ! -e ran ]]
  wjobs lock --store "$PWD/x.db" k -- touch ran
  [[ -e ran ]]
}

@test "lock, file: what cannot be decided is 4, and nothing is run" {
  refuses 4 "wjobs: " lock --store /no/such/dir/x.db k -- touch ran
  refuses 4 "the store is 'memory'" lock --store memory k -- touch ran
  refuses 4 "the store is 'memory'" lock --store memory k --status
  wjobs lock k -- true
  exec 7<"$(locks)"
  flock 7
  refuses 4 "keeps '$(locks)' locked" lock k -- touch ran
  exec 7<&-
  [[ ! -e ran ]]
}

@test "lock, file: a file that is none of ours is left alone" {
  echo 'a file of somebody, of more bytes than a header has: ' \
    "$(printf '%600s' x)" >x.db-locks
  cp x.db-locks kept
  refuses 78 "'$PWD/x.db-locks' is no file of locks" \
    lock --store "$PWD/x.db" k -- touch ran
  cmp x.db-locks kept
  rm x.db-locks
  ln -s kept x.db-locks
  refuses 4 "$PWD/x.db-locks" lock --store "$PWD/x.db" k -- touch ran
  rm x.db-locks
  mkdir x.db-locks
  refuses 4 "$PWD/x.db-locks" lock --store "$PWD/x.db" k -- touch ran
  [[ ! -e ran ]]
}

@test "lock, file: one that was cut short is made anew" {
  wjobs lock k --take --ttl 1m
  truncate -s 100 "$(locks)"
  is "$(wjobs lock k -- echo fine)" fine
  : >"$(locks)"
  is "$(wjobs lock k -- echo fine)" fine
}

@test "lock, file: another boot frees all, and its fences come after all before" {
  needs linux
  wjobs lock k --take --ttl 1h
  "$WJOBS" lock j -- sh -c 'echo >ready; exec sleep 60' 3>&- 4>&- &
  eventually test -s ready
  printf x | dd of="$(locks)" bs=1 seek=16 conv=notrunc status=none
  lock_is_free k
  lock_is_free j
  is "$(wjobs lock k -- sh -c 'echo $WJOBS_FENCE')" 1000003
  is "$(wjobs lock j -- sh -c 'echo $WJOBS_FENCE')" 1000004
  kill %1
}

@test "lock, file: more locks than there was room for, and room that is used again" {
  local n size
  for n in {1..40}; do wjobs lock "k$n" --take --ttl 1m >"token$n"; done
  size=$(stat -c %s "$(locks)")
  for n in {1..40}; do
    refuses 75 "is held" lock "k$n" -- touch ran
    wjobs lock "k$n" --release "$(<"token$n")"
  done
  for n in {1..40}; do wjobs lock "n$n" -- true; done
  is "$(stat -c %s "$(locks)")" "$size"
}

@test "lock, file: on a full disk a lock is released, and taken again" {
  needs root unshare
  mkdir disk
  mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null || skip "needs a mount"
  local token
  token=$(wjobs lock --store "$PWD/disk/x.db" k --take --ttl 1m)
  cat /dev/zero >disk/fill 2>/dev/null || :
  wjobs lock --store "$PWD/disk/x.db" k --release "$token"
  is "$(wjobs lock --store "$PWD/disk/x.db" k -- echo fine)" fine
  umount disk
}

@test "lock, file: one that is removed while it is waited for is made anew" {
  local token
  token=$(wjobs lock k --take --ttl 1m)
  "$WJOBS" lock k --wait -- touch ran 3>&- 4>&- &
  rm "$(locks)"
  eventually test -e ran
  refuses 1 "not held by that token" lock k --release "$token"
  wait
}

@test "lock, file: twenty times twenty, and each alone" {
  local i pids=() pid
  echo 0 >counter
  for i in {1..20}; do
    (
      for _ in {1..20}; do
        "$WJOBS" lock k --wait -- sh -c 'n=$(cat counter); echo $((n + 1)) >counter'
      done
    ) 3>&- 4>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  is "$(<counter)" 400
}

@test "exec --lock, file: the command of one that is killed holds it until it ends" {
  "$WJOBS" exec --lock k -- sh -c 'echo $$ >pid; exec sleep 60' 3>&- 4>&- &
  eventually test -s pid
  kill -KILL $!
  wait $! || :
  refuses 75 "the lock 'k' is held" lock k -- true
  kill "$(<pid)"
  eventually wjobs lock k -- true
}

@test "exec --lock, file: what cannot be decided is 4, and nothing is run" {
  refuses 4 "wjobs: " exec --lock k --store /no/such/dir/x.db -- touch ran
  refuses 2 "a lock has a name" exec --lock '' -- touch ran
  echo 'jobs: [' >wjobs.yaml
  refuses 78 "wjobs.yaml:" exec --lock k -- touch ran
  [[ ! -e ran ]]
}

@test "lock of a job, file: it lasts until the command ends that a dead scheduler left" {
  jobfile <<'END'
jobs:
  a: { interval: 1d, run_immediately: true, lock: k, command: "echo $$ >pid; exec sleep 60" }
END
  scheduler_start
  eventually test -s pid
  kill -KILL "$scheduler"
  scheduler_wait
  refuses 75 "the lock 'k' is held by a, run" lock k -- true
  kill "$(<pid)"
  eventually wjobs lock k -- true
}

@test "lock of a job, file: where it cannot be kept, on_lock_error says what happens" {
  printf 'store: "%s"\njobs:\n' "$PWD/x.db" >wjobs.yaml
  cat >>wjobs.yaml <<'END'
  a: { interval: 1d, lock: k, command: "echo ran" }
  b: { interval: 1d, lock: k, on_lock_error: skip, command: "echo ran" }
END
  mkdir x.db-locks
  run -0 --separate-stderr wjobs run a
  is "$output" ran
  is "$(grep -c 'a lock cannot be kept' <<<"$stderr")" 1
  has "$stderr" "x.db-locks"
  run -4 --separate-stderr wjobs run b
  is "$output" ""
  is "$(wjobs history b -o status,reason)" $'skipped\tstore'
}

@test "lock of a job, memory: jobs of one scheduler exclude one another" {
  printf 'store: memory\ndefaults: { interval: 100ms, lock: k }\njobs:\n' >wjobs.yaml
  for name in a b; do
    echo "  $name: { command: \"mkdir busy || echo two >>bad; sleep 0.03; rmdir busy; echo $name >>out\" }"
  done >>wjobs.yaml
  scheduler_start
  eventually lines_are out -ge 6
  scheduler_stop
  [[ ! -e bad && ! -e memory-locks ]]
}
