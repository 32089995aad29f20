# What can befall a store on disk: dead owners, locks, full and failing disks,
# damage, growth, kills, forks, planted links.

load helper

setup() {
  test_begin
  DB=$PWD/wjobs.db
}

teardown() {
  exec 7>&- 8>&- 9>&-
  local pid
  for pid in $(jobs -p); do
    kill "$pid" 2>/dev/null || true
  done
  test_end
}

# behind FIFO OUT COMMAND... - beside the test, with none of its descriptors.
behind() {
  local fifo=$1 out=$2
  shift 2
  rm -f "$fifo"
  mkfifo "$fifo"
  "$@" <"$fifo" >"$out" 3>&- 4>&- 7>&- 8>&- 9>&- &
}

# hold FD WHAT - `storm WHAT` on the store until FD is closed.
hold() {
  local fd=$1 name=hold$1
  shift
  behind "$name" "$name.out" "$TOOLS/storm" "$@"
  eval "exec $fd>$name"
  eventually grep -qE "held|locked|error|failed" "$name.out"
  grep -qE "held|locked" "$name.out"
}

let_go() { eval "exec $1>&-"; }

# A writer that is told by `tell`, and what it says in writer.out.
writer() {
  behind orders writer.out "$TOOLS/writer" "$@"
  writer=$!
  exec 9>orders
}

tell() { printf '%s\n' "$@" >&9; }
said() { grep -q "$1" writer.out; }
answers_are() {
  tell answers
  said "^$1"
}
settled() { test "$(grep -c settled writer.out)" -ge "$1"; }

count() { tool store "$DB" read <<<"list $1" | wc -l; }
counts() { test "$(count "$1")" -eq "$2"; }

# sql TEXT - as sqlite3 would say it
sql() { sqlite3 "$DB" "$@"; }

# D1

@test "store: a writer that is killed loses nothing it wrote, and leaves no run running" {
  run tool storm kills "$DB" 40 "$RANDOM"
  [ "$status" -eq 0 ]
  has "$output" "killed 40 times"
}

@test "store: counters are what an independent count says" {
  needs sqlite3
  tool storm mix "$DB" 1500 "$RANDOM" >life
  awk '{ n[$1, $2] += $3; jobs[$1] }
    $2 == "completed" || $2 == "failed" {
      sum[$1] += $4
      if (!($1 in min) || $4 < min[$1]) min[$1] = $4
      if (!($1 in max) || $4 > max[$1]) max[$1] = $4
    }
    { strip[$1] = strip[$1] ($2 == "skipped" ? "" : substr($2, 1, 1)) }
    END {
      for (job in jobs) {
        s = strip[job]
        s = substr(s, length(s) > 10 ? length(s) - 9 : 1)
        printf "%s counts=%d,%d,%d,%d,%d min=%d max=%d sum=%d strip=%s\n", job,
          n[job, "completed"], n[job, "failed"], n[job, "skipped"],
          n[job, "cancelled"], n[job, "lost"], min[job], max[job], sum[job], s
      }
    }' life | sort >want
  tool store "$DB" read <<<jobs | sed 's/ kind=.* counts=/ counts=/' >got
  diff want got
  # Newest twenty of each, and what stays beside them.
  [ "$(sql "SELECT count(*) FROM job WHERE kept NOT BETWEEN 20 AND 23
    OR kept <> (SELECT count(*) FROM run WHERE job = job.id AND status <> 4)
    OR kept_skips <> (SELECT count(*) FROM run WHERE job = job.id AND status = 4)")" = 0 ]
}

# D2

@test "store: while another process holds the lock, claims are answered and records wait" {
  tool storm fill "$DB" 1 1
  writer "$DB" "$PWD/spool"
  hold 8 hold "$DB"
  tell "runs 5"
  eventually said "^changed: degraded.*keeps it locked"
  tell "runs 5"
  eventually answers_are "granted=0 lost=0 failed=10 unanswered=0"
  tell state
  eventually said "^degraded waiting="
  # Reading goes on all the while.
  counts "" 1
  let_go 8
  tell settle
  eventually said "^settled"
  said "^changed: well"
  tell answers
  eventually said "^granted=0 lost=0 failed=10 unanswered=0"
  counts status=completed 11
}

@test "store: a claim that must be sure waits for a store that is locked" {
  tool storm fill "$DB" 1 1
  writer "$DB" "$PWD/spool"
  hold 8 hold "$DB"
  tell "sure 5"
  eventually said "^changed: degraded.*keeps it locked"
  tell "sure 5" "runs 2"
  eventually answers_are "granted=0 lost=0 failed=2 unanswered=10"
  let_go 8
  tell settle
  PATIENCE=10 eventually said "^settled"
  tell answers
  eventually said "^granted=10 lost=0 failed=2 unanswered=0"
  counts status=completed 13
}

@test "store: a claim that waited to the end is not spooled, for nothing has run" {
  tool storm fill "$DB" 1 1
  writer "$DB" "$PWD/spool"
  hold 8 hold "$DB"
  tell "sure 5" "ends 1"
  eventually said "^changed: degraded.*keeps it locked"
  tell "stop 50"
  eventually said "^stopped"
  [ -s spool ]
  let_go 8
  echo settle | tool writer "$DB" "$PWD/spool"
  counts "" 2
}

@test "store: a long reader delays no write, and the log is cut when it is gone" {
  needs sqlite3
  tool storm fill "$DB" 1 1
  hold 8 read "$DB"
  writer "$DB" "$PWD/spool"
  tell "runs 10 3" settle
  eventually said "^settled"
  counts status=completed 11
  tell "ends 3000 3000" settle
  PATIENCE=20 eventually settled 2
  (($(stat -c %s "$DB-wal") > 5000000))
  let_go 8
  sql "PRAGMA wal_checkpoint(PASSIVE)" >/dev/null
  tell "runs 1" settle
  eventually settled 3
  (($(stat -c %s "$DB-wal") <= 4300000))
}

@test "store: twenty readers in a loop see whole answers while it is written" {
  tool storm fill "$DB" 50 1
  writer "$DB" "$PWD/spool"
  local i
  for i in {1..20}; do
    tell "runs 20 4"
    run tool store "$DB" read <<<"list limit=20"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 20 ]
    refute_error "$output"
  done
}

refute_error() { [[ $1 != *error* ]]; }

@test "store: a locked store does not keep a scheduler from starting" {
  tool store "$DB" own <<<"update run=1 scheduled=1000 owner=dead"
  hold 8 hold "$DB"
  run tool store "$DB" own <<<"start"
  is "$output" "lost=1
job a"
  let_go 8
  # What could not be written then goes with what is written first.
  behind lines out "$TOOLS/store" "$DB" own
  exec 9>lines
  hold 8 hold "$DB"
  echo start >&9
  echo "end run=2 at=2000 started=2000 completed=2001" >&9
  eventually grep -q "^error.*locked" out
  let_go 8
  echo "end run=3 at=3000 started=3000 completed=3001" >&9
  exec 9>&-
  eventually counts status=lost 1
  is "$(tool store "$DB" read <<<list | cut -d' ' -f1-3)" "3 a completed
1 a lost"
}

# D3

# in_tmpfs SIZE - run the rest of standard input as a script in a file system
# of its own, in ./disk.
in_tmpfs() {
  mkdir -p disk
  T=$T TOOLS=$TOOLS unshare -m bash -c '
    mount -t tmpfs -o size='"$1"',mode=700 none disk || exit 77
    eventually() {
      local n=0
      until "$@"; do
        ((n++ < 300)) || { echo "never came true: $*"; exit 1; }
        sleep 0.02
      done
    }
    set -e
    . /dev/stdin' 3>&-
}

@test "store: a full disk degrades the writer, and it goes on when there is room" {
  needs root unshare
  in_tmpfs 4m <<'END'
mkfifo orders
"$TOOLS/writer" "$PWD/disk/w.db" "$PWD/disk/spool" <orders >writer.out &
exec 9>orders
echo "runs 20" >&9
echo settle >&9
eventually grep -q settled writer.out
dd if=/dev/zero of=disk/ballast bs=1k count=8000 2>/dev/null || true
echo "ends 300 2000" >&9
eventually grep -q "changed: degraded.*full" writer.out
echo "runs 10" >&9
answers_are() {
  echo answers >&9
  grep -q "^$1" writer.out
}
eventually answers_are "granted=20 lost=0 failed=10 unanswered=0"
rm disk/ballast
echo settle >&9
eventually grep -q "changed: well" writer.out
eventually [ "$(grep -c settled writer.out)" -ge 1 ]
eventually sh -c '[ "$(grep -c settled writer.out)" = 2 ]'
echo answers >&9
eventually grep -q "granted=20 lost=0 failed=10 unanswered=0" writer.out
exec 9>&-
wait
"$TOOLS/store" "$PWD/disk/w.db" read <<<list >list
[ "$(grep -c completed list)" = 330 ]
END
}

@test "store: a disk that stays full leaves a spool elsewhere, which is taken in once" {
  needs root unshare
  in_tmpfs 3m <<'END'
mkfifo orders
"$TOOLS/writer" "$PWD/disk/w.db" "$PWD/spool" <orders >writer.out &
exec 9>orders
echo "runs 5" >&9
echo settle >&9
eventually grep -q settled writer.out
dd if=/dev/zero of=disk/ballast bs=1k count=8000 2>/dev/null || true
echo "ends 400 1000" >&9
echo "stop 100" >&9
exec 9>&-
wait
grep -q ^stopped writer.out
[ -s spool ]
rm disk/ballast
cp spool kept
echo settle | "$TOOLS/writer" "$PWD/disk/w.db" "$PWD/spool" >writer.out || true
[ ! -e spool ]
# As after a crash between writing it and removing it.
mv kept spool
echo settle | "$TOOLS/writer" "$PWD/disk/w.db" "$PWD/spool" >writer.out || true
[ ! -e spool ]
"$TOOLS/store" "$PWD/disk/w.db" read <<<jobs >jobs
grep -q "counts=405,0,0,0,0" jobs
END
}

@test "store: a file system that turns read-only degrades the writer" {
  needs root unshare
  in_tmpfs 4m <<'END'
mkfifo orders
"$TOOLS/store" "$PWD/disk/w.db" own <<<"end run=1 started=1 completed=2"
mount -o remount,ro disk
"$TOOLS/store" "$PWD/disk/w.db" read <<<list | grep -q "^1 a completed"
run=$("$TOOLS/store" "$PWD/disk/w.db" own <<<list) || true
[[ $run == "error 5"* ]]
mount -o remount,rw disk
"$TOOLS/store" "$PWD/disk/w.db" own <<<list | grep -q "^1 a completed"
[ "$(ls disk)" = "$(printf 'w.db')" ]
END
}

@test "store: input and output errors lose nothing and move nothing aside" {
  needs strace
  local call error n
  # The sanitizer's own hunt for leaks cannot work below strace.
  export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
  tool storm fill "$DB" 20 2
  for call in pwrite64 fdatasync ftruncate; do
    for error in EIO ENOSPC; do
      for n in 1 2 3 5 8 13; do
        printf 'runs 3\nends 5\nsettle\nstop 2000\n' |
          strace -qq -f -o /dev/null -e trace=$call \
            -e inject=$call:error=$error:when=$n \
            "$TOOLS/writer" "$DB" "$PWD/spool" >out || true
        refute_error "$(tool store "$DB" own <<<"jobs")"
      done
    done
  done
  [ ! -e spool ]
  [ -z "$(compgen -G '*corrupt*')" ]
  [ "$(count "")" -ge 20 ]
}

# D4

@test "store: damage of any kind crashes nothing" {
  tool storm fill "$DB" 300 3
  run tool storm flips "$DB" 250 "$RANDOM"
  [ "$status" -eq 0 ]
  has "$output" "damaged 250 times"
}

@test "queue: damage of any kind crashes nothing" {
  local i j size mode
  {
    for ((i = 1; i <= 40; i++)); do
      echo "put work=$i payload_size=$((i * 20)) key=k$i metadata=a=b delay=$((i % 4 * 90000))"
    done
    echo "take take=1 most=9"
    echo "again work=1 take=1 status=failed error=e head=x delay=1"
    echo "end work=2 take=1 status=failed error=e head=x"
    echo "end work=5 take=1 status=completed"
    echo "cancel work=6"
  } | tool queue "$PWD/base.db" own >/dev/null
  size=$(stat -c %s base.db)
  for ((i = 1; i <= 50; i++)); do
    rm -f "$DB"*
    cp base.db "$DB"
    for j in 1 2 3 4; do
      # shellcheck disable=SC2059
      printf "\\x$(printf %x $((RANDOM % 256)))" |
        dd of="$DB" bs=1 seek=$(((RANDOM * 32768 + RANDOM) % size)) conv=notrunc status=none
    done
    for mode in read write own; do
      tool queue "$DB" "$mode" >out 2>&1 <<'END' || (($? == 1))
list
list state=done
count
count job=h
find work=3
history
put work=50 key=k3
take take=2 most=99 reap=1 unknown=0
end work=3 take=1 status=completed
revive all=1
purge state=ready
purge state=done
END
    done
  done
}

@test "store: a file that is no database is moved aside, whole, and said so" {
  echo "these are not the rows you are looking for" >"$DB"
  cp "$DB" before
  run tool store "$DB" own <<<"end run=1 started=1 completed=2
list"
  has "$output" "note: the store '$DB' was damaged: it is now '$DB.corrupt-"
  has "$output" "1 a completed"
  cmp before "$DB".corrupt-*
}

@test "store: reading moves nothing aside" {
  echo "these are not the rows you are looking for" >"$DB"
  run tool store "$DB" read
  has "$output" "error 5: cannot open the store '$DB': file is not a database"
  is "$(ls)" "wjobs.db"
}

@test "store: a damaged file that another process has open stays where it is" {
  needs sqlite3
  tool storm fill "$DB" 100 2
  hold 8 read "$DB"
  printf 'garbage' | dd of="$DB" bs=1 seek=0 conv=notrunc status=none
  rm "$DB-wal" "$DB-shm"
  run tool store "$DB" own
  has "$output" "error 5:"
  [ -z "$(compgen -G '*corrupt*')" ]
}

@test "store: its log and index go with a damaged file" {
  tool storm fill "$DB" 100 2
  writer "$DB"
  tell "runs 10" settle
  eventually said settled
  kill -KILL "$writer"
  wait "$writer" || true
  dd if=/dev/urandom of="$DB" bs=4096 count=2 conv=notrunc status=none
  dd if=/dev/urandom of="$DB-wal" bs=4096 count=2 conv=notrunc status=none
  has "$(tool store "$DB" own)" "was damaged"
  compgen -G "$DB.corrupt-*-wal"
}

@test "store: a newer schema is refused, by readers too, and left alone" {
  needs sqlite3
  tool storm fill "$DB" 10 1
  sql "PRAGMA user_version = 99"
  cp "$DB" before
  local mode
  for mode in own write read; do
    run tool store "$DB" "$mode" <<<list
    [ "$status" -eq 1 ]
    has "$output" "error 7: the store '$DB' was written by a newer wjobs"
  done
  cmp "$DB" before
}

@test "store: a database of another program is refused and left alone" {
  needs sqlite3
  sql "CREATE TABLE mine(x); INSERT INTO mine VALUES(1)"
  cp "$DB" before
  local mode
  for mode in own write read; do
    run tool store "$DB" "$mode" <<<list
    [ "$status" -eq 1 ]
    has "$output" "error 7: '$DB' is a database, but not one of wjobs"
  done
  cmp "$DB" before
}

@test "store: a half-made one is finished" {
  needs sqlite3
  sql "PRAGMA journal_mode = WAL" >/dev/null
  is "$(tool store "$DB" read)" "absent"
  tool store "$DB" own <<<"end run=1 started=1 completed=2"
  counts "" 1
  rm "$DB"
  touch "$DB"
  is "$(tool store "$DB" read)" "absent"
  tool store "$DB" own <<<"end run=1 started=1 completed=2"
  counts "" 1
}

@test "store: eight processes that make it at once make one" {
  local i pids=()
  for i in {1..8}; do
    tool store "$DB" write <<<"end run=$i at=${i}000 started=${i}000 completed=${i}001" >"out$i" 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}" || true
  # Each of them may have found it locked for longer than it waits.
  local failed
  failed=$(cat out* | grep -c error || true)
  counts "" $((8 - failed))
  ((failed <= 2)) || [[ $WJOBS == */valgrind/* ]]
}

@test "store: one that is found late tells what it is found to be" {
  mkdir "$DB"
  behind orders out "$TOOLS/storm" late "$DB"
  exec 9>orders
  tell 1
  eventually grep -q "is no regular file" out
  rmdir "$DB"
  echo "these are not the rows you are looking for" >"$DB"
  tell 2 3 4
  eventually lines_are out -ge 4
  exec 9>&-
  is "$(sed -n 2p out | cut -d"'" -f3)" " was damaged: it is now "
  is "$(sed -n '3,$p' out)" "written
written"
  compgen -G "$DB.corrupt-*"
  eventually counts status=completed 2
}

@test "store: one that is locked at the start is caught up with when the lock goes" {
  needs sqlite3
  cat >wjobs.yaml <<END
store: $DB
jobs:
  daily:
    cron: "0 0 * * *"
    catch_up: once
    command: echo "\$WJOBS_TRIGGER" >>daily
  again:
    cron: "0 0 1 1 *"
    retry: { max: 3, delay: 1h }
    command: echo "\$WJOBS_ATTEMPT" >>again
  beat: { interval: 1s, command: echo >>beat }
END
  local now
  now=$(date +%s)000
  tool store "$DB" own <<END
watermark job=daily to=$((now - 3 * 86400000))
update run=7 job=again at=$((now - 60000)) scheduled=$((now - 60000)) started=$((now - 60000)) status=pending retry_at=$((now - 1000)) owner=dead attempt=1 error=x
END
  behind sqlite sqlite.out sqlite3 "$DB"
  local holder=$!
  exec 8>sqlite
  echo "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; SELECT 'held';" >&8
  eventually grep -q held sqlite.out
  scheduler_start
  eventually grep -q "degraded: the store cannot be opened yet" run.err
  eventually lines_are beat -ge 2
  [ ! -e daily ]
  kill "$holder"
  PATIENCE=12 eventually lines_are daily -eq 1
  PATIENCE=12 eventually lines_are again -eq 1
  is "$(cat daily again)" "catch_up
2"
  eventually counts job=daily 2
  scheduler_stop
  is "$(tool store "$DB" read <<<"list job=again" | cut -d' ' -f2-3)" "again completed"
  is "$(tool store "$DB" read <<<"list job=daily" | cut -d' ' -f2-3)" "daily completed
daily skipped"
  lines_are daily -eq 1
  lines_are again -eq 1
}

# D5

@test "store: a history that is pruned stops growing" {
  needs sqlite3
  tool storm fill "$DB" 20000 4 100
  local once
  once=$(stat -c %s "$DB")
  tool storm fill "$DB" 40000 4 100
  (($(stat -c %s "$DB") < once * 3 / 2))
  (($(stat -c %s "$DB") < 1000000))
  is "$(sql "PRAGMA auto_vacuum")" 2
}

@test "queue: what became of work while the store was away is known to the next writer" {
  tool queue "$DB" own >/dev/null <<'END'
put work=1
put work=2 payload=p
put work=3
take take=1 most=3
END
  writer "$DB" "$PWD/spool"
  hold 8 hold "$DB"
  tell works
  eventually said "^changed: degraded.*keeps it locked"
  tell "stop 50"
  eventually said "^stopped"
  [ -s spool ]
  let_go 8
  cp spool kept
  local i
  # And once, also where it was not removed after it had been taken in.
  for i in 1 2; do
    echo settle | tool writer "$DB" "$PWD/spool"
    [ ! -e spool ]
    is "$(tool queue "$DB" write <<<"list
list state=done
count
find work=1")" "3 h ready | pending
4 h ready key='k' | pending
2 h delayed attempts=1 | pending attempt=1 retry_at worker='w1' fence=2
1 h done attempts=1 | completed attempt=1 completed worker='w1' fence=1
2 1 0 0 1 0
1 h done attempts=1 | completed attempt=1 completed worker='w1' fence=1 head='out'"
    cp kept spool
  done
  is "$(tool queue "$DB" write <<<"take take=9 want=h:9 most=9" | grep -c "payload='bytes'")" 1
}

# F5

# queue_state DB - all that the queue and its history say
queue_state() {
  tool queue "$1" write <<<"list
list state=done
list state=cancelled
count
history" | sort
}

@test "queue: killed between any two calls, it has done all that it said, or one step more" {
  needs strace sqlite3
  export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
  local script=(
    "put work=1 payload=a" "put work=2 payload_size=9000 key=k" "put work=3 delay=90000"
    "take take=1 most=2" "end work=1 take=1 status=completed completed=2000 head=x"
    "again work=2 take=1 delay=80000 status=failed head=y" "put work=4" "take take=2"
    "release work=4 take=2" "cancel work=4" "take take=3 reap=1" "purge state=delayed"
  )
  local n call said died=0 STEP=${STEP:-5}
  # What there is after each step, with nobody killed.
  for ((n = 0; n <= ${#script[@]}; n++)); do
    rm -f whole.db*
    printf '%s\n' "${script[@]:0:n}" | tool queue "$PWD/whole.db" write >/dev/null
    queue_state "$PWD/whole.db" >"state.$n"
  done
  cp "state.${#script[@]}" "state.$n"
  tool queue "$PWD/base.db" own </dev/null
  for call in pwrite64 fcntl fdatasync ftruncate unlink munmap; do
    # All of them take too long: some, and others the next time.
    for ((n = 1 + RANDOM % STEP; n < 900; n += STEP)); do
      rm -f wjobs.db*
      cp base.db "$DB"
      if printf '%s\n' "${script[@]}" 2>/dev/null | strace -qq -o /dev/null -e trace=$call \
        -e inject=$call:signal=KILL:when=$n "$TOOLS/queue" "$DB" write >said; then
        break
      fi
      died=$((died + 1))
      said=$(grep -vc running said || true)
      queue_state "$DB" >now
      cmp -s now "state.$said" || cmp -s now "state.$((said + 1))" || {
        echo "$call $n: after $said steps" >&2
        diff now "state.$said" >&2
        return 1
      }
      is "$(sql "PRAGMA integrity_check;
        SELECT (SELECT ready || ' ' || delayed || ' ' || running FROM queue) =
          (SELECT sum(state = 0) || ' ' || sum(state = 1) || ' ' || sum(state = 2) FROM work)
          OR NOT EXISTS (SELECT 1 FROM work)")" "ok
1"
    done
  done
  ((died > 30))
}

@test "queue: a full disk refuses what is put in, and loses nothing" {
  needs root unshare
  in_tmpfs 3m <<'END'
mkfifo orders
"$TOOLS/queue" "$PWD/disk/w.db" write <orders >out &
exec 9>orders
for ((i = 1; i <= 20; i++)); do
  echo "put work=$i payload_size=1000" >&9
done
eventually sh -c '[ "$(grep -c added out)" = 20 ]'
dd if=/dev/zero of=disk/ballast bs=1k count=8000 2>/dev/null || true
for ((i = 21; i <= 30; i++)); do
  echo "put work=$i payload_size=100000" >&9
done
exec 9>&-
wait
added=$(grep -c ^added out)
[ "$added" -lt 30 ]
grep -q "error 5: cannot write to '.*/disk/w.db': .*full" out || { cat out; exit 1; }
rm disk/ballast
echo "count
put work=99" | "$TOOLS/queue" "$PWD/disk/w.db" write >out
[ "$(cat out)" = "$added 0 0 0 0 0
added 99" ]
END
}

# D7

@test "store: a handle does not cross a fork" {
  is "$(tool storm fork "$DB")" "child: refused
parent: written"
}

@test "lock: a second scheduler is told the pid of the first" {
  hold 8 lock "$PWD/jobs.yaml"
  run tool storm lock "$PWD/jobs.yaml" </dev/null
  [ "$status" -eq 1 ]
  has "$output" "error 6: a scheduler already runs for this jobfile: pid "
  kill -0 "${output##* }"
  let_go 8
  eventually lock_is_free jobs.yaml
}

lock_is_free() { tool storm lock "$PWD/$1" </dev/null | grep -q ^locked; }

@test "lock: two jobfiles may not have one store" {
  hold 8 lock "$PWD/one.yaml" "$DB"
  run tool storm lock "$PWD/two.yaml" "$DB" </dev/null
  has "$output" "error 6: a scheduler already runs for the store '$DB': pid "
  # What it took on the way it gave back.
  lock_is_free two.yaml
}

@test "lock: it goes with its owner, however that ends" {
  hold 8 lock "$PWD/jobs.yaml"
  local pid=$!
  kill -KILL "$pid"
  wait "$pid" || true
  lock_is_free jobs.yaml
}

@test "store: on a network file system it does without a log, and says so" {
  needs linux plain cc sqlite3
  cc -shared -fPIC -x c -o net.so - <<'END'
#include <string.h>
struct statfs { long f_type; };
int statfs64(const char *path, struct statfs *fs)
{
	fs->f_type = 0x6969;
	return 0;
}
int statfs(const char *path, struct statfs *fs)
{
	return statfs64(path, fs);
}
END
  run env LD_PRELOAD="$PWD/net.so" "$TOOLS/store" "$DB" own <<<"begin run=1 scheduled=1000
end run=1 scheduled=1000 completed=1001"
  has "$output" "note: the store '$DB' lies on a network file system (NFS)"
  has "$output" "granted fence=1"
  is "$(sql "PRAGMA journal_mode")" delete
  counts status=completed 1
  is "$(LD_PRELOAD=$PWD/net.so "$TOOLS/store" "$DB" read <<<list | wc -l)" 1
}

# The file itself

@test "store: the file is its owner's alone, and a log" {
  needs sqlite3
  umask 000
  tool storm fill "$DB" 1 1
  is "$(stat -c %a "$DB")" 600
  is "$(sql "PRAGMA journal_mode; PRAGMA user_version; PRAGMA application_id")" "wal
2
2003464034"
  hold 8 hold "$DB"
  is "$(stat -c %a "$DB-wal" "$DB-shm")" "600
600"
}

@test "store: reading creates nothing where there is nothing" {
  is "$(tool store "$DB" read)" absent
  is "$(tool store "$PWD/no/such/wjobs.db" read)" absent
  is "$(ls)" ""
}

@test "store: a reader sees what a killed writer left in the log" {
  writer "$DB"
  tell "runs 10" settle
  eventually said settled
  kill -KILL "$writer"
  wait "$writer" || true
  [ -s "$DB-wal" ]
  counts status=completed 10
  # Where nothing may be written, too.
  if ((EUID != 0)); then
    chmod 500 .
    counts status=completed 10
    chmod 700 .
  fi
}

@test "store: a directory that may not be written can be read" {
  needs root unshare
  in_tmpfs 4m <<'END'
"$TOOLS/store" "$PWD/disk/w ?#%.db" own <<<"end run=1 started=1 completed=2"
mount -o remount,ro disk
"$TOOLS/store" "$PWD/disk/w ?#%.db" read <<<list | grep -q "^1 a completed"
END
}

@test "store: planted links are not followed" {
  echo canary >canary
  local name
  for name in wjobs.db wjobs.db-wal wjobs.db-shm; do
    rm -f wjobs.db*
    ln -s "$PWD/canary" "$name"
    run tool store "$DB" own <<<"end run=1 started=1 completed=2"
    is "$(cat canary)" canary
  done
  rm -f wjobs.db*
  ln -s "$PWD/canary" wjobs.db
  run tool store "$DB" own
  has "$output" "error 7: the store '$DB' is a symbolic link"
  rm -f wjobs.db*
  ln -s "$PWD/canary" spool
  ln -s "$PWD/canary" spool.new
  hold 8 hold "$(tool storm fill "$DB" 1 1; echo "$DB")"
  printf 'ends 3\nstop 1\n' | tool writer "$DB" "$PWD/spool" || true
  is "$(cat canary)" canary
}

@test "store: what is no file is refused" {
  mkdir "$DB"
  has "$(tool store "$DB" own)" "is no regular file"
  rmdir "$DB"
  mkfifo "$DB"
  has "$(tool store "$DB" read)" "is no regular file"
}

@test "store: memory is not to be read by another process" {
  run tool store memory read
  is "$output" "error 5: the store is 'memory': only the scheduler that runs has its history"
}

# The writer

@test "writer: a stampede is answered and written, in few transactions" {
  writer "$DB" "$PWD/spool"
  tell "runs 5000 100" settle
  PATIENCE=20 eventually said "^settled"
  tell answers
  eventually said "^granted=5000 lost=0 failed=0 unanswered=0"
  is "$(tool store "$DB" read <<<"list status=completed" | wc -l)" 5000
}

@test "writer: what waits when it stops is written by the next" {
  tool storm fill "$DB" 1 1
  hold 8 hold "$DB"
  printf 'ends 50\nruns 5\nstop 100\n' | tool writer "$DB" "$PWD/spool" >out
  has "$(cat out)" "stopped"
  is "$(stat -c %a spool)" 600
  let_go 8
  echo settle | tool writer "$DB" "$PWD/spool" >out
  [ ! -e spool ]
  counts status=completed 51
  counts status=running 5
}

@test "writer: without a place for a spool it says how many are lost" {
  tool storm fill "$DB" 1 1
  hold 8 hold "$DB"
  printf 'ends 50\nstop 100\n' | tool writer "$DB" "$PWD/no/such/spool" >out
  has "$(cat out)" "lost: 50 records are lost: cannot save the spool"
}

@test "writer: a spool that is damaged is put away, and is no reason to stop" {
  local i
  tool storm fill "$DB" 1 1
  hold 8 hold "$DB"
  printf 'ends 50\nstop 10\n' | tool writer "$DB" "$PWD/spool" >out
  let_go 8
  cp spool whole
  for i in 1 20 40 700 2000; do
    cp whole spool
    printf 'X' | dd of=spool bs=1 seek="$i" conv=notrunc status=none
    rm -f spool.corrupt
    printf 'runs 1\nsettle\nstate\n' | tool writer "$DB" "$PWD/spool" >out
    has "$(cat out)" "is damaged; it is now '$PWD/spool.corrupt'"
    [ -e spool.corrupt ]
  done
  for i in 0 1 30 500; do
    head -c "$i" whole >spool
    printf 'runs 1\nsettle\nstate\n' | tool writer "$DB" "$PWD/spool" >out
    has "$(cat out)" "is damaged"
  done
}

@test "writer: it holds so much and no more, and counts what it drops" {
  tool storm fill "$DB" 1 1
  writer "$DB" "$PWD/spool"
  hold 8 hold "$DB"
  tell "ends 1"
  eventually said "changed: degraded"
  tell "ends 2000 20000" state
  eventually said "^degraded waiting=[0-9]* dropped=1[0-9][0-9][0-9]"
  let_go 8
  tell settle
  eventually said ^settled
}

@test "writer: it sleeps while nothing is to be done" {
  needs proc plain
  writer "$DB" "$PWD/spool"
  tell "runs 10" settle
  eventually said ^settled
  local before after
  before=$(switches)
  # What is asked is what happens in a span, so this waits for no event.
  read -rt 1 <orders || true
  after=$(switches)
  is "$after" "$before"
}

switches() { cat /proc/"$writer"/task/*/status | grep ^voluntary; }

# Places

@test "place: state and runtime lie in folders of the jobfile" {
  local hash
  run tool storm place /srv/my/jobs.yaml
  hash=${lines[0]##*jobs-}
  is "$output" "$T/state/jobs-$hash
$T/runtime/wjobs/jobs-$hash
$T/state/jobs-$hash/wjobs.db
$T/state/jobs-$hash/spool"
  [[ $hash =~ ^[0-9a-f]{16}$ ]]
  run tool storm place /srv/other/jobs.yaml
  [[ ${lines[0]} != *"$hash" ]]
}

@test "place: the environment says where, and must be absolute" {
  store_of() { tool storm place "$@" | sed -n 3p; }
  is "$(store_of -)" "$T/state/local.db"
  is "$(store_of - /srv/x.db)" "/srv/x.db"
  is "$(store_of /a/b.yaml memory)" memory
  is "$(store_of /a/b.yaml "redis://:hush@host/1")" "redis://:hush@host/1"
  has "$(tool storm place /a/b.yaml redis://host/x)" "the database of the Redis URL is not a number"
  has "$(tool storm place /a/b.yaml "")" "is no name of a store"
  has "$(WJOBS_STATE_DIR=here tool storm place -)" "no absolute path"
  unset WJOBS_STATE_DIR WJOBS_RUNTIME_DIR
  if ((EUID == 0)); then
    is "$(store_of -)" /var/lib/wjobs/local.db
    is "$(tool storm place - | sed -n 2p)" /run/wjobs
  else
    is "$(store_of -)" "$XDG_STATE_HOME/wjobs/local.db"
    unset XDG_STATE_HOME
    is "$(store_of -)" "$HOME/.local/state/wjobs/local.db"
    unset HOME
    has "$(tool storm place -)" "set WJOBS_STATE_DIR or HOME"
  fi
}

@test "place: folders are made for their owner alone" {
  umask 000
  tool storm make "$PWD/jobs.yaml"
  is "$(stat -c %a "$T"/state "$T"/state/jobs-* "$T"/runtime/wjobs/jobs-*)" "700
700
700"
  chmod 755 "$T"/state/jobs-*
  tool storm make "$PWD/jobs.yaml"
  is "$(stat -c %a "$T"/state/jobs-*)" 700
}

@test "place: a folder that is a link, or another's, is refused" {
  tool storm make "$PWD/jobs.yaml"
  local folder=("$T"/state/jobs-*)
  rmdir "${folder[0]}"
  mkdir elsewhere
  ln -s "$PWD/elsewhere" "${folder[0]}"
  has "$(tool storm make "$PWD/jobs.yaml")" "is a link or no directory"
  rm "${folder[0]}"
  touch "${folder[0]}"
  has "$(tool storm make "$PWD/jobs.yaml")" "is a link or no directory"
  needs root
  rm "${folder[0]}"
  mkdir "${folder[0]}"
  chown 12345 "${folder[0]}"
  has "$(tool storm make "$PWD/jobs.yaml")" "belongs to user 12345"
}

@test "place: a directory that others may write to is no place for a shared state" {
  mkdir -m 777 open
  has "$(WJOBS_STATE_DIR=$PWD/open tool storm make -)" "can be written by others"
  is "$(stat -c %a open)" 777
}

@test "store: one that is removed under its scheduler is missed, and nothing lost" {
  jobfile <<'END'
jobs:
  a: { interval: 200ms, command: "true" }
END
  kept() { wjobs history -n 1000 -o id | wc -l; }
  has_some() { (($(kept) >= $1)); }
  scheduler_start
  eventually has_some 2
  rm -f "$WJOBS_STATE_DIR"/*/wjobs.db*
  eventually grep -q "wjobs.db' has been removed or replaced" run.err
  scheduler_stop
  is "$(kept)" 0
  scheduler_start
  # what the first one could not write is in what it spooled
  eventually has_some 4
  scheduler_stop
  wjobs history -n 1000 -o worker | sort -u >workers
  is "$(lines workers)" 2
}

@test "store: locked at the start of a scheduler, it catches up and ends in peace" {
  needs python3
  jobfile <<'END'
jobs:
  a: { interval: 200ms, catch_up: all, command: "true" }
END
  has_more() { (($(wjobs history -n 1000 -o id | wc -l) >= $1)); }
  scheduler_start
  eventually has_more 2
  scheduler_stop
  python3 -c '
import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("begin immediate")
open("held", "w").close()
while os.path.exists("held"):
    time.sleep(0.02)
' "$WJOBS_STATE_DIR"/*/wjobs.db 3>&- 4>&- &
  eventually test -e held
  scheduler_start
  eventually grep -q degraded run.err
  rm held
  eventually grep -q "takes history again" run.err
  scheduler_stop
  is "$scheduler_status" 0
  is "$(grep -v ^time= run.err)" ""
  wjobs history -n 1000 -o trigger | sort -u >triggers
  is "$(paste -sd' ' triggers)" "catch_up schedule"
}
