# A queue whose workers are killed all the time, and who judges it.
# `make queue-nemesis` has twenty thousand pieces of work.

load helper

CHECK=$TOP/test/queue_nemesis/check.py

# ---- the checker

# Two workers that do all they should: work fails once, is ended for its time,
# loses its worker, or fails for good; and one piece was asked for twice.
good() {
  cat >made.py <<'END'
import datetime, json
files = {n: open(n, "w") for n in ("asks", "runs", "faults", "samples", "queue", "records")}
say = lambda name, *fields: print(*fields, file=files[name])
at = lambda ms: f"1{ms:012d}000000"
iso = lambda ms: (datetime.datetime.fromtimestamp(1e9 + ms / 1e3, datetime.timezone.utc)
                  .isoformat(timespec="milliseconds"))
def ask(seq, handler, priority, ms, kind, count=0, key="-", delay=0, times=1):
    say("asks", "piece", at(0), seq, handler, priority, delay, kind, count, f"sha{seq}", key)
    for _ in range(times):
        say("asks", "ask", at(ms), seq)
    say("asks", "ack", at(ms + 1), seq, f"ID{seq}")
def run(seq, handler, priority, created, attempt, begin, end, how, worker=1):
    same = f"ID{seq} {handler} {attempt} {seq * 10 + attempt} {worker}000 w{worker}"
    say("runs", "begin", same, at(begin), iso(created), priority)
    say("runs", "read", same, at(begin + 1), f"sha{seq}", seq)
    if how:
        say("runs", "end", same, at(end), how)
def record(seq, handler, status="completed", reason=None, state="done"):
    say("records", json.dumps({"id": f"ID{seq}", "job": handler, "status": status, "reason": reason}))
    say("queue", json.dumps({"id": f"ID{seq}", "handler": handler, "state": state}))
for seq in range(1, 11):
    ask(seq, "quick", 0, seq * 500, "ok")
    run(seq, "quick", 0, seq * 500, 1, seq * 500 + 10, seq * 500 + 20, "ok")
    record(seq, "quick")
ask(20, "slow", 1, 1000, "fail", 1)
run(20, "slow", 1, 1000, 1, 1010, 1020, "fail")
run(20, "slow", 1, 1000, 2, 1220, 1240, "ok", 2)
record(20, "slow")
ask(21, "slow", 0, 1000, "hang", 1)
run(21, "slow", 0, 1000, 1, 1015, 2016, "term")
run(21, "slow", 0, 1000, 2, 2300, 2310, "ok")
record(21, "slow")
ask(22, "slow", 0, 3000, "ok", key="key:22", times=2)
run(22, "slow", 0, 3000, 1, 3010, 0, None, 2)
run(22, "slow", 0, 3000, 2, 4010, 4020, "ok")
record(22, "slow")
ask(23, "narrow", 2, 100, "fail", 1000000)
for attempt in (1, 2, 3, 4):
    run(23, "narrow", 2, 100, attempt, attempt * 1000, attempt * 1000 + 10, "fail", 1)
record(23, "narrow", "failed", "exit", "buried")
for worker, begin, end in (1, 0, 9000), (2, 0, 3020), (3, 3020, 9000):
    say("faults", at(begin), "begin life", f"w{worker}", f"{worker}000")
    if end == 3020:
        say("faults", at(end), "kill life", f"w{worker}", f"{worker}000")
    say("faults", at(end), "end life", f"w{worker}", f"{worker}000")
say("faults", at(0), "full fill all -")
say("samples", at(200), at(201), 1)
say("samples", at(5000), at(5001), 3)
END
  python3 made.py
  touch queue
}

checker() { run python3 "$CHECK" . 3 3; }

# complains TEXT - and about nothing else.
complains() {
  checker
  is "$status" 1
  has "$output" "$1"
  has "$output" ", 1 complaints"
}

@test "queue's checker: has nothing to say against a good log" {
  needs python3
  good
  checker
  is "$output" "14 acknowledged, 4 again after a failure, 1 again after a timeout, 1 again after a worker's end, 1 asked for again, 3 at most in a worker, 3 at most waiting, 20 begun, 1 buried, 13 done, 14 in order, 0 complaints"
  is "$status" 0
}

@test "queue's checker: sees work that was acknowledged and is lost" {
  needs python3
  good
  sed -i '/"ID4"/d' queue records
  sed -i '/ ID4 /d' runs
  complains "kept: piece 4, ID4, was acknowledged and is nowhere"
  good
  sed -i '/"ID4"/s/done/running/' queue
  sed -i '/"ID4"/d' records
  complains "kept: ID4 was running when all was over"
}

@test "queue's checker: sees work that is told to be done and was not" {
  needs python3
  good
  sed -i '/^end ID4 /d' runs
  checker
  has "$output" "kept: piece 4, ID4, was acknowledged and is recorded as done and never was"
  good
  sed -i '/"ID4"/d' records
  checker
  has "$output" "kept: piece 4, ID4, was acknowledged and is done and has no record"
}

@test "queue's checker: sees a key that became two pieces, and two records" {
  needs python3
  good
  sed -n '/ack .* 22 /s/ID22/IDTWO/p' asks >added
  cat added >>asks
  sed -n '/"ID22"/s/ID22/IDTWO/p' queue >added
  cat added >>queue
  sed -n '/"ID22"/s/ID22/IDTWO/p' records >added
  cat added >>records
  sed -n '/ ID22 .* 2000 w2/d; s/ID22/IDTWO/p' runs | sed 's/ 222 / 333 /; s/0040/0080/' >added
  cat added >>runs
  complains "once: key:22 is 2 pieces of work: ['ID22', 'IDTWO']"
  good
  sed -n '/"ID7"/p' records >added
  cat added >>records
  complains "once: ID7 has 2 records"
}

@test "queue's checker: sees an attempt that began twice" {
  needs python3
  good
  sed -n '/ ID7 /s/1000 w1/3000 w3/p' runs | sed 's/ 71 / 72 /; s/000035/000045/' >added
  cat added >>runs
  checker
  is "$status" 1
  has "$output" "once: attempt 1 of ID7 began twice"
  has "$output" "reason: ID7 began again after 1000 ms though attempt 1 of w1 ended as ok"
}

@test "queue's checker: sees a repeat for no reason" {
  needs python3
  good
  sed -i '/w2 2000$/d' faults
  complains "reason: ID22 began again after 1000 ms though attempt 1 of w2 told no end"
  good
  sed -i 's/^\(end ID21 .*\)2016000000 term/\11500000000 term/; s/^\([a-z]* ID21 .*\)2\(3[01].000000\)/\11\2/' runs
  checker
  has "$output" "reason: ID21 began again"
}

@test "queue's checker: a lost lease is a reason, and a short fault is none" {
  needs python3
  good
  sed -i '/w2 2000$/d' faults
  printf '%s\n' "1000000002000000000 begin hole all -" \
    "1000000002950000000 end hole all -" >>faults
  checker
  is "$status" 0
  has "$output" "1 again after a lost lease"
  sed -i s/1000000002950/1000000002850/ faults
  complains "reason: ID22"
}

@test "queue's checker: sees work that was buried too early, or never dies" {
  needs python3
  good
  sed -i '/ ID23 narrow 4 /d' runs
  complains "reason: ID23 is buried (exit) after 3 failures of 3 attempts"
  good
  sed -i '/"ID23"/s/exit/crash/' records
  sed -i '/ 23 narrow/s/fail/kill/' asks
  checker
  has "$output" "reason: ID23 kills its workers and began 4 times"
}

@test "queue's checker: sees bytes that are others than those given" {
  needs python3
  good
  sed -i 's/sha5 5$/sha6 5/' runs
  complains "payload: attempt 1 of ID5 read sha6 of piece 5"
  good
  sed -i '/^begin ID5 /s/ 0$/ 3/' runs
  checker
  has "$output" "payload: ID5 ran as quick with priority 3"
}

@test "queue's checker: sees too many at a time, and too many that wait" {
  needs python3
  good
  sed -i '/^end ID1 /s/0520/1030/' runs
  complains "bounds: w1 (1000) had 4 pieces at a time at 1000000001015000000"
  good
  sed -i 's/^\([a-z]*\) ID4 quick/\1 ID4 narrow/; /^end ID4 /s/2020/3005/' runs
  sed -i 's/ 4 quick/ 4 narrow/' asks
  complains "bounds: w1 (1000) had 2 of narrow"
  good
  sed -i 's/ 1$/ 4/' samples
  complains "bounds: 4 waited at 1000000000200000000, of which at most 0 had been taken before; 3 may"
}

@test "queue's checker: sees two attempts at a time" {
  needs python3
  good
  sed -i '/^end ID20 .* 201 /s/1020\(.*\)fail/1400\1fail/' runs
  checker
  has "$output" "alone: attempt 2 of ID20 began 180 ms before 1 ended"
}

@test "queue's checker: sees work that overtakes, and allows for priority" {
  needs python3
  good
  # Number 3 begins late, after all that came a second and more after it.
  sed -i '/ ID3 /s/w1 10000000015/w1 10000000075/' runs
  checker
  is "$status" 1
  has "$output" "order: ID5 began 5000 ms before ID3 (quick), which was 1000 ms ahead of it"
  # They were worth waiting for.
  sed -i 's/^\(begin ID[4-9] .*\|begin ID10 .*\) 0$/\1 5/' runs
  sed -i 's/^\(piece [0-9]* \([4-9]\|10\) quick\) 0/\1 5/' asks
  checker
  has "$output" ", 0 complaints"
}

@test "queue's checker: sees a worker that ends by itself" {
  needs python3
  good
  echo "1000000001000000000 wrong status_1 w2 2000" >>faults
  complains "workers: w2 2000: status_1"
}

# ---- the queue

# keep_working COMMAND... - a worker, and another one when it has died, until
# the command succeeds.
keep_working() {
  local deadline=$((SECONDS + PATIENCE + 20)) worker
  wjobs run --queue-only >>run.out 2>&1 3>&- 4>&- &
  worker=$!
  until "$@"; do
    ((SECONDS <= deadline)) || return 1
    if ! kill -0 "$worker" 2>/dev/null; then
      wait "$worker" || :
      wjobs run --queue-only >>run.out 2>&1 3>&- 4>&- &
      worker=$!
    fi
    sleep 0.05
  done
  kill -TERM "$worker"
  wait "$worker"
}

none_left() {
  (($(wjobs queue --json --count | tr -d '{}"' | tr , '\n' |
    grep -cE '^(ready|delayed|running):0$') == 3))
}

@test "queue: work that kills its workers is buried at the third, and takes nobody with it" {
  jobfile <<'END'
queue: { size: 200 }
handlers:
  poison: { command: 'echo >>killed; kill -KILL "$PPID"; sleep 5', priority: 1 }
  good: { command: "echo >>done" }
END
  wjobs enqueue poison >id
  seq 100 | wjobs enqueue good --lines >ids
  is "$(lines ids)" 100
  keep_working none_left
  is "$(lines killed)" 3
  # Some of the good were done once more, for their worker died with them.
  (($(lines done) >= 100 && $(lines done) <= 109))
  is "$(wjobs queue -o id,state)" "$(<id)"$'\tburied'
  is "$(wjobs history poison -o status,reason,attempt)" $'failed\tcrash\t3'
  is "$(wjobs history good -n 1000 --status completed -o id | sort)" "$(sort ids)"
}

@test "queue: fifty restarts in the midst of a piece of work spend none of its attempts" {
  local n=0
  jobfile <<'END'
stop_timeout: 10ms
handlers:
  long: { command: 'echo "$WJOBS_ATTEMPT" >>begun; exec sleep 60', retry: 0 }
END
  wjobs enqueue long >id
  for ((n = 1; n <= 50; n++)); do
    scheduler_start
    eventually lines_are begun -ge "$n"
    scheduler_stop
  done
  is "$(sort begun | uniq -c | tr -s ' ')" " 50 1"
  is "$(wjobs queue -o id,state)" "$(<id)"$'\tready'
  is "$(wjobs history long -o id)" ""
}

# nemesis STORE PIECES - in short; what it says is what is wrong.
nemesis() {
  needs python3
  [[ $WJOBS != */valgrind/* ]] || skip "would be too slow to be in order"
  # Who is killed while it looks for leaks can only complain.
  export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
  export NEMESIS_STORE=$1 NEMESIS_PIECES=$2 NEMESIS_DIR=$T/nemesis
  export NEMESIS_SECONDS=60 NEMESIS_PATIENCE=$((PATIENCE / 5))
  run "$TOP/test/queue_nemesis/run" 3>&- 4>&-
  echo "$output"
  if [[ $status != 0 ]]; then
    rm -rf "${WJOBS%/*}/nemesis/failed-queue"
    cp -a "$NEMESIS_DIR" "${WJOBS%/*}/nemesis/failed-queue"
    echo "the logs are in ${WJOBS%/*}/nemesis/failed-queue"
  fi
  is "$status" 0
}

@test "queue: workers that are killed all the time lose nothing, beside a file" {
  nemesis sqlite 1500
}

@test "queue: nor on a Redis that fails as well" {
  needs redis-server
  nemesis redis 2500
}
