# What is SQLite's own: runs whose owners are processes of this machine, and what
# lies in the file. What any store must do is asked in conformance.bats.

load helper

# both WANTED [KEEP [MAX_AGE]] <SCRIPT - $FILTER is what the answers go through.
both() {
  local want=$1 script answer where
  shift
  script=$(cat)
  for where in memory "$PWD/wjobs.db"; do
    rm -f wjobs.db*
    answer=$(tool store "$where" own "$@" <<<"$script" | ${FILTER:-cat})
    is "$answer" "$want" || {
      echo "in $where" >&2
      return 1
    }
  done
}

without_pid() { sed 's/(pid [0-9]*)/(pid N)/'; }

@test "take over: the runs of dead owners are lost, the living go on" {
  needs linux # two processes of one number
  local lost="error='the wjobs that ran it (pid N) is gone'"
  FILTER=without_pid both "granted fence=1
granted fence=2
granted fence=3
granted fence=1
lost=2
5 a pending schedule kind='cron' attempt=2 scheduled=5000 retry_at=9999 fence=5
3 a running schedule kind='cron' scheduled=3000 fence=3
job a watermark=3000
job b watermark=3000
5 a pending schedule kind='cron' attempt=2 scheduled=5000 retry_at=9999 fence=5
4 b running schedule kind='cron' scheduled=3000 fence=1
3 a running schedule kind='cron' scheduled=3000 fence=3
2 a lost schedule reason='crash' kind='cron' scheduled=2000 completed=8888 $lost fence=2
1 a lost schedule reason='crash' kind='cron' scheduled=1000 completed=8888 $lost fence=1
lost=0
job a watermark=3000
job b watermark=3000
a kind='cron' watermark=3000 last=2:lost completed=8888 failure=8888 $lost counts=0,0,0,0,2 sum=0 running=1 pending=1 strip=ll" <<'END'
begin run=1 scheduled=1000 owner=dead leader=dead
begin run=2 scheduled=2000 owner=dead
begin run=3 scheduled=3000 owner=dead leader=self
begin run=4 job=b scheduled=3000 owner=self
update run=5 status=pending scheduled=5000 attempt=2 retry_at=9999 owner=dead fence=5
start now=8888
list
start now=8889
jobs job=a
END
}

@test "store: of what is lost it is said, once, whether to tell" {
  tool store wjobs.db <<'END' | grep -vE 'granted|^job' >answers
begin run=1 scheduled=1000 owner=dead leader=dead
begin run=2 scheduled=2000 owner=dead leader=dead
begin run=3 job=b scheduled=2000 owner=dead leader=dead
start gone=1
end run=2 at=2000 completed=2001 status=lost tell=-1
end run=2 at=2000 completed=2001 status=lost tell=-1
jobs
end run=4 scheduled=3000 completed=3001 tell=-1
end run=3 job=b at=2000 completed=2001 status=lost tell=0
end run=5 job=b scheduled=3000 completed=3001 tell=-1
end run=3 job=b at=2000 completed=2001 status=lost tell=0
END
  is "$(sed 's/ .*counts/ counts/' answers)" "lost=3
gone a 2
gone b 3
tell 2
hush 2
a counts=0,0,0,0,2 sum=0 strip=ll
b counts=0,0,0,0,1 sum=0 strip=l
tell 2
tell 1
tell 1
hush 0"
}

@test "store: the lost count as failures, of which the next one tells" {
  tool store wjobs.db >answers <<'END'
begin run=1 scheduled=1000 owner=dead leader=dead
start
end run=2 scheduled=2000 completed=2001 status=failed tell=-1
end run=3 scheduled=3000 completed=3001 tell=-1
END
  is "$(grep -E 'lost=|tell|hush' answers)" "lost=1
tell 2
tell 2"
}

@test "take over: a one-shot command marks the lost and adopts nothing" {
  needs linux
  FILTER="grep -v ^job" both "lost=1
lost=0
lost=0
5 a pending schedule kind='cron' scheduled=5000 retry_at=9999
3 a running schedule kind='cron' scheduled=3000" <<'END'
update run=1 scheduled=1000 owner=dead
update run=3 scheduled=3000 owner=dead leader=self
update run=5 status=pending scheduled=5000 retry_at=9999 owner=dead
start alone=1
start alone=1
start
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

@test "pruning: no output is left of what is pruned, and counters stay" {
  needs sqlite3
  ends 1 20 | tool store "$PWD/wjobs.db" own 3
  is "$(tool store "$PWD/wjobs.db" read <<<list | wc -l)" 3
  is "$(sqlite3 wjobs.db 'SELECT count(*), min(head) FROM output')" "3|h18"
  is "$(sqlite3 wjobs.db 'SELECT successful, kept FROM job')" "20|3"
}

@test "pruning: workers that no run names any more are forgotten" {
  needs sqlite3
  local i
  for ((i = 1; i <= 1030; i++)); do
    echo "end run=$i started=${i}000 completed=${i}005 duration=5 worker=host-$i"
  done | tool store "$PWD/wjobs.db" own 5
  (($(sqlite3 wjobs.db 'SELECT count(*) FROM worker') < 20))
  is "$(tool store "$PWD/wjobs.db" read <<<list | grep -o "worker='.*'")" \
    "worker='host-1030'
worker='host-1029'
worker='host-1028'
worker='host-1027'
worker='host-1026'"
}
