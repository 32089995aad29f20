# What a store must do, asked of each backend alike: the scripts of these tests
# run over memory, over a file and over a Redis, and must say the same.

load helper
load redis

setup_file() { redis_start; }
teardown_file() { redis_stop; }

# stores - a store of each kind, empty
stores() {
  rm -f wjobs.db*
  echo memory
  echo "$PWD/wjobs.db"
  echo "$REDIS?prefix=$BATS_TEST_NUMBER-$RANDOM$RANDOM:"
}

# all WANTED [KEEP [MAX_AGE]] <SCRIPT - $FILTER is what the answers go through.
all() {
  local want=$1 script answer where
  shift
  script=$(cat)
  for where in $(stores); do
    answer=$(tool store "$where" own "$@" <<<"$script" | ${FILTER:-cat})
    is "$answer" "$want" || {
      echo "in $where" >&2
      return 1
    }
  done
}

@test "store: an instant is claimed once, and again by the same run" {
  all "granted fence=1
granted fence=1
lost
lost
granted fence=2
granted fence=1" <<'END'
begin run=1 scheduled=1000
begin run=1 scheduled=1000
begin run=2 scheduled=1000
begin run=3 scheduled=999
begin run=4 scheduled=1001 trigger=catch_up
begin run=5 job=b scheduled=1000
END
}

@test "store: a lost claim leaves nothing behind" {
  all "granted fence=1
lost
1 a running schedule kind='cron' scheduled=1000 fence=1" <<'END'
begin run=1 scheduled=1000
begin run=2 scheduled=1000
list
END
}

@test "store: runs by hand claim nothing and move no watermark" {
  all "granted fence=1
granted fence=2
granted fence=3
granted fence=4
granted fence=5
a kind='cron' watermark=1000 counts=0,0,0,0,0 sum=0 running=5 strip=" <<'END'
begin run=1 scheduled=1000
begin run=2 scheduled=500 trigger=trigger
begin run=3 trigger=manual started=1100
begin run=4 scheduled=5000 trigger=immediate
begin run=5 scheduled=7000 trigger=queue
jobs
END
}

@test "store: @reboot is claimed like any instant" {
  all "granted fence=1
lost" <<'END'
begin run=1 scheduled=1000 trigger=reboot
begin run=2 scheduled=1000 trigger=reboot
END
}

@test "store: a watermark goes back only when it is told to" {
  FILTER="grep -v lost=" all "job a watermark=5000
job a watermark=5000
lost
job a watermark=2000
granted fence=1" <<'END'
watermark to=5000
start
skip run=1 scheduled=3000 completed=3000 reason=missed to=3000
start
begin run=2 scheduled=4000
watermark to=2000
start
begin run=3 scheduled=4000
END
}

@test "store: a run's record goes from begin over updates to its end" {
  all "granted fence=1
1 a running schedule kind='cron' scheduled=1000 started=1002 fence=1
1 a pending schedule kind='cron' attempt=2 scheduled=1000 started=1002 retry_at=5000 fence=1
1 a completed schedule kind='cron' attempt=3 scheduled=1000 started=1002 completed=7100 duration=98 fence=1
granted fence=1
1 a completed schedule kind='cron' attempt=3 scheduled=1000 started=1002 completed=7100 duration=98 fence=1" <<'END'
begin run=1 scheduled=1000 started=1002
list
update run=1 scheduled=1000 started=1002 status=pending attempt=2 retry_at=5000
list
end run=1 scheduled=1000 started=1002 completed=7100 duration=98 attempt=3
list
update run=1 scheduled=1000 started=1002 attempt=4
begin run=1 scheduled=1000 started=1002
reopen
list
END
}

@test "store: an end counts once, whatever is repeated after it" {
  all "granted fence=1
granted fence=1
a kind='cron' watermark=1000 last=1:failed started=1002 completed=1010 duration=8 failure=1010 error='exit status 3' counts=0,1,0,0,0 min=8 max=8 sum=8 strip=f" <<'END'
begin run=1 scheduled=1000 started=1002
end run=1 scheduled=1000 started=1002 completed=1010 duration=8 status=failed reason=exit exit_code=3 error=exit~status~3
end run=1 scheduled=1000 started=1002 completed=1010 duration=8 status=failed reason=exit exit_code=3 error=exit~status~3
end run=1 scheduled=1000 started=1002 completed=1099 duration=97 status=completed
begin run=1 scheduled=1000 started=1002
jobs
END
}

@test "store: an incident is told of once, and so is its end" {
  all "hush 0
tell 1
hush 2
hush 2
tell 2
hush 0
tell 1" <<'END'
end run=1 completed=1000 tell=-1
end run=2 completed=1001 status=failed tell=-1
end run=3 completed=1002 status=failed tell=-1
end run=4 completed=1003 status=cancelled tell=-1
reopen
end run=5 completed=1004 tell=-1
end run=6 completed=1005 tell=-1
end run=7 completed=1006 status=failed tell=-1
END
}

@test "store: that a job is late is told once, until its next success" {
  all "tell 500
hush 500
tell 0
hush 1000
hush 1000
tell 1000
hush 1000
hush 1000
tell 1
hush 1000
tell 1
hush 1005
tell 1005
tell 1
hush 0
hush 1008" <<'END'
late than=501 first=500
late than=501 first=500
end run=1 completed=1000 tell=-1
late than=1000 first=500
late than=1000 first=500
late than=1001 first=500
late than=1002 first=500
reopen
late than=1003 first=500
end run=2 completed=1001 status=failed tell=-1
late than=1004 first=500
end run=3 completed=1005 tell=-1
late than=1005 first=500
late than=2000 first=500
end run=4 completed=1006 status=failed tell=-1
end run=5 completed=1007
end run=6 completed=1008 tell=-1
late than=1008 first=500
END
}

@test "store: late by its start, of which a run under way is one that goes on" {
  all "hush 1010
tell 1010
granted fence=1
hush 2000
granted fence=2
hush 2500
hush 2600" <<'END'
end run=1 scheduled=1000 started=1010 completed=1020 status=failed
late than=1010 by_start=1
late than=1011 by_start=1
begin run=2 scheduled=2000 started=2000
late than=3000 by_start=1
begin run=3 scheduled=2400 started=2500
late than=3000 by_start=1
watermark to=2600
late than=3000 by_start=1
END
}

@test "store: failures are told of each time, or again after a while" {
  all "tell 1
tell 2
tell 3
hush 4
tell 4
hush 0" <<'END'
end run=1 completed=1001 status=failed tell=0
end run=2 completed=1001 status=failed tell=0
end run=3 completed=1002 status=failed tell=0
end run=4 completed=1003 status=failed tell=3600000
end run=5 completed=1004 tell=3600000
end run=6 completed=1005 tell=3600000
END
}

@test "store: what nobody was told of is counted, and ends in silence" {
  all "tell 3
hush 1
hush 0" <<'END'
end run=1 completed=1001 status=failed
end run=2 completed=1002 status=failed
end run=3 completed=1003 status=failed tell=-1
end run=4 completed=1004
end run=5 completed=1005 status=failed
end run=6 completed=1006 tell=-1
end run=7 completed=1007 tell=-1
END
}

@test "store: an end whose begin never came is a record all the same" {
  all "1 a completed schedule kind='cron' scheduled=1000 started=1002 completed=1010 duration=8
2 a running schedule kind='cron' scheduled=900" <<'END'
end run=1 scheduled=1000 started=1002 completed=1010 duration=8
update run=2 scheduled=900
list
END
}

@test "store: every field of a record comes back as it was" {
  all "9 long.job-name_1 cancelled catch_up reason='superseded' kind='exec' attempt=7 scheduled=1700000000000 started=1700000000123 completed=1700009999999 duration=4567 exit_code=255 signal=9 error='it is cut' worker='host-1' fence=4611686018427387904 user_us=1 system_us=0 max_rss=123456789 output_bytes=5000000000 metadata='k=v w=x' head='the head' tail='the tail'
8 odd completed queue kind='else' attempt=0 scheduled=-5 completed=4 duration=0 user_us=0" <<'END'
end run=9 job=long.job-name_1 kind=exec trigger=catch_up status=cancelled reason=superseded at=1700000000100 scheduled=1700000000000 started=1700000000123 completed=1700009999999 duration=4567 attempt=7 exit_code=255 signal=9 error=it~is~cut worker=host-1 fence=4611686018427387904 user_us=1 system_us=0 max_rss=123456789 output_bytes=5000000000 metadata=k=v~w=x head=the~head tail=the~tail
end run=8 job=odd kind=else trigger=queue status=completed at=77 scheduled=-5 completed=4 duration=0 user_us=0 attempt=0
find run=9 at=1700000000100
find run=8 at=77
END
}

@test "store: successive skips for one reason are one record" {
  all "4 a skipped schedule reason='late' kind='cron' scheduled=4000 completed=4001
1 a skipped schedule reason='overlap' kind='cron' scheduled=1000 completed=3001 error='run Z' count=7
a kind='cron' watermark=4000 counts=0,0,8,0,0 sum=0 strip=" <<'END'
skip run=1 scheduled=1000 completed=1001 reason=overlap error=run~X to=1000
skip run=1 scheduled=1000 completed=1001 reason=overlap error=run~X to=1000
skip run=2 scheduled=2000 completed=2001 reason=overlap error=run~Y count=5 to=2000
skip run=3 scheduled=3000 completed=3001 reason=overlap error=run~Z to=3000
skip run=3 scheduled=3000 completed=3001 reason=overlap error=run~Z to=3000
skip run=4 scheduled=4000 completed=4001 reason=late to=4000
list
jobs
END
}

@test "store: a run between skips parts them" {
  all "granted fence=1
5 a skipped schedule reason='overlap' kind='cron' scheduled=5000 completed=5001
4 a completed manual kind='cron' started=4000 completed=4001 duration=1
3 a skipped schedule reason='overlap' kind='cron' scheduled=3000 completed=3001
2 a running schedule kind='cron' scheduled=2000 fence=1
1 a skipped schedule reason='overlap' kind='cron' scheduled=1000 completed=1001" <<'END'
skip run=1 scheduled=1000 completed=1001 reason=overlap to=1000
begin run=2 scheduled=2000
skip run=3 scheduled=3000 completed=3001 reason=overlap to=3000
end run=4 trigger=manual started=4000 completed=4001 duration=1
skip run=5 scheduled=5000 completed=5001 reason=overlap to=5000
list
END
}

@test "store: skips of one job leave those of another alone" {
  all "4 b skipped schedule reason='late' kind='cron' scheduled=4000 completed=4000
1 a skipped schedule reason='late' kind='cron' scheduled=1000 completed=3000 count=2" <<'END'
skip run=1 job=a scheduled=1000 completed=1000 reason=late
skip run=4 job=b scheduled=4000 completed=4000 reason=late
skip run=3 job=a scheduled=3000 completed=3000 reason=late
list
END
}

@test "store: a run that ends as skipped is a skip, and lives no more" {
  all "granted fence=1
1 a skipped schedule reason='late' kind='cron' scheduled=1000 completed=2000
a kind='cron' watermark=1000 counts=0,0,1,0,0 sum=0 strip=" <<'END'
begin run=1 scheduled=1000 started=1001
end run=1 scheduled=1000 started=1001 completed=2000 status=skipped reason=late
list
jobs
END
}

@test "store: a batch is applied in its order" {
  all "granted fence=1
lost
2 a completed schedule kind='cron' scheduled=2000 completed=2001 fence=1
1 a completed schedule kind='cron' scheduled=1000 completed=1001" <<'END'
batch
begin run=2 scheduled=2000
begin run=1 scheduled=1000
end run=1 scheduled=1000 completed=1001
end run=2 scheduled=2000 completed=2001
apply
list
END
}

@test "store: an operation that cannot be written holds up no other" {
  all "failed
1 a completed schedule kind='cron' scheduled=1000 completed=1001" <<'END'
batch
end run=2 job=- scheduled=2000 completed=2001
end run=1 scheduled=1000 completed=1001
apply
list
END
}

@test "store: a batch from a file is applied once, even much later" {
  all "granted
lost
a kind='cron' counts=0,0,3,0,0 sum=0 strip=
granted
a kind='cron' counts=0,0,8,0,0 sum=0 strip=" <<'END'
batch
once run=77
skip run=1 scheduled=1000 completed=1000 reason=late count=2
skip run=2 scheduled=2000 completed=2000 reason=late
apply
reopen
batch
once run=77
skip run=1 scheduled=1000 completed=1000 reason=late count=2
skip run=2 scheduled=2000 completed=2000 reason=late
apply
jobs
batch
once run=78
skip run=3 scheduled=3000 completed=3000 reason=late count=5
apply
jobs
END
}

LIST='begin run=6 job=a scheduled=60000 started=60001
end run=5 job=b scheduled=50000 started=50001 completed=50009 duration=8
update run=4 job=a status=pending scheduled=40000 retry_at=99000
end run=3 job=a status=failed scheduled=30000 completed=30009
skip run=2 job=b scheduled=20000 completed=20000 reason=late
end run=1 job=a scheduled=10000 completed=10009'

# listed WHAT - the numbers that `list WHAT` gives
listed() {
  local store
  for store in $(stores); do
    printf '%s\n' "$LIST" "list $1" | tool store "$store" |
      grep -v ^granted | cut -d' ' -f1 | paste -sd' '
  done | uniq
}

@test "history: newest first, by job, by status, by limit" {
  is "$(listed "")" "6 5 4 3 2 1"
  is "$(listed limit=3)" "6 5 4"
  is "$(listed job=a)" "6 4 3 1"
  is "$(listed "job=a limit=1")" "6"
  is "$(listed job=b)" "5 2"
  is "$(listed job=none)" ""
  is "$(listed status=running)" "6"
  is "$(listed status=pending)" "4"
  is "$(listed status=completed)" "5 1"
  is "$(listed "status=completed job=a")" "1"
  is "$(listed status=skipped)" "2"
  is "$(listed status=lost)" ""
}

@test "history: since and until look at the instant, bounds included" {
  is "$(listed since=30000)" "6 5 4 3"
  is "$(listed since=30001)" "6 5 4"
  is "$(listed until=30000)" "3 2 1"
  is "$(listed until=29999)" "2 1"
  is "$(listed "since=20000 until=40000 job=a")" "4 3"
  is "$(listed "since=20000 until=50000 limit=2")" "5 4"
}

@test "history: a backfill is new, though its instant is old" {
  all "2 a completed trigger kind='cron' scheduled=1000 completed=900001
1 a completed schedule kind='cron' scheduled=800000 completed=800001
2 a completed trigger kind='cron' scheduled=1000 completed=900001" <<'END'
end run=1 scheduled=800000 completed=800001
end run=2 trigger=trigger scheduled=1000 at=900000 completed=900001
list
list until=5000
END
}

@test "history: since finds skips that began long before" {
  local day=86400000
  all "7 a completed schedule kind='cron' scheduled=$((9 * day)) completed=$((9 * day))
1 a skipped schedule reason='late' kind='cron' scheduled=1000 completed=$((8 * day)) count=2
1 a skipped schedule reason='late' kind='cron' scheduled=1000 completed=$((8 * day)) count=2" <<END
skip run=1 scheduled=1000 completed=1000 reason=late
skip run=2 scheduled=$((8 * day)) completed=$((8 * day)) reason=late
end run=7 scheduled=$((9 * day)) completed=$((9 * day))
list since=$((7 * day))
list since=$((7 * day)) job=a status=skipped
list since=$((8 * day + 1)) status=skipped
END
}

@test "history: a run is found by the beginning of its id" {
  all "1 a completed schedule kind='cron' scheduled=1000 completed=1001 head='h'
2 a running schedule kind='cron' scheduled=1700000000000
error 3: '0' is the beginning of more than one run, among them 00000000Z80000000000000001 and 01HF7YAT000000000000000002
none
none
none" <<'END'
end run=1 scheduled=1000 completed=1001 head=h
update run=2 scheduled=1700000000000
find run=1 at=1000
find run=2 at=1700000000000 letters=3
find run=2 at=1700000000000 letters=1
find run=3 at=1700000000000
find id=nothing!
find id=9
END
}

@test "history: the last run of a job is the newest that was started" {
  all "none
1 a failed schedule kind='cron' scheduled=1000 started=1001 completed=1002 tail='t'
1 a failed schedule kind='cron' scheduled=1000 started=1001 completed=1002 tail='t'
granted fence=1
3 a running schedule kind='cron' scheduled=3000 started=3001 fence=1
none" <<'END'
last
end run=1 status=failed scheduled=1000 started=1001 completed=1002 tail=t
last
skip run=2 scheduled=2000 completed=2000 reason=late
last
begin run=3 scheduled=3000 started=3001
last
last job=none
END
}

@test "history: what is known of jobs is their counters, last runs and a strip" {
  local want="a kind='interval' watermark=9000 last=6:lost started=6000 completed=6001 duration=500 success=2019 failure=6001 error='gone' counts=2,1,4,1,1 min=9 max=19 sum=38 running=1 pending=1 strip=ccfcl
b kind='cron' last=9:completed started=100 completed=100 duration=0 success=100 counts=1,0,0,0,0 min=0 max=0 sum=0 strip=c"
  all "granted fence=1
$want
$want
b kind='cron' last=9:completed started=100 completed=100 duration=0 success=100 counts=1,0,0,0,0 min=0 max=0 sum=0 strip=c" <<'END'
end run=9 job=b started=100 completed=100 duration=0
end run=1 started=1000 completed=1009 duration=9
end run=2 started=2000 completed=2019 duration=19
end run=3 started=3000 completed=3010 duration=10 status=failed error=first
end run=4 started=4000 completed=4010 duration=10 status=cancelled
end run=6 started=6000 completed=6001 duration=500 status=lost error=gone
skip run=7 scheduled=7000 completed=7000 reason=missed count=4 to=7000
begin run=8 scheduled=9000
update run=10 status=pending started=9500 kind=interval
jobs
reopen
jobs
jobs job=b
jobs job=none
END
}

@test "history: the strip is of the last ten runs" {
  local i script=""
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    script+="end run=$i started=${i}000 completed=${i}001 status=$([[ $i -lt 10 ]] && echo completed || echo failed)
skip run=9$i scheduled=${i}500 completed=${i}500 reason=late
"
  done
  FILTER="sed s/.*strip=//" all "cccccccfff" <<<"${script}jobs"
}

@test "history: a sample is of the runs kept since a moment" {
  all "durations=5,7,30 counts=0,0,2,1,3,0,1 execution=4000 success=3007 failure=4001 error='gone'
durations=7 counts=0,0,1,0,0,0,1 execution=4000 success=3007 failure=4001 error='gone'
durations= counts=0,0,0,0,0,0,0" <<'END'
end run=1 started=1000 completed=1030 duration=30
end run=2 started=2000 completed=2005 duration=5 status=failed error=bad
skip run=9 scheduled=2500 completed=2500 count=3 reason=late
end run=3 started=3000 completed=3007 duration=7
end run=4 started=4000 completed=4001 status=lost error=gone
sample
sample since=3000
sample job=none
END
}

# ends FROM TO [FIELD...] - that many ends, a second apart.
ends() {
  local i from=$1 to=$2
  shift 2
  for ((i = from; i <= to; i++)); do
    echo "end run=$i started=${i}000 completed=${i}005 duration=5 head=h$i $*"
  done
}

@test "pruning: as many runs are kept as are to be, and no output besides" {
  FILTER="cut -c1-12" all "20 a complet
19 a complet
18 a complet
none
18 a complet
a kind='cron" 3 <<END
$(ends 1 20)
list
find run=17 at=17000
find run=18 at=18000
jobs
END
}

@test "pruning: the last success and the last failure stay" {
  FILTER="cut -c1-10" all "22 a cance
21 a cance
20 a cance
6 a failed
5 a comple" 3 <<END
$(ends 1 5)
$(ends 6 6 status=failed error=why)
$(ends 7 22 status=cancelled)
list
END
}

@test "pruning: skips have a hundred of their own and push no run out" {
  local i script=""
  for ((i = 1; i <= 150; i++)); do
    script+="skip run=$i scheduled=${i}000 completed=${i}000 reason=late
skip run=1$i scheduled=${i}500 completed=${i}500 reason=overlap
"
  done
  FILTER=count_skips all "2 runs, 100 to 106 skips" 2 <<<"$(ends 1 2)
$script
list"
}

count_skips() {
  awk '/skipped/ { n++ }
    /completed schedule/ { runs++ }
    END { print runs " runs, " (n >= 100 && n <= 106 ? "100 to 106" : n) " skips" }'
}

@test "pruning: what waits or runs is never touched" {
  FILTER="cut -c1-11" all "granted fen
5 a complet
4 a complet
2 a pending
1 a running" 2 <<END
begin run=1 scheduled=1000
update run=2 status=pending scheduled=2000
$(ends 3 5)
list
END
}

@test "pruning: what is older than max_age goes, but for the last of each kind" {
  FILTER="cut -c1-13" all "50 a complete
49 a complete
48 a complete
2 b completed
3 a failed sc
98 a skipped 
97 a skipped " 100 2500 <<END
$(ends 1 1)
$(ends 2 2 job=b)
$(ends 3 3 status=failed)
$(ends 4 47)
skip run=99 scheduled=47100 completed=47100 reason=late
$(ends 48 49)
skip run=98 at=10000 scheduled=49100 completed=49100 reason=late
skip run=97 at=10000 scheduled=49100 completed=49100 reason=overlap
end run=50 started=50000 completed=50000
list status=completed
list status=failed
list status=skipped
END
}

@test "pruning: a scheduler's start brings each job to its limit exactly" {
  FILTER="grep -c completed" all 32 32 <<END
$(ends 1 34)
start
list
END
}

@test "store: a watermark that is set back forgets the claims of what still runs" {
  all "granted fence=1
a kind='cron' watermark=9000 counts=0,0,0,0,0 sum=0 running=1 strip=
a kind='cron' watermark=2000 counts=0,0,0,0,0 sum=0 running=1 strip=
a kind='cron' watermark=2000 counts=0,0,0,0,0 sum=0 running=1 strip=
lost
granted fence=2
a kind='cron' watermark=3000 last=1:completed completed=9001 success=9001 counts=1,0,0,0,0 sum=0 running=1 strip=c
lost
granted fence=3" <<'END'
begin run=1 scheduled=9000
jobs
watermark to=2000
jobs
update run=1 scheduled=9000 attempt=2
jobs
begin run=2 scheduled=2000
begin run=3 scheduled=3000
end run=1 scheduled=9000 completed=9001
jobs
begin run=4 scheduled=3000
begin run=5 scheduled=3001
END
}

@test "store: fences grow whatever begins and ends, and in which order" {
  all "granted fence=1
granted fence=2
granted fence=3
granted fence=4
granted fence=2
granted fence=5" <<'END'
begin run=1 scheduled=1000
begin run=2 trigger=manual started=1500
end run=1 scheduled=1000 completed=1001
begin run=3 scheduled=3000
end run=3 scheduled=3000 completed=3001
end run=2 trigger=manual started=1500 completed=3002
begin run=4 scheduled=4000
begin run=2 trigger=manual started=1500
end run=4 scheduled=4000 status=skipped reason=late completed=4001
reopen
begin run=5 scheduled=5000
END
}

@test "history: pages of more than a thousand records are one listing" {
  local i where script=""
  for ((i = 1; i <= 1300; i++)); do
    script+="end run=$i job=j$((i % 3)) started=${i}000 completed=${i}005 status=$([[ $((i % 100)) == 0 ]] && echo failed || echo completed)
"
    ((i % 400)) || script+="begin run=9$i job=j0 scheduled=${i}500
"
  done
  for where in $(stores); do
    tool store "$where" own 2000 >out <<<"batch
${script}apply
list
list job=j1
list status=failed limit=3
list status=failed job=j0
list limit=1201"
    is "$(grep -cv '^granted' <out)" $((1303 + 434 + 3 + 4 + 1201))
    is "$(grep -v ^granted out | sed -n '1,4p;1302,1303p' | cut -d' ' -f1-3)" "1300 j1 failed
1299 j0 completed
1298 j2 completed
1297 j1 completed
2 j2 completed
1 j1 completed"
    # Each once, and in order, those that run among those that have ended.
    is "$(grep -v ^granted out | sed -n '1,1303p' | grep -o 'started=[0-9]*\|scheduled=[0-9]*' |
      cut -d= -f2 | sort -nrc 2>&1 | head -n 1)" ""
    is "$(grep -v ^granted out | sed -n '1,1303p' | grep -c running)" 3
    is "$(grep -v ^granted out | sed -n '1738,1744p' | cut -d' ' -f1 | paste -sd' ')" \
      "1300 1200 1100 1200 900 600 300"
  done
}

@test "store: two that race for an instant never both have it" {
  local i where script=""
  for ((i = 1; i <= 300; i++)); do
    script+="begin run=WHO$i scheduled=${i}000
"
  done
  for where in $(stores); do
    [[ $where != memory ]] || continue
    tool store "$where" own <<<"jobs" >out
    for i in 1 2 3; do
      tool store "$where" write <<<"${script//WHO/$i}" >"out$i" 3>&- &
    done
    wait
    is "$(cat out1 out2 out3 | grep -c granted)" 300
    is "$(cat out1 out2 out3 | grep -c lost)" 600
    is "$(cat out1 out2 out3 | grep -o 'fence=.*' | sort -u | wc -l)" 300
  done
}

@test "store: bytes of any kind come back as they were" {
  local where first=""
  for where in $(stores); do
    tool store "$where" own >out <<'END'
end run=1 started=1000 completed=1001 status=failed head_size=70000 tail_size=1048576 error_size=1048576 metadata=k=$(id)~{}~*2~\r\n
end run=2 job=j.$-[x]*? started=2000 completed=2001 status=failed error=%s~%n~'"\\ worker=ü~‮ metadata=--
skip run=3 scheduled=3000 completed=3001 reason=late error_size=300
skip run=4 scheduled=4000 completed=4001 reason=late error_size=256
find run=1 at=1000
find run=2 at=2000
list status=skipped
last
jobs
END
    has "$(<out)" "tail=1048576:"
    has "$(<out)" "head=70000:"
    has "$(<out)" "j.\$-[x]*? failed"
    has "$(<out)" "error='%s %n '\"\\\\'"
    first=${first:-$(<out)}
    is "$(cut -c 1-4000 <out)" "$(cut -c 1-4000 <<<"$first")"
  done
}

@test "store: output goes with the attempt that wrote it" {
  all "1 a completed schedule kind='cron' attempt=3 started=1000 completed=1009
2 a completed schedule kind='cron' attempt=2 started=2000 completed=2009 output_bytes=5 head='first'
3 a completed schedule kind='cron' attempt=2 started=3000 completed=3009 output_bytes=6 head='second'" <<'END'
update run=1 started=1000 status=pending attempt=2 head=first output_bytes=5
end run=1 started=1000 completed=1009 attempt=3
update run=2 started=2000 status=pending attempt=2 head=first output_bytes=5
end run=2 started=2000 completed=2009 attempt=2 output_bytes=5
update run=3 started=3000 status=pending attempt=2 head=first output_bytes=5
end run=3 started=3000 completed=3009 attempt=2 head=second output_bytes=6
find run=1 at=1000
find run=2 at=2000
find run=3 at=3000
END
}

@test "store: an update that comes after the end changes nothing" {
  all "granted fence=1
1 a completed schedule kind='cron' scheduled=1000 started=1000 completed=1001 fence=1" <<'END'
begin run=1 scheduled=1000 started=1000
end run=1 scheduled=1000 started=1000 completed=1001
update run=1 scheduled=1000 started=1000 status=pending attempt=2 retry_at=7000
list
END
}

@test "store: percentiles are of all that is kept, and of no skip" {
  local i script=""
  for ((i = 1; i <= 700; i++)); do
    script+="end run=$i started=${i}000 completed=${i}500 duration=$((701 - i)) status=$([[ $((i % 7)) == 0 ]] && echo failed || echo completed)
end run=9$i started=${i}100 completed=${i}200 duration=9999 status=cancelled
"
  done
  FILTER="cut -d, -f 1-9,700-" all "durations=1,2,3,4,5,6,7,8,9,700 counts=0,0,600,100,0,700,0 execution=700100 success=699500 failure=700500" 2000 <<<"batch
${script}apply
sample"
}

@test "store: a job of many hosts' records is one job" {
  all "a kind='interval' last=3:completed started=3000 completed=3001 success=3001 failure=2001 error='e' counts=2,1,0,0,0 sum=0 strip=cfc
3 a completed schedule kind='interval' started=3000 completed=3001 worker='host-3'
2 a failed schedule kind='cron' started=2000 completed=2001 error='e' worker='host-2'
1 a completed schedule kind='cron' started=1000 completed=1001 worker='host-1'" <<'END'
end run=1 started=1000 completed=1001 worker=host-1
end run=2 started=2000 completed=2001 worker=host-2 status=failed error=e
end run=3 started=3000 completed=3001 worker=host-3 kind=interval
jobs
list
END
}
