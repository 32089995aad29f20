# What only a store can do that many instances share: claims between them, their
# sessions, and what the dead leave behind. What it does as any other store is
# asked in conformance.bats.

load helper
load redis

setup_file() { redis_start; }
teardown_file() { redis_stop; }

setup() {
  test_begin
  URL="$REDIS?prefix=$BATS_TEST_NUMBER:"
}

# shared WANTED [KEEP [MAX_AGE]] <SCRIPT - over a Redis of many instances
shared() {
  local want=$1
  shift
  is "$(tool store "$URL" own "$@" | ${FILTER:-cat})" "$want"
}

# What is lost is so at the store's own time.
without_now() { sed -E 's/(completed|failure)=[0-9]{13}/\1=N/g'; }

@test "shared: an instant is granted to one run of all instances" {
  shared "granted fence=1
granted fence=1
lost
lost
granted fence=2" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
begin run=1 scheduled=1000 shared=1
session 2
begin run=2 scheduled=1000 shared=1
begin run=3 scheduled=999 shared=1
begin run=4 scheduled=1001 shared=1
END
}

@test "shared: what is not due by the store's clock is early, and writes nothing" {
  shared "early wait=some" <<'END'
begin run=1 scheduled=9000000000000 shared=1
list
jobs
END
}

@test "shared: instants that nobody claimed are a gap, until one has recorded it" {
  shared "granted fence=1
granted fence=2
granted fence=3 gap=2000:5000
granted fence=3 gap=2000:5000
granted fence=4 gap=2000:5000 gap=5000:9000
granted fence=5 gap=5000:9000
granted fence=6
20 a skipped schedule reason='missed' kind='cron' scheduled=3000 completed=9500 count=2" <<'END'
begin run=1 scheduled=1000 before=0 shared=1
begin run=2 scheduled=2000 before=1000 shared=1
begin run=3 scheduled=5000 before=4000 shared=1
begin run=3 scheduled=5000 before=4000 shared=1
begin run=4 scheduled=9000 before=8000 shared=1
skip run=20 scheduled=3000 completed=9500 count=2 reason=missed shared=1 gap=2000:5000
skip run=21 scheduled=3000 completed=9500 count=2 reason=missed shared=1 gap=2000:5000
begin run=5 scheduled=10000 before=9000 shared=1
skip run=22 completed=9500 count=0 reason=missed shared=1 gap=5000:9000
begin run=6 scheduled=11000 before=10000 shared=1
list status=skipped
END
}

@test "shared: of more gaps than eight the oldest two become one" {
  local i script=""
  for ((i = 1; i <= 11; i++)); do
    script+="begin run=$i scheduled=${i}0000 before=${i}0000 shared=1
"
    script=${script//before=${i}0000/before=$((i * 10000 - 1))}
  done
  FILTER="tail -n 1" shared "granted fence=11 gap=10000:40000 gap=40000:50000 gap=50000:60000 gap=60000:70000 gap=70000:80000 gap=80000:90000 gap=90000:100000 gap=100000:110000" <<<"$script"
}

@test "shared: a watermark hours ahead of the store's clock is set back" {
  local now=$((EPOCHSECONDS * 1000)) P="{$BATS_TEST_NUMBER:}"
  # As a server leaves it whose clock was set back.
  redis_cli hset "${P}j:a" last $((now + 2 * 3600000)) rid ""
  redis_cli hset "${P}j:b" last $((now + 4 * 3600000)) rid ""
  redis_cli hset "${P}j:c" last $((now + 4 * 3600000)) rid ""
  shared "lost
granted fence=1 reset
granted fence=2
lost
granted fence=1 reset" <<END
begin run=1 scheduled=$((now - 1000)) shared=1 job=a
begin run=2 scheduled=$((now - 1000)) before=$((now - 2000)) shared=1 job=b
begin run=3 scheduled=$((now - 500)) shared=1 job=b
begin run=4 scheduled=$((now - 500)) shared=1 job=b
begin run=5 scheduled=$((now - 1000)) shared=1 job=c
END
}

@test "shared: a first watermark is never ahead of the store's clock" {
  shared "" <<<"watermark to=$(((EPOCHSECONDS + 3600) * 1000)) shared=1"
  local ms=${EPOCHREALTIME/[.,]/}
  shared "granted fence=1" <<<"begin run=1 scheduled=${ms%???} shared=1"
}

@test "shared: a first watermark is set once and then moves with claims alone" {
  shared "lost
granted fence=1
lost
lost
granted fence=2 gap=5000:5500" <<'END'
watermark to=4000 shared=1
watermark to=9000 shared=1
begin run=1 scheduled=4000 shared=1
begin run=2 scheduled=5000 before=4000 shared=1
watermark to=3000 shared=1
begin run=3 scheduled=4500 shared=1
begin run=4 scheduled=5000 shared=1
begin run=5 scheduled=5500 before=5400 shared=1
END
}

@test "shared: what passes while a job is off is not missed" {
  local now=$((EPOCHSECONDS * 1000))
  local t=$((now - 5000))
  shared "granted fence=1
granted fence=1" <<END
begin run=1 scheduled=$t shared=1
watermark shared=1
watermark shared=1
watermark to=$((now + 60000)) shared=1
begin run=2 scheduled=$t job=b shared=1
END
  local off from
  off=$(redis_cli hget "{$BATS_TEST_NUMBER:}j:a" off)
  is "$off" ""
  is "$(redis_cli hget "{$BATS_TEST_NUMBER:}j:a" last)" "$((now + 60000))"
  from=$(redis_cli hget "{$BATS_TEST_NUMBER:}j:a" gaps)
  # Until it was switched off, nobody was asked for anything.
  [[ ${from%:*} == "$t" ]]
  ((${from#*:} >= now && ${from#*:} < now + 60000))
}

@test "shared: each host has a watermark of its own for what is not shared" {
  shared "granted fence=1
lost
granted fence=2
a kind='cron' watermark=1000 counts=0,0,0,0,0 sum=0 running=2 strip=" <<'END'
begin run=1 scheduled=1000
begin run=2 scheduled=1000
begin run=3 scheduled=1000 shared=1
jobs
END
  is "$(redis_cli hget "{$BATS_TEST_NUMBER:}j:a@$(hostname)" last)" 1000
}

@test "shared: another instance's run is in the way of one that is to be alone" {
  shared "granted fence=1
blocked by=1
granted fence=2
lost
granted fence=3
granted fence=4" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 alone=1
session 2
begin run=2 scheduled=2000 shared=1 alone=1
session 1
begin run=3 scheduled=2000 shared=1 alone=1
session 2
begin run=2 scheduled=2000 shared=1 alone=1
end run=1 scheduled=1000 completed=2001
end run=3 scheduled=2000 completed=2001
begin run=4 scheduled=3000 shared=1 alone=1
session 1
begin run=5 scheduled=4000 shared=1
END
}

@test "shared: the run of a dead instance is in nobody's way, and is lost" {
  FILTER=without_now shared "granted fence=1
granted fence=2
2 a running schedule kind='cron' scheduled=2000 fence=2
1 a lost schedule reason='crash' kind='cron' scheduled=1000 completed=N error='the wjobs that ran it (host-1) is gone' worker='host-1' fence=1" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 alone=1 worker=host-1
die 1
session 2
begin run=2 scheduled=2000 shared=1 alone=1
end run=1 scheduled=1000 completed=2001
list
END
}

@test "shared: of a job that every host runs, only its own host's runs are in the way" {
  shared "granted fence=1
granted fence=2
blocked by=2" <<END
alive 1 host=other
alive 2 host=$(hostname)
alive 3 host=$(hostname)
session 1
begin run=1 scheduled=1000 alone=1
session 2
begin run=2 scheduled=2000 alone=1
session 3
begin run=3 scheduled=3000 alone=1
END
}

@test "shared: a run in nobody's name is in nobody's way" {
  shared "granted fence=1
granted fence=2
lost=0
job a watermark=2000" <<'END'
alive 1
begin run=1 scheduled=1000 shared=1
session 1
begin run=2 scheduled=2000 shared=1 alone=1
start
END
}

@test "shared: a begin that comes after its end changes nothing" {
  shared "granted fence=0
1 a completed schedule kind='cron' scheduled=1000 started=1000 completed=1001
a kind='cron' last=1:completed started=1000 completed=1001 success=1001 counts=1,0,0,0,0 sum=0 strip=c" <<'END'
end run=1 scheduled=1000 started=1000 completed=1001
begin run=1 scheduled=1000 started=1000
list
jobs
END
}

@test "shared: an expired session is granted nothing, and its ends are written" {
  local expired="error 5: the session with '$URL' has expired"
  shared "granted fence=1
$expired
failed
$expired
failed
granted fence=2
2 a running schedule kind='cron' scheduled=2000 fence=2
1 a completed schedule kind='cron' scheduled=1000 completed=1001 fence=1" <<'END'
alive 1
session 1
begin run=1 scheduled=1000 shared=1
die 1
begin run=2 scheduled=2000 shared=1
session gone
begin run=2 scheduled=2000 shared=1
end run=1 scheduled=1000 completed=1001 shared=1
alive 2
session 2
begin run=2 scheduled=2000 shared=1
list
END
}

@test "shared: a claim that is repeated under a new session goes with it" {
  shared "granted fence=1
granted fence=1
lost=0
job a watermark=1000
blocked by=1" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
die 1
session 2
begin run=1 scheduled=1000 shared=1
start
alive 3
session 3
begin run=2 scheduled=2000 shared=1 alone=1
END
}

@test "shared: a run that was found lost is not granted again" {
  shared "granted fence=1
lost=1
job a watermark=1000
lost" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
die 1
session 2
start
begin run=1 scheduled=1000 shared=1
END
}

@test "shared: the lost count as failures, of which the next one tells" {
  FILTER="grep -v ^job" shared "granted fence=1
lost=1
tell 2
tell 2" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
die 1
session 2
start
end run=2 completed=2000 status=failed tell=-1
end run=3 completed=3000 tell=-1
END
}

@test "shared: of what is lost it is said whether to tell, and again the same" {
  FILTER="grep -vE granted|^job" shared "lost=3
gone a 2
gone b 3
tell 2
tell 2
tell 1
tell 2
hush 0" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
begin run=2 scheduled=2000 shared=1
begin run=3 job=b scheduled=2000 shared=1
die 1
session 2
reap gone=1
end run=2 at=2000 completed=2001 status=lost tell=-1
end run=2 at=2000 completed=2001 status=lost tell=-1
end run=3 job=b at=2000 completed=2001 status=lost tell=0
end run=4 completed=3001 tell=-1
end run=2 at=2000 completed=2001 status=lost tell=-1
END
}

@test "shared: an instance that was taken for dead tells of what it lost, unless others did" {
  FILTER="grep -vE granted|^job" shared "lost=1
tell 1
tell 1
hush 1" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
die 1
session 2
reap
end run=1 at=1000 completed=2001 status=failed reason=lost_lease tell=-1
end run=1 at=1000 completed=2001 status=failed reason=lost_lease tell=-1
end run=1 at=1000 completed=2001 status=lost tell=-1
END
}

@test "shared: a skip that another has settled is lost" {
  shared "granted
lost
granted
lost" <<'END'
alive 1
session 1
skip run=1 scheduled=1000 to=1000 shared=1 reason=missed tell=-1
skip run=2 scheduled=1000 to=1000 shared=1 reason=missed tell=-1
end run=3 scheduled=2000 shared=1 status=skipped reason=late
skip run=4 scheduled=3000 to=3000 shared=1 reason=missed tell=-1
skip run=5 scheduled=2000 to=2000 shared=1 reason=missed tell=-1
END
}

@test "shared: an end that is written again hears the same" {
  shared "tell 1
tell 1
hush 2
hush 2
hush -1
tell 2
tell 2
hush 0
hush -1" <<'END'
end run=1 completed=1000 status=failed tell=-1
end run=1 completed=1000 status=failed tell=-1
end run=2 completed=2000 status=failed tell=-1
end run=2 completed=2000 status=failed tell=-1
end run=1 completed=1000 status=failed tell=-1
end run=3 completed=3000 tell=-1
end run=3 completed=3000 tell=-1
end run=4 completed=4000 tell=-1
end run=4 completed=4000 tell=-1
END
}

@test "shared: a lock is held while its run lives and its instance does" {
  shared "granted fence=1
locked holder='a, run 00000000Z80000000000000001 on host-1'
granted fence=1
granted fence=2
granted fence=3" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 lock=db worker=host-1
session 2
begin run=2 scheduled=1000 shared=1 lock=db job=b
begin run=3 scheduled=1000 shared=1 lock=other job=b
end run=1 scheduled=1000 completed=1001
begin run=2 scheduled=2000 shared=1 lock=db job=b
die 2
session 1
begin run=4 scheduled=3000 shared=1 lock=db job=b
END
}

@test "shared: a lock that nobody has any more is free, and one that waits is held" {
  shared "granted fence=1
locked holder='b, run 00000000Z80000000000000005'
granted fence=1
lost=0
2 a pending schedule kind='cron' scheduled=2000 retry_at=9999 fence=1
job a watermark=2000
job b watermark=1000
locked holder='a, run 00000001YG0000000000000002'" <<'END'
alive 1
alive 2
session 1
begin run=5 job=b scheduled=1000 lock=db
session 2
begin run=1 scheduled=1000 lock=db
begin run=2 scheduled=2000 lock=third
update run=2 scheduled=2000 status=pending retry_at=9999
die 2
session 1
start
begin run=3 job=b scheduled=2000 lock=third
END
  # As an end would leave it that was cut in two.
  redis_cli zrem "{$BATS_TEST_NUMBER:}live" 00000000Z80000000000000005 >out
  shared "granted fence=2" <<<"session 1
begin run=6 job=b scheduled=3000 lock=db"
}

@test "shared: output is kept of the last ten runs and of the last failure" {
  local i script=""
  for ((i = 1; i <= 30; i++)); do
    script+="end run=$i started=${i}000 completed=${i}001 head=h$i status=$([[ $i == 3 || $i == 6 ]] && echo failed || echo completed)
"
  done
  # One that comes late is not among the newest.
  script+="end run=40 at=5500 started=5500 completed=5501 head=late"
  tool store "$URL" own <<<"$script"
  is "$(redis_cli --scan --pattern "{$BATS_TEST_NUMBER:}o:*" | while read -r key; do
    redis_cli hget "$key" head
  done | sort -V | paste -sd' ')" "h6 h21 h22 h23 h24 h25 h26 h27 h28 h29 h30"
  is "$(tool store "$URL" read <<<list | wc -l)" 31
}

@test "shared: instances whose schedules differ are told, while the other lives" {
  shared "granted fence=1
granted fence=2 differs
granted fence=3
granted fence=4
granted fence=5 differs" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 schedule=77
session 2
begin run=2 scheduled=2000 shared=1 schedule=78
begin run=3 scheduled=3000 shared=1 schedule=77
die 1
begin run=4 scheduled=4000 shared=1 schedule=78
alive 1
session 1
begin run=5 scheduled=5000 shared=1 schedule=77
END
}

@test "shared: a run that is skipped after its grant leaves the instant claimed" {
  shared "granted fence=1
lost
1 a skipped schedule reason='late' kind='cron' scheduled=1000 completed=2000" <<'END'
begin run=1 scheduled=1000 shared=1
end run=1 scheduled=1000 status=skipped reason=late completed=2000 shared=1
begin run=2 scheduled=1000 shared=1
list
END
}

@test "shared: a skip whose begin never came settles its instant, once for all" {
  shared "lost
lost
1 a skipped schedule reason='store' kind='cron' scheduled=1000 completed=2000
a kind='cron' watermark=1000 counts=0,0,1,0,0 sum=0 strip=" <<'END'
end run=1 scheduled=1000 status=skipped reason=store completed=2000 shared=1
end run=2 scheduled=1000 status=skipped reason=store completed=2000 shared=1
begin run=1 scheduled=1000 shared=1
begin run=3 scheduled=1000 shared=1
list
jobs
END
}

@test "shared: a skip is recorded by the first who finds the instant free" {
  shared "lost
lost
granted fence=1 gap=2000:6000
1 a skipped schedule reason='overlap' kind='cron' scheduled=1000 completed=2000
a kind='cron' watermark=6000 counts=0,0,1,0,0 sum=0 running=1 strip=" <<'END'
skip run=1 scheduled=1000 reason=overlap completed=2000 shared=1 to=2000
skip run=2 scheduled=1000 reason=overlap completed=2000 shared=1 to=2000
skip run=3 scheduled=2000 reason=overlap completed=2000 shared=1 to=2000
skip run=4 scheduled=9000000000000 reason=overlap completed=2000 shared=1
begin run=5 scheduled=1000 shared=1
begin run=6 scheduled=2000 shared=1
begin run=7 scheduled=6000 before=5000 shared=1
list status=skipped
jobs
END
}

@test "shared: the runs of the dead are lost, and their retries another's" {
  FILTER=without_now shared "granted fence=1
granted fence=2
granted fence=1
lost=2
2 a pending schedule kind='cron' attempt=2 scheduled=2000 retry_at=9999 fence=2
job a watermark=2000
job b watermark=1000
lost=0
lost=0
2 a pending schedule kind='cron' attempt=2 scheduled=2000 retry_at=9999 fence=2
job a watermark=2000
job b watermark=1000
lost=0
a kind='cron' watermark=2000 last=1:lost completed=N failure=N error='the wjobs that ran it (?) is gone' counts=0,0,0,0,1 sum=0 running=1 strip=l
b kind='cron' watermark=1000 last=3:lost completed=N failure=N error='the wjobs that ran it (?) is gone' counts=0,0,0,0,1 sum=0 strip=l" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1
begin run=2 scheduled=2000 shared=1
update run=2 scheduled=2000 status=pending attempt=2 retry_at=9999
begin run=3 job=b scheduled=1000 shared=1
die 1
session 2
start
reap
reopen
start
update run=2 scheduled=2000 attempt=2
reap
jobs
END
}

@test "shared: a one-shot command marks the lost, and takes nothing over" {
  FILTER="grep -v ^job" shared "granted fence=1
granted fence=2
lost=1
lost=0
lost=0
2 a pending schedule kind='cron' attempt=2 scheduled=2000 retry_at=9999 fence=2" <<'END'
alive 1
session 1
begin run=1 scheduled=1000 shared=1
begin run=2 scheduled=2000 shared=1
update run=2 scheduled=2000 status=pending attempt=2 retry_at=9999
die 1
session -
start alone=1
start alone=1
alive 2
session 2
start
END
}

@test "shared: what is written for a process that is gone is another's to take over" {
  FILTER=without_now shared "granted fence=1
lost=1
2 a pending schedule kind='cron' attempt=2 scheduled=2000 retry_at=9999
lost=0
3 a completed schedule kind='cron' scheduled=3000 completed=3001
2 a pending schedule kind='cron' attempt=2 scheduled=2000 retry_at=9999
1 a lost schedule reason='crash' kind='cron' scheduled=1000 completed=N error='the wjobs that ran it (?) is gone' fence=1" <<'END'
alive 1
session 1
batch
begin run=1 scheduled=1000 owner=dead
update run=2 scheduled=2000 status=pending attempt=2 retry_at=9999 owner=dead
update run=3 scheduled=3000 owner=dead
end run=3 scheduled=3000 completed=3001 owner=dead
apply
reap
reap
list
END
}

@test "shared: more than a hundred runs of the dead are lost all the same" {
  local i script="alive 1
alive 2
session 1
"
  for ((i = 1; i <= 350; i++)); do
    script+="begin run=$i scheduled=${i}000 shared=1
"
  done
  tool store "$URL" own 5 >out <<<"$script
die 1"
  redis_cli config resetstat >out
  shared "lost=350
job a watermark=350000
lost=0" 5 <<<"session 2
start
reap"
  # A hundred at a time.
  has "$(redis_cli info commandstats)" "cmdstat_evalsha:calls=5,"
  is "$(redis_cli smembers "{$BATS_TEST_NUMBER:}s" | wc -l)" 1
  is "$(redis_cli exists "{$BATS_TEST_NUMBER:}live" "{$BATS_TEST_NUMBER:}v:a")" 0
}

@test "shared: what rests goes on beside no run that came meanwhile, and is in the way of a rerun alone" {
  shared "granted fence=1
granted fence=2
blocked by=2
granted fence=3
lost=1
again a 4 scheduled=4000
blocked by=1
granted fence=4" <<'END'
alive 1
alive 2
alive 3
session 1
begin run=1 scheduled=1000 shared=1 alone=1 may_rerun=1
update run=1 scheduled=1000 status=pending retry_at=9999
session 2
begin run=2 scheduled=2000 shared=1 alone=1 may_rerun=1
session 1
update run=1 scheduled=1000 attempt=2 alone=1
session 2
end run=2 scheduled=2000 shared=1 status=completed
session 1
update run=1 scheduled=1000 attempt=2 alone=1
update run=1 scheduled=1000 status=pending attempt=2 retry_at=9999
session 3
begin run=4 scheduled=4000 shared=1 alone=1 may_rerun=1
die 3
session 2
reap
begin run=5 scheduled=4000 shared=1 alone=1 rerun_of=4 may_rerun=1
end run=1 scheduled=1000 shared=1 status=failed
begin run=6 scheduled=4000 shared=1 alone=1 rerun_of=4 may_rerun=1
END
}

@test "shared: a rest that was told of in vain, and comes late, changes nothing" {
  shared "granted fence=1
1 a running schedule kind='cron' attempt=2 scheduled=1000 fence=1
1 a pending schedule kind='cron' attempt=2 scheduled=1000 retry_at=9999 fence=1" <<'END'
alive 1
session 1
begin run=1 scheduled=1000 shared=1 alone=1
update run=1 scheduled=1000 status=pending retry_at=9999
update run=1 scheduled=1000 attempt=2 alone=1
update run=1 scheduled=1000 status=pending retry_at=9999
find run=1
update run=1 scheduled=1000 status=pending attempt=2 retry_at=9999
find run=1
END
}

@test "shared: what rested does not go on where it was taken for dead" {
  shared "granted fence=1
lost=0
1 a pending schedule kind='cron' scheduled=1000 retry_at=9999 fence=1
lost
lost=0
lost" <<'END'
alive 1
alive 2
alive 3
session 1
begin run=1 scheduled=1000 shared=1 alone=1
update run=1 scheduled=1000 status=pending retry_at=9999
die 1
session 2
reap
session 3
update run=1 scheduled=1000 attempt=2 alone=1
session 2
update run=1 scheduled=1000 attempt=2 alone=1
end run=1 scheduled=1000 shared=1 status=failed
reap
session 3
update run=1 scheduled=1000 attempt=2 alone=1
END
}

@test "shared: a run may be begun again where its instance died, once" {
  shared "granted fence=1
granted fence=1
lost=2
again a 1 scheduled=1000
lost=0
again a 1 scheduled=1000
granted fence=2
granted fence=2
lost
lost=0
lost=1
again a 3 scheduled=1000
granted fence=3
lost
lost=0" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 may_rerun=1
begin run=2 job=b scheduled=1000 shared=1
die 1
session 2
reap
reap
begin run=3 scheduled=1000 shared=1 rerun_of=1 may_rerun=1
begin run=3 scheduled=1000 shared=1 rerun_of=1 may_rerun=1
begin run=4 scheduled=1000 shared=1 rerun_of=1 may_rerun=1
reap
die 2
alive 3
session 3
reap
begin run=5 scheduled=2000 shared=1
begin run=6 scheduled=1000 shared=1 rerun_of=3
reap
END
}

@test "shared: a batch that is applied again leaves what it left" {
  local script="batch
begin run=1 scheduled=1000 shared=1
end run=1 scheduled=1000 started=1000 completed=1010 duration=10 head=h shared=1
skip run=2 scheduled=2000 completed=2001 reason=late shared=1 to=2000
skip run=3 scheduled=3000 completed=3001 reason=late shared=1 to=3000
skip run=4 job=b scheduled=2000 completed=2001 reason=late to=2000
skip run=5 job=b scheduled=3000 completed=3001 reason=late to=3000
update run=6 job=b status=pending scheduled=4000 attempt=2 retry_at=9999 head=x
begin run=7 scheduled=6000 before=5000 shared=1
end run=8 status=skipped reason=store scheduled=7000 completed=7001 shared=1
watermark job=c to=1000 shared=1
end run=9 job=c started=1000 completed=1010 duration=5 status=failed error=e
end run=10 job=c started=2000 completed=2010 duration=7
end run=11 job=c started=3000 completed=3010 duration=9
end run=12 job=c started=4000 completed=4010 duration=11
apply"
  tool store "$URL" own 2 <<<"$script" >first
  redis_dump >before
  tool store "$URL" own 2 <<<"$script" >second
  # Gaps are told with each grant for as long as they are there.
  is "$(<second)" "granted fence=1 gap=3000:6000
granted fence=2 gap=3000:6000"
  redis_dump >after
  is "$(diff before after)" ""
  has "$(<first)" "gap=3000:6000"
  tool store "$URL" own 2 <<<"jobs" | grep -o 'counts=[0-9,]*' >counts
  is "$(<counts)" "counts=1,0,3,0,0
counts=0,0,2,0,0
counts=3,1,0,0,0"
  # One of them is pruned by now, and would be counted once more.
  is "$(tool store "$URL" own 2 <<<"list job=c" | cut -d' ' -f1 | paste -sd' ')" "12 11 9"
}

# All keys of this test and what is in them, but for when they expire.
redis_dump() {
  redis_cli --scan --pattern "{$BATS_TEST_NUMBER:}*" | sort |
    while read -r key; do
      echo "== $key"
      case $(redis_cli type "$key") in
        hash) redis_cli hgetall "$key" | paste - - | sort ;;
        set) redis_cli smembers "$key" | sort ;;
        zset) redis_cli zrange "$key" 0 -1 ;;
        list) redis_cli lrange "$key" 0 -1 ;;
        *) redis_cli get "$key" ;;
      esac
    done
}

@test "shared: a store that is out of memory refuses to begin, and ends what runs" {
  redis_start
  URL="$REDIS?prefix=oom:"
  coproc STORE { tool store "$URL" own 2>&1; }
  ask() { echo "$1" >&"${STORE[1]}" && read -r -t 20 answer <&"${STORE[0]}"; }
  ask "begin run=1 scheduled=1000 shared=1"
  is "$answer" "granted fence=1"
  redis_cli config set maxmemory 1 >out
  cat >&"${STORE[1]}" <<'END'
batch
begin run=2 scheduled=2000 shared=1
end run=1 scheduled=1000 started=1000 completed=1010 duration=10 head=h shared=1
skip run=3 scheduled=1500 completed=2001 reason=late shared=1
update run=4 status=pending scheduled=900 attempt=2 retry_at=9999
skip run=5 job=b scheduled=1500 completed=2001 reason=late
watermark job=c to=1000 shared=1
apply
END
  read -r -t 20 answer <&"${STORE[0]}"
  has "$answer" "is out of memory (maxmemory)"
  for _ in 1 2 3 4 5 6; do
    read -r -t 20 answer <&"${STORE[0]}"
    is "$answer" failed
  done
  ask "find run=1"
  has "$answer" "1 a completed schedule"
  has "$answer" "head='h'"
  ask "find run=3 at=1500"
  has "$answer" "3 a skipped schedule"
  ask "find run=5 at=1500"
  has "$answer" "5 b skipped schedule"
  is "$(redis_cli hget "{oom:}j:c" last)" 1000
  ask "find run=4 at=900"
  has "$answer" "4 a pending"
  ask "find run=2 at=2000"
  is "$answer" none
  redis_cli config set maxmemory 0 >out
  ask "begin run=2 scheduled=2000 shared=1"
  is "$answer" "granted fence=2"
  eval "exec ${STORE[1]}>&-"
  redis_stop
}

@test "shared: scripts that the server forgot are sent again" {
  local i
  for ((i = 1; i <= 20; i++)); do
    echo "begin run=$i scheduled=${i}000 shared=1
end run=$i scheduled=${i}000 completed=${i}001 shared=1"
  done >script
  (while :; do redis_cli script flush; done >out 2>&1 3>&-) 3>&- &
  local flusher=$!
  run tool store "$URL" own <script
  kill "$flusher"
  is "$(grep -c granted <<<"$output")" 20
  is "$(tool store "$URL" read <<<list | grep -c completed)" 20
}

@test "shared: a claim that too few replicas know of is no answer" {
  run tool store "$URL" own 100 -1 1 <<<"begin run=1 scheduled=1000 shared=1"
  has "$output" "error 5: '$URL' has 0 of the 1 replicas that a claim needs"
  has "$output" failed
  local first=$REDIS_SOCKET
  redis_start_tcp
  redis-cli -s "$first" config set repl-diskless-sync-delay 0 >out
  local REDIS_MASTER_PORT=$REDIS_PORT
  local where="$REDIS?prefix=w:"
  redis_start --replicaof 127.0.0.1 "$REDIS_MASTER_PORT"
  eventually replica_is_up
  run tool store "$where" own 100 -1 1 <<<"begin run=1 scheduled=1000 shared=1
begin run=1 scheduled=1000 shared=1
end run=1 scheduled=1000 completed=1001"
  is "$output" "granted fence=1
granted fence=1"
  is "$(redis_cli hget "{w:}j:a" last)" 1000
  redis_stop
}

replica_is_up() { redis_cli info replication | grep -q master_link_status:up; }

@test "shared: a store of another version is refused, whoever comes first" {
  redis_cli hset "{$BATS_TEST_NUMBER:}meta" schema 2 >out
  run tool store "$URL" own <<<"begin run=1 scheduled=1000"
  is "$output" "error 7: '$URL' has schema '2', and this wjobs knows 1: it is used by another version of wjobs"
  run tool store "$URL" read
  has "$output" "has schema '2'"
  redis_cli del "{$BATS_TEST_NUMBER:}meta" >out
  coproc STORE { tool store "$URL" own 2>&1; }
  eventually redis_cli_has meta
  redis_cli hset "{$BATS_TEST_NUMBER:}meta" schema 2 >out
  echo "begin run=1 scheduled=1000" >&"${STORE[1]}"
  read -r -t 20 answer <&"${STORE[0]}"
  has "$answer" "has schema '2'"
  eval "exec ${STORE[1]}>&-"
}

redis_cli_has() { [[ $(redis_cli exists "{$BATS_TEST_NUMBER:}$1") == 1 ]]; }

@test "shared: a store that was emptied is signed again by what is written" {
  coproc STORE { tool store "$URL" own 2>&1; }
  eventually redis_cli_has meta
  redis_cli del "{$BATS_TEST_NUMBER:}meta" >out
  echo "begin run=1 scheduled=1000" >&"${STORE[1]}"
  read -r -t 20 answer <&"${STORE[0]}"
  is "$answer" "granted fence=1"
  is "$(redis_cli hget "{$BATS_TEST_NUMBER:}meta" schema)" 1
  eval "exec ${STORE[1]}>&-"
}

@test "shared: reading creates nothing" {
  is "$(tool store "$URL" read)" absent
  is "$(redis_cli --scan --pattern "{$BATS_TEST_NUMBER:}*")" ""
}

@test "shared: what is no record is passed over, and no wrong type kills a reader" {
  tool store "$URL" own <<<"end run=1 started=1000 completed=1001 duration=1 head=h" >out
  local p="{$BATS_TEST_NUMBER:}" id=00000000Z80000000000000001
  local odd=01HF7YAT000000000000000002 bad=01HF7YAT000000000000000003
  redis_cli zadd "${p}all" 0 "no id" 0 "$odd" 0 "$bad" >out
  redis_cli zadd "${p}h:a" 0 "" 0 "$odd" 0 "$bad" >out
  redis_cli hset "${p}r:$odd" job a status odd >out
  redis_cli hset "${p}r:$bad" job a status completed took 12x start 99999999999999999999 >out
  redis_cli sadd "${p}jobs" odd >out
  redis_cli hset "${p}j:odd" successful x total 1e9 strip "?zc" last_run "$bad" failure nonsense >out
  is "$(tool store "$URL" read <<<"list
list job=a
last
sample")" "1 a completed schedule kind='cron' started=1000 completed=1001 duration=1
1 a completed schedule kind='cron' started=1000 completed=1001 duration=1
1 a completed schedule kind='cron' started=1000 completed=1001 duration=1 head='h'
durations=1 counts=0,0,2,0,0,0,0 execution=1000 success=1001"
  has "$(tool store "$URL" read <<<jobs)" "odd last=3:completed counts=0,0,0,0,0 sum=0 strip=c"
  local key
  for key in jobs all "h:a" "j:a" "r:$id" "o:$id" live "v:a"; do
    redis_cli set "$p$key" text >out
    run tool store "$URL" read <<<"list
list job=a
find run=1
last
jobs
sample"
    is "$status" 0
    redis_cli del "$p$key" >out
  done
}

@test "shared: a claim with its start is one call, and so is an end" {
  tool store "$URL" own <<<"begin run=1 scheduled=1000 shared=1" >out
  redis_cli config resetstat >out
  tool store "$URL" own >out <<'END'
begin run=2 scheduled=2000 shared=1
end run=2 scheduled=2000 started=2000 completed=2010 duration=10 head=h
begin run=3 scheduled=3000 shared=1
end run=3 scheduled=3000 started=3000 completed=3010 duration=10 head=h
END
  local stats
  stats=$(redis_cli info commandstats)
  has "$stats" "cmdstat_evalsha:calls=4,"
  # The scripts' own commands are counted too; what else came is the opening.
  run grep -oE "cmdstat_(eval|script|wait|keys|config[^:]*):calls=[0-9]*" <<<"$stats"
  is "$(grep -v config <<<"$output" | grep -v 'eval:calls=1')" ""
}

@test "shared: a run's end is written to a full store though others wait to begin" {
  redis_start
  jobfile <<END
store: $REDIS
jobs:
  long:
    interval: 1h
    run_immediately: true
    command: until test -e end; do sleep 0.05; done
  often:
    interval: 200ms
    command: touch often
END
  scheduler_start
  eventually test -e often
  eventually redis_has v:long
  redis_cli config set maxmemory 1 >out
  eventually grep -q "out of memory" run.err
  : >end
  eventually redis_has h:long
  is "$(redis_cli config get maxmemory | tail -n 1)" 1
  redis_cli config set maxmemory 0 >out
  rm -f often
  eventually test -e often
  scheduler_stop
  redis_stop
}

redis_has() { [[ $(redis_cli exists "{wjobs:}$1") == 1 ]]; }

@test "shared: the node of a cluster that has all slots will do" {
  redis_start_tcp --cluster-enabled yes
  redis_cli cluster addslotsrange 0 16383 >out
  eventually cluster_is_up
  URL="$REDIS?prefix=c:"
  FILTER=without_now shared "granted fence=1
granted fence=1
lost=1
again a 1 scheduled=1000
granted fence=2
a kind='cron' watermark=1000 last=2:completed started=1000 completed=1001 duration=1 success=1001 failure=N error='the wjobs that ran it (?) is gone' counts=1,0,1,0,1 min=1 max=1 sum=1 strip=lc
b kind='cron' watermark=1000 counts=0,0,0,0,0 sum=0 running=1 strip=" <<'END'
alive 1
alive 2
session 1
begin run=1 scheduled=1000 shared=1 may_rerun=1 lock=x
session 2
begin run=3 job=b scheduled=1000 shared=1 lock=y
die 1
reap
begin run=2 scheduled=1000 shared=1 rerun_of=1
end run=2 scheduled=1000 started=1000 completed=1001 duration=1
skip run=4 scheduled=2000 completed=2000 reason=late
jobs
END
  redis_stop
}

cluster_is_up() { redis_cli cluster info | grep -q cluster_state:ok; }

@test "shared: in whatever order instances come, each instant is accounted for once" {
  coproc STORE { tool store "$URL" own 5 2>&1; }
  local -a at=(1000 1000 1000)
  local i t=1000 n=1 granted=0 answer last=1000
  RANDOM=21
  claim "begin run=1 scheduled=1000 shared=1"
  for ((n = 2; n < 400; n++)); do
    i=$((RANDOM % 3))
    t=$((at[i] + 1000 * (RANDOM % 4 ? 1 : 1 + RANDOM % 6)))
    at[i]=$t
    ((t <= last)) || last=$t
    case $((RANDOM % 10)) in
      0) echo "skip run=$n scheduled=$t before=$((t - 1000)) completed=$t reason=late shared=1 to=$t" ;;
      1) echo "end run=$n scheduled=$t before=$((t - 1000)) completed=$t status=skipped reason=store shared=1" ;;
      *) false ;;
    esac >&"${STORE[1]}" || {
      claim "begin run=$n scheduled=$t before=$((t - 1000)) shared=1"
      # As one does whose answer was lost.
      ((RANDOM % 4)) || claim "begin run=$n scheduled=$t before=$((t - 1000)) shared=1" again
      echo "end run=$n scheduled=$t completed=$t duration=1 shared=1" >&"${STORE[1]}"
    }
  done
  last=$((last + 1000))
  claim "begin run=$n scheduled=$last before=$((last - 1000)) shared=1"
  echo jobs >&"${STORE[1]}"
  read -r -t 20 answer <&"${STORE[0]}"
  eval "exec ${STORE[1]}>&-"
  [[ $answer =~ counts=[0-9]+,0,([0-9]+), ]]
  ((granted > 50 && BASH_REMATCH[1] > 20))
  is "$((granted + BASH_REMATCH[1]))" "$((last / 1000))"
}

# claim LINE [again] - ask, count a grant, and record the gaps that came with it
claim() {
  local gap k=0
  echo "$1" >&"${STORE[1]}"
  read -r -t 20 answer <&"${STORE[0]}"
  [[ $answer == granted* ]] || return 0
  ((++granted))
  [[ -z ${2-} ]] || ((granted--))
  for gap in $answer; do
    [[ $gap == gap=* ]] || continue
    gap=${gap#gap=}
    echo "skip run=$((n + ++k * 10000)) scheduled=$((${gap%:*} + 1000)) completed=$t reason=missed shared=1 gap=$gap count=$(((${gap#*:} - ${gap%:*}) / 1000 - 1))"
    ((RANDOM % 3)) || echo "skip run=$((n + k * 10000 + 5000)) scheduled=1 completed=$t reason=missed shared=1 gap=$gap count=5"
  done >&"${STORE[1]}"
}
