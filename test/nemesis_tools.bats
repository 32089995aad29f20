# The tools by which nemesis.bats shows what many schedulers on one Redis
# promise under faults: a clock that is off, a network that fails, and who
# judges.

load helper
load redis

NEMESIS=${WJOBS%/*}
NEMESIS=${NEMESIS%/valgrind}/nemesis
CHECK=$TOP/test/nemesis/check.py

# ---- the clock

@test "skew: a wjobs of the tests has a wall clock that is off, and no other" {
  needs plain
  local now skew
  for skew in 0 -40000 1400; do
    now=$(NEMESIS_SKEW_MS=$skew "$NEMESIS/wjobs" next '* * * * * *' -n 1 -o epoch)
    now=${now%.*}
    ((now - EPOCHSECONDS - skew / 1000 >= -1 && now - EPOCHSECONDS - skew / 1000 <= 3))
  done
  now=$(NEMESIS_SKEW_MS=40000 wjobs next '* * * * * *' -n 1 -o epoch)
  ((${now%.*} - EPOCHSECONDS <= 3))
}

@test "skew: its scheduler is on time by its own clock" {
  needs plain python3
  jobfile <<END
jobs: { tick: { cron: "* * * * * *", command: [$NEMESIS/job, $PWD/runs, 1] } }
END
  local skew
  for skew in -40.3 1.4; do
    rm -f runs
    NEMESIS_SKEW_MS=$(awk "BEGIN { print $skew * 1000 }") \
      "$NEMESIS/wjobs" run >run.out 2>run.err 3>&- 4>&- &
    scheduler=$!
    eventually lines_are runs -ge 4
    scheduler_stop
    is "$scheduler_status" 0
    # The job's own clock is right.
    python3 - "$skew" <<'END'
import datetime, sys
for line in open("runs"):
    what, _, due, *_, at = line.split()
    due = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")).timestamp()
    late = int(at) / 1e9 - due + float(sys.argv[1])
    assert what != "start" or 0 <= late < 0.2, line
END
    rm -rf "$WJOBS_STATE_DIR"
  done
}

@test "skew: the wall clock is read in one place, and the alarm is another" {
  cd "$TOP"
  is "$(grep -lrE 'CLOCK_REALTIME|gettimeofday|\<(time|ev_time)\((NULL|&)?|\<ev_now\(' \
    --include='*.[ch]' lib cmd | sort)" "lib/base/alarm.c
lib/base/clock.c
lib/base/clock.h"
}

# ---- the proxy

# proxy_start SERVER LISTEN... - beside the test, told by `proxy COMMAND...`.
proxy_start() {
  mkfifo proxy.in
  "$NEMESIS/proxy" "$@" <proxy.in >proxy.out 2>proxy.err 3>&- 4>&- &
  disown
  exec 7>proxy.in
  eventually test -S "${@: -1}"
}

proxy() {
  local before
  before=$(answers)
  echo "$*" >&7
  eventually proxy_answered "$before"
}
answers() { grep -c '^ok\|^what' proxy.out || :; }
proxy_answered() { (($(answers) > $1)); }
counted() { grep -o " $1=[0-9]*" < <(grep '^count 1 ' proxy.out | tail -n 1); }
through() { timeout 2 redis-cli -s "$PWD/1" "$@" 2>&1; }

proxied() {
  redis_start
  proxy_start "$REDIS_SOCKET" "$PWD/1"
}

@test "proxy: what it lets pass is counted, by command and by round trip" {
  proxied
  is "$(through set a "$(printf '%070000d' 7)")" OK
  is "$(through strlen a)" 70000
  is "$(through -r 2 lrange nothing 0 1)" ""
  proxy count 1
  is "$(counted LRANGE)" " LRANGE=2"
  is "$(counted STRLEN)" " STRLEN=1"
  is "$(counted connections)" " connections=3"
  is "$(counted trips)" " trips=4"
  proxy reset 1
  proxy count 1
  is "$(counted trips)" " trips=0"
  # Commands that are sent together are one round trip.
  printf '*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n' >two
  python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("1")
s.sendall(open("two", "rb").read())
got = b""
while got.count(b"PONG") < 2: got += s.recv(100)'
  proxy count 1
  is "$(counted PING)" " PING=2"
  is "$(counted trips)" " trips=1"
}

@test "proxy: a reply is dropped, lost or cut, and the command was done" {
  proxied
  local mode
  for mode in drop lose trunc; do
    redis_cli set n 0
    proxy "$mode" 1 1
    run timeout 0.3 redis-cli -s "$PWD/1" incrby n 1000000
    [[ $status != 0 || $output != 1000000 ]]
    is "$(redis_cli get n)" 1000000
    proxy pass 1
    is "$(through get n)" 1000000
  done
}

@test "proxy: each third reply is dropped, and those before it come" {
  proxied
  proxy drop 1 3
  run timeout 0.5 redis-cli -s "$PWD/1" <<<$'echo a\necho b\necho c'
  is "$status" 124
  proxy count 1
  is "$(counted replies)" " replies=3"
}

@test "proxy: what goes into a hole arrives when it is closed" {
  proxied
  proxy hole 1
  run timeout 0.3 redis-cli -s "$PWD/1" set late 1
  is "$status" 124
  is "$(redis_cli get late)" ""
  proxy pass 1
  eventually test "$(redis_cli get late)" = 1
}

@test "proxy: a line that is away is deaf to what all are told" {
  redis_start
  proxy_start "$REDIS_SOCKET" "$PWD/1" "$PWD/2"
  proxy away 1
  proxy pass all
  is "$(redis-cli -s "$PWD/2" ping)" PONG
  run timeout 0.3 redis-cli -s "$PWD/1" ping
  is "$status" 124
  proxy pass 1
  is "$(through ping)" PONG
}

@test "proxy: delays, refuses, cuts, and closes half" {
  proxied
  proxy delay 1 300
  local began=${EPOCHREALTIME/[.,]/}
  is "$(through ping)" PONG
  ((${EPOCHREALTIME/[.,]/} - began >= 300000))
  proxy refuse 1
  run through ping
  [[ $status != 0 ]]
  proxy pass 1
  local how
  for how in cut half; do
    redis-cli -s "$PWD/1" blpop nothing 5 >out 2>&1 3>&- &
    eventually blocked 1
    proxy "$how" 1
    wait $! || :
    eventually blocked 0
    [[ $(<out) != *nil* ]]
  done
  proxy "what 1"
  has "$(tail -n 1 proxy.out)" "what? what 1"
}
blocked() { redis_cli info clients | grep -q "^blocked_clients:$1"; }

# ---- the checker

# Two schedulers for 40 s that do all they should: `tick` each second and the
# forbidden `pair` each other one, shared; `each` on both, one 400 ms behind.
good() {
  cat >"jobs" <<'END'
tick 1000 allow
pair 2000 forbid
again 20000 rerun
each 1000 local
END
  awk 'BEGIN {
    for (s = 0; s <= 40; s++) {
      line("tick", s, s + 0.01, s + 0.02, s % 2 + 1, s + 1)
      if (s % 2 == 0)
        line("pair", s, s + 0.01, s + 1.5, s % 4 / 2 + 1, s / 2 + 1)
      if (s % 20 == 0)
        line("again", s, s + 0.01, s + 1.5, 1, s / 20 + 1)
      line("each", s, s + 0.001, s + 0.01, 1, 0)
      line("each", s, s + 0.401, s + 0.41, 2, 0)
    }
  }
  function line(job, due, from, to, worker, fence, id, rest) {
    id = toupper(job) due (job == "each" ? "W" worker : "")
    rest = " " job " 2001-09-09T01:" sprintf("%02d:%02d", 46 + int((40 + due) / 60),
      (40 + due) % 60) "Z " id " " fence " 1 w" worker " " 1000 + due " "
    printf "start%s1000000%06d000000\n", rest, from * 1000 >"runs"
    printf "end%s1000000%06d000000\n", rest, to * 1000 >"runs"
    printf "{\"worker\":\"w%s\",", worker >"records"
    printf "\"id\":\"%s\",\"job\":\"%s\",\"status\":\"completed\",\"reason\":null,", id, job >"records"
    printf "\"scheduled_at\":\"2001-09-09T01:%02d:%02d.000+00:00\",", 46 + int((40 + due) / 60), (40 + due) % 60 >"records"
    printf "\"started_at\":\"2001-09-09T01:46:41.000+00:00\",\"completed_at\":\"2001-09-09T01:46:41.000+00:00\",\"count\":1}\n" >"records"
  }'
  cat >faults <<'END'
1000000000000000000 begin life w1
1000000000000000000 begin life w2
1000000040000000000 begin stop all
1000000041000000000 end life w1
1000000041000000000 end life w2
END
}

checker() { run python3 "$CHECK" . --offsets w2=-400; }

# complains TEXT - and about nothing else.
complains() {
  checker
  is "$status" 1
  has "$output" "$1"
  has "$output" ", 1 complaints"
}

@test "checker: has nothing to say against a good log" {
  good
  checker
  is "$output" "49 healthy, 71 local, 147 starts, 0 complaints"
  is "$status" 0
}

@test "checker: sees an instant that was started twice" {
  good
  sed -n '/TICK20 /s/TICK20/TICKX/p' runs | sed 's/000000000$/100000000/' >added
  cat added >>runs
  sed -n '/"TICK20"/s/TICK20/TICKX/p' records >added
  cat added >>records
  checker
  is "$status" 1
  has "$output" "once: tick 1000000020000 was started twice: as TICK20 by w1 and as TICKX by w1"
}

@test "checker: sees an attempt that was started twice" {
  good
  sed -n '/^start.*TICK20 /s/0000000$/1000000/p' runs >added
  cat added >>runs
  complains "once: attempt 1 of TICK20 was started 2 times"
}

@test "checker: a lost run may be done again, where that is asked for" {
  good
  sed -i '/^end again.*AGAIN20 /d' runs
  sed -i '/AGAIN20/{s/completed"/lost"/;s/ed_at":"2001-09-09T01:46:41.000+00:00","count/ed_at":"2001-09-09T01:47:19.000+00:00","count/}' records
  printf '%s\n' "1000000009000000000 begin away w1" \
    "1000000039000000000 end away w1" >>faults
  sed -n '/^start.*AGAIN20 /s/AGAIN20/ANEW/p' runs |
    sed 's/ ANEW 2 1 w1 / ANEW 3 1 w2 /; s/020010/024010/' >added
  cat added >>runs
  sed -i '/AGAIN40 /s/AGAIN40 3/AGAIN40 4/' runs
  sed -n '/"AGAIN20"/{s/AGAIN20/ANEW/;s/lost/completed/;p}' records >added
  cat added >>records
  checker
  has "$output" ", 0 complaints"
}

@test "checker: sees an instant that was not started, or late, or early" {
  good
  sed -i '/TICK20 /d' runs
  sed -i '/"TICK20"/{s/completed/skipped/;s/null/"missed"/}' records
  complains "punctual: tick 1000000020000 was due in health and started never"
  good
  sed -i '/TICK20 /s/0200[12]0000000$/021001000000/' runs
  complains "punctual: tick 1000000020000 was due in health and started 1001 ms late"
  good
  sed -i '/^start.*TICK20 /s/020010000000$/019998000000/' runs
  complains "punctual: tick 1000000020000 was started 2.0 ms early by w1"
}

@test "checker: asks nothing of instants in and shortly after a fault" {
  good
  sed -i '/TICK20 /d' runs
  sed -i '/"TICK20"/{s/completed/skipped/;s/null/"missed"/}' records
  printf '%s\n' "1000000012000000000 begin redis-stop all" \
    "1000000013500000000 end redis-stop all" >>faults
  checker
  is "$output" "12 in faults, 39 healthy, 71 local, 147 starts, 0 complaints" ||
    is "${output##*, }" "0 complaints"
  sed -i s/13500/12500/ faults
  complains "punctual: tick 1000000020000"
}

@test "checker: the jobs of one host are owed in faults of the store too" {
  good
  sed -i '/EACH20W2 /d' runs
  sed -i '/EACH20W2/d' records
  printf '%s\n' "1000000012000000000 begin redis-stop all" \
    "1000000033500000000 end redis-stop all" >>faults
  complains "punctual: each 1000000020000 of w2 was started never"
  printf '%s\n' "1000000019000000000 begin freeze w2" \
    "1000000020500000000 end freeze w2" >>faults
  checker
  is "$status" 0
}

@test "checker: a run in the way excuses where two may not be" {
  good
  sed -i '/PAIR20 /d; /^end.*PAIR18 /s/019500/022200/' runs
  sed -i '/"PAIR20"/{s/completed/skipped/;s/null/"overlap"/}' records
  checker
  is "$status" 0
  sed -i '/^end.*PAIR18 /s/022200/018200/' runs
  complains "punctual: pair 1000000020000"
}

@test "checker: sees two runs beside each other, unless one was frozen" {
  good
  sed -n '/^start.*PAIR20 /s/^start/beside/p' runs | sed 's/$/ PAIR18/' >added
  cat added >>runs
  complains "alone: pair PAIR20 ran beside PAIR18: w1 began while w2 had not ended"
  printf '%s\n' "1000000019000000000 begin freeze w2" \
    "1000000019100000000 end freeze w2" >>faults
  sed -i '/EACH\(18\|19\)W2/d' runs records
  checker
  has "$output" "1 beside a frozen one"
  is "$status" 0
}

@test "checker: sees fences that do not grow" {
  good
  sed -i '/TICK20 /s/TICK20 21 /TICK20 20 /' runs
  complains "fences: tick: fence 20 of TICK20 after 20 of TICK19, by instants"
  good
  sed -i '/PAIR20 /s/PAIR20 11 /PAIR20 13 /; /PAIR22 /s/PAIR22 12 /PAIR22 14 /' runs
  checker
  is "$status" 1
  has "$output" "fences: pair: fence 13 of PAIR24 after 14 of PAIR22, by starts"
}

@test "checker: sees a run with no end, no record, or a wrong one" {
  good
  sed -i '/"TICK20"/s/completed/running/' records
  complains "ended: tick TICK20 is running for ever"
  good
  sed -i '/"TICK20"/{s/completed/skipped/;s/null/"store"/}' records
  complains "ended: tick TICK20 was started and is recorded as skipped: store"
  good
  sed -i '/"EACH20W1"/d' records
  complains "ended: each EACH20W1 was started by w1 and is not in the record"
  good
  sed -i '/EACH1W1 /d' runs
  complains "ended: each EACH1W1 is recorded as run and never was"
}

@test "checker: sees a run lost whose scheduler lived and had its store" {
  good
  sed -i '/^end.*PAIR20 /d' runs
  sed -i '/"PAIR20"/{s/completed"/lost"/;s/null/"crash"/;s/ed_at":"2001-09-09T01:46:41.000+00:00","count/ed_at":"2001-09-09T01:47:19.000+00:00","count/}' records
  complains "leases: pair PAIR20 is lost (crash) though w1 lived and could reach the store"
  printf '%s\n' "1000000019000000000 begin oom all" \
    "1000000039000000000 end oom all" >>faults
  checker
  is "$status" 1
  sed -i s/oom/hole/ faults
  checker
  is "$status" 0
}

@test "checker: sees a claim that never came to anything" {
  good
  sed -n '/"TICK2"/{s/TICK2/CLAIM/;s/completed"/running"/;p}' records >added
  cat added >>records
  complains "ended: tick CLAIM never began and is running for ever"
}

@test "checker: sees an instant that is nowhere, and one that is twice" {
  good
  sed -i '/TICK2 /d' runs
  sed -i '/"TICK2"/d' records
  complains "counted: tick: of 41 instants 40 ran and 0 are recorded as skipped"
  good
  sed -n '/"PAIR2"/{s/PAIR2/SKIP/;s/completed/skipped/;s/null/"overlap"/;p}' records >added
  cat added >>records
  complains "counted: pair: of 21 instants 21 ran and 1 are recorded as skipped"
}
