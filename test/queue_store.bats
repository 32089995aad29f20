# What a queue must do, asked of each store alike: the scripts of these tests
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

# all WANTED <SCRIPT - $FILTER is what the answers go through.
all() {
  local want=$1 script answer where
  script=$(cat)
  for where in $(stores); do
    answer=$(tool queue "$where" own <<<"$script" | ${FILTER:-cat})
    is "$answer" "$want" || {
      echo "in $where" >&2
      return 1
    }
  done
}

# Filters of answers: the first word; work, handler and state; what is said
# before the record; what is neither taken nor running.
first() { cut -d' ' -f1; }
brief() { cut -d' ' -f1-3; }
work() { cut -d'|' -f1 | sed 's/ $//'; }
untaken() { grep -v 'took\|running'; }
unadded() { grep -v added; }
changes() { grep -v "added\|took\|granted$\|h running"; }
# numbers - of the work taken, in order
numbers() { grep running | cut -d' ' -f1 | paste -sd' '; }

# Putting in

@test "queue: work is put in once, whatever is repeated" {
  all "added 1
added 1
added 2
2 0 0 0 0 0
1 h ready | pending
2 g ready priority=-3 retry_max=0 retry_delay=50 timeout=9000 | pending" <<'END'
put work=1 payload=a
put work=1 payload=a
put work=2 job=g priority=-3 aging=0 retry_max=0 retry_delay=50 timeout=9000
count
list
END
}

@test "queue: what is put in is there when the store is opened again" {
  all "added 1
added 2
added 3" <<'END'
put work=1
put work=2 delay=60000
put work=3
reopen
END
  tool queue "$PWD/wjobs.db" read <<<"list
count
take" | sed 's/^error.*/error/' | {
    is "$(cat)" "1 h ready | pending
3 h ready | pending
2 h delayed | pending
2 1 0 0 0 0
error
failed"
  }
}

@test "queue: it is full with what waits, not with what runs or has ended" {
  all "added 1
added 2
full 3
1 h running attempts=1 | running attempt=1 started worker='w1' fence=1
took 1, some delayed
added 3
full 4
granted
full 5
added 6
added 1
added 7
2 1 1 0 1 0" <<'END'
put work=1 size=2
put work=2 size=2 delay=60000
put work=3 size=2
take take=1
put work=3 size=2
put work=4 size=2
end work=1 take=1 status=completed
put work=5 size=2
put work=6
put work=1 size=2
put work=7 size=1 running=1 take=9
count
END
}

@test "queue: a batch of puts is bounded as one after the other" {
  FILTER=first all "added
added
full
added
full" <<'END'
batch
put work=1 size=2
put work=2 size=2
put work=3 size=2
put work=2 size=2
put work=4 size=2
apply
END
}

@test "queue: a key stands for one piece of work, and for nothing else" {
  all "added 1
known 1
known 1
differs 1
differs 1
added 5
1 h ready key='k' | pending
5 h ready key='other' | pending" <<'END'
put work=1 key=k payload=a
put work=2 key=k payload=a
put work=2 key=k payload=a size=1
put work=3 key=k payload=b
put work=4 key=k payload=a job=g
put work=5 key=other payload=a
list
END
}

@test "queue: a key is known for as long as its work is kept" {
  FILTER="grep -v took" all "added 1
1 h running key='k' attempts=1 payload='a' | running attempt=1 started worker='w1' fence=1
granted
known 1
granted 1
added 2" <<'END'
put work=1 key=k payload=a
take take=1
end work=1 take=1 status=completed
put work=2 key=k payload=a
purge state=done
put work=2 key=k payload=a
END
}

@test "queue: payloads come through as they were" {
  local where out
  for where in $(stores); do
    out=$(tool queue "$where" own <<'END'
put work=1 payload_size=0
put work=2 payload_size=1
put work=3 payload_size=1048576
put work=4 payload=$(id)'"\\
put work=5 payload_size=1048577
take take=1 most=9
count
END
)
    is "$(sed -n 5p <<<"$out")" failed
    has "$out" "1 h running attempts=1 | "
    has "$out" "payload=1:"
    has "$out" "payload='\$(id)'\"\\\\' |"
    grep -o 'payload=1048576:[0-9a-f]*' <<<"$out" >>sums
    is "$(tail -n 1 <<<"$out")" "0 0 4 0 0 0"
  done
  is "$(sort -u sums | wc -l)" 1
}

# Taking

@test "queue: first in, first out, and what has priority earlier by its worth" {
  FILTER=numbers all "3 4 1 2 6 5" <<'END'
put work=1
put work=2
put work=3 priority=2
put work=4 priority=2
put work=5 priority=-1
put work=6 job=g
take take=1 most=3 want=h:9,g:9
take take=2 most=9 want=h:9,g:9
END
}

@test "queue: whatever comes and goes, the best of what waits is taken" {
  local where i n script="" want=""
  # By priority, then by order of coming: what a sorted list says.
  : >waits
  for ((i = 1; i <= 400; i++)); do
    n=$((RANDOM % 5 - 2))
    script+="put work=$i job=h$((i % 3)) priority=$n aging=-1
"
    echo "$n $i" >>waits
    ((RANDOM % 2)) || continue
    n=$(sort -k1,1nr -k2,2n waits | head -n 1 | cut -d' ' -f2)
    script+="take take=$i want=h0:1,h1:1,h2:1
"
    want+="$n "
    grep -v " $n\$" waits >rest || true
    mv rest waits
  done
  FILTER=numbers all "${want% }" <<<"$script"
}

@test "queue: priority is worth a wait, so that nothing waits for ever" {
  # Half a second passes with the second line.
  FILTER=numbers all "5 1 2 3 4" <<'END'
put work=1 aging=5
take take=9 want=g:1 patience=500
put work=2 priority=9 aging=5
put work=3 priority=9 aging=5
put work=4 priority=9 aging=5
put work=5 priority=900 aging=5
take take=1 most=9
END
}

@test "queue: a handler's work is taken as its worker has room, the best over all" {
  FILTER=brief all "added 1
added 2
added 3
added 4
1 a running
3 b running
took 2, more
4 b running
took 1
2 a running
took 1
took 0" <<'END'
put work=1 job=a
put work=2 job=a
put work=3 job=b
put work=4 job=b
take take=1 most=2 want=a:1,b:3,c:3
take take=2 most=9 want=b:3
take take=3 most=9 want=a:3,b:0
take take=4 most=9 want=a:3,b:3
END
}

@test "queue: what is taken is nobody else's, and the same taking gets it again" {
  FILTER=work all "added 1
added 2
1 h running attempts=1 payload='x'
took 1, more
2 h running attempts=1
took 1
1 h running attempts=1 payload='x'
took 1
took 0" <<'END'
put work=1 payload=x
put work=2
take take=1
take take=2
take take=1 most=5
take take=3
END
}

@test "queue: delayed work is taken when it is due" {
  FILTER=brief all "added 1
added 2
took 0, some
1 h running
took 1, some
0 1 1" <<'END'
put work=1 delay=40
put work=2 delay=60000
take take=1
take take=2 patience=3000
count
END
}

@test "queue: of much that is due a hundred become ready at a time" {
  local i script="batch"
  for ((i = 1; i <= 150; i++)); do
    script+="
put work=$i delay=1"
  done
  local where
  for where in $(stores); do
    tool queue "$where" own <<<"$script
apply
take take=1 want=g:1 patience=50
take take=2 want=g:1
count" | grep -v added >out
    # The first of them may come too early for all, or for some.
    is "$(tail -n 1 out)" "150 0 0 0 0 0"
  done
}

@test "queue: ends are those of who took it last" {
  FILTER=untaken all "added 1
lost
lost
granted
granted
lost
lost
lost
lost
1 h done attempts=1 | completed attempt=1 exit_code=0 duration=7 started completed worker='w1' fence=1 head='hello  you'
1 h handler queue completed attempt=1" <<'END'
put work=1
end work=1 take=1 status=completed
take take=1
end work=1 take=2 status=completed
end work=1 take=1 status=completed attempt=1 started=1000 completed=1007 duration=7 exit_code=0 head=hello~~you
end work=1 take=1 status=completed attempt=1 started=1000 completed=1007 duration=7 exit_code=0
again work=1 take=1
release work=1 take=1
end work=1 take=2 status=completed
end work=2 take=1 status=completed
find work=1
history
END
}

@test "queue: a failed end buries, a cancelled one is cancelled" {
  FILTER=untaken all "added 1
added 2
granted
granted
1 h buried attempts=1 | failed reason='exit' attempt=1 exit_code=3 completed error='exit status 3' worker='w1' fence=1
2 h cancelled attempts=1 | cancelled reason='cancelled' attempt=1 completed worker='w1' fence=2
0 0 0 1 0 1
2 h handler queue cancelled reason='cancelled' attempt=1
1 h handler queue failed reason='exit' attempt=1 error='exit status 3'" <<'END'
put work=1
put work=2
take take=1 most=2
end work=1 take=1 status=failed reason=exit exit_code=3 error=exit~status~3 attempt=1 completed=2000
end work=2 take=1 status=cancelled reason=cancelled attempt=1 completed=2000
list state=buried
list state=cancelled
count
history
END
}

@test "queue: a queue that stands alone writes no history, and knows its ends" {
  FILTER=untaken all "added 1
granted
1 h done attempts=1 | completed attempt=1 completed worker='w1' fence=1 head='x'" <<'END'
put work=1
take take=1
end work=1 take=1 status=completed attempt=1 head=x completed=2000 history=0
history
find work=1
END
}

@test "queue: a retry waits its time, keeps its run, and is never refused" {
  FILTER=unadded all "1 h running attempts=1 payload='p' | running attempt=1 started worker='w1' fence=1 metadata='a=b'
took 1
granted
granted
1 h delayed attempts=1 | pending reason='exit' attempt=1 exit_code=1 started retry_at error='e' worker='w1' fence=1 metadata='a=b' head='one'
lost
2 g running attempts=1 | running attempt=1 started worker='w1' fence=1
took 1, some delayed
1 h running attempts=2 payload='p' | running reason='exit' attempt=2 exit_code=1 started error='e' worker='w1' fence=2 metadata='a=b'
took 1
lost
granted
1 h done attempts=2 | completed attempt=2 exit_code=0 started completed worker='w1' fence=2 metadata='a=b'
1 h handler queue completed attempt=2 metadata='a=b'" <<'END'
put work=1 payload=p metadata=a=b
take take=1
put work=2 job=g size=1
again work=1 take=1 delay=60 status=failed reason=exit exit_code=1 started=1500 error=e attempt=1 head=one
again work=1 take=1 delay=60 status=failed reason=exit exit_code=1 started=1500 error=e attempt=1 head=one
find work=1
end work=1 take=1 status=completed
take take=8 want=g:1
take take=2 patience=3000
again work=1 take=1
end work=1 take=2 status=completed attempt=2 exit_code=0 started=1500 completed=2000
find work=1
history
END
}

@test "queue: what is released was not tried, and keeps its place" {
  FILTER=unadded all "1 h running attempts=1 | running attempt=1 started worker='w1' fence=1
took 1
granted
granted
lost
1 h ready | pending
2 h ready | pending
1 h running attempts=1 | running attempt=1 started worker='w1' fence=2
took 1, more" <<'END'
put work=1
take take=1
put work=2
release work=1 take=1
release work=1 take=1
end work=1 take=1 status=completed
list
take take=2
END
}

@test "queue: a hundred releases spend no attempt" {
  local i script="put work=1
"
  for ((i = 1; i <= 100; i++)); do
    script+="take take=$i
release work=1 take=$i
"
  done
  FILTER="tail -n 1" all "1 h ready | pending" <<<"${script}list"
}

# Workers that die

@test "queue: what the dead had is tried again, a second later, and buried the third time" {
  FILTER=unadded all "1 h running attempts=1 | running attempt=1 started worker='w2' fence=1
took 1
took 0
took 0
returned 1
took 0, some delayed
1 h delayed attempts=1 crashes=1 | pending reason='crash' attempt=1 started retry_at error='its worker died' tries=1 worker='w2' fence=1
lost
1 h running attempts=2 crashes=1 | running reason='crash' attempt=2 started error='its worker died' tries=1 worker='w3' fence=2
took 1
returned 1
took 0, some delayed
1 h running attempts=3 crashes=2 | running reason='crash' attempt=3 started error='its worker died' tries=2 worker='w4' fence=3
took 1
buried 1 h buried attempts=3 crashes=3 | failed reason='crash' attempt=3 started completed error='its worker died' tries=3 worker='w4' fence=3
took 0
0 0 0 1 0 0
1 h handler queue failed reason='crash' attempt=3 error='its worker died'" <<'END'
put work=1
worker 2
take take=1
worker 1
take take=2 reap=1
die 2
take take=3
take take=4 reap=1
list
end work=1 take=1 status=completed
worker 3
take take=5 patience=5000
worker 1
die 3
take take=6 reap=1
worker 4
take take=7 patience=5000
worker 1
die 4
take take=8 reap=1
count
history
END
}

@test "queue: how a dead worker's attempt ended is not how the one before did" {
  FILTER=unadded all "1 h running attempts=1 | running attempt=1 started worker='w1' fence=1
took 1
granted
1 h running attempts=2 | running reason='exit' attempt=2 exit_code=3 duration=5 started error='e' worker='w2' fence=2
took 1
returned 1
took 0, some delayed
1 h delayed attempts=2 crashes=1 | pending reason='crash' attempt=2 started retry_at error='its worker died' tries=1 worker='w2' fence=2" <<'END'
put work=1
take take=1
again work=1 take=1 status=failed reason=exit exit_code=3 duration=5 started=1000 error=e attempt=1
worker 2
take take=2 patience=2000
worker 1
die 2
take take=3 reap=1
list
END
}

@test "queue: a worker's death takes nothing from its neighbours" {
  FILTER=brief all "added 1
added 2
1 h running
took 1, more
2 h running
took 1
returned 1
took 0, some
granted
0 1 0" <<'END'
put work=1
put work=2
worker 2
take take=1
worker 3
take take=2
worker 1
die 2
take take=3 reap=1
worker 3
end work=2 take=2 status=completed completed=2000
count
END
}

@test "queue: what runs in a process of its own begins nowhere else" {
  FILTER=unadded all "1 p running attempts=1 | running attempt=1 started worker='w2' fence=1 kind='exec'
took 0
lost
granted
granted
1 p done attempts=1 | completed attempt=1 completed worker='w2' fence=1 kind='exec' head='x'
buried 2 p buried attempts=1 crashes=1 | failed reason='crash' attempt=1 started completed error='its worker died' worker='w2' fence=2 kind='exec'
took 0
lost 0
granted 0" <<'END'
worker 2
put work=1 job=p kind=exec running=1 take=7
list
take take=1 want=p:9
again work=1 take=7
end work=1 take=7 status=completed head=x attempt=1 completed=2000
end work=1 take=7 status=completed head=x attempt=1 completed=2000
find work=1
put work=2 job=p kind=exec running=1 take=8
worker 1
die 2
take take=2 reap=1
revive work=2 run=9
revive all=1
END
}

@test "queue: what no worker knows waits, blocks nobody, and is buried in the end" {
  FILTER=unadded all "2 h running attempts=1 | running attempt=1 started worker='w1' fence=1
took 1
took 0
1 x ready | pending
buried 1 x buried | failed reason='spawn' completed error='no worker knows its handler'
took 0
1 x handler queue failed reason='spawn' error='no worker knows its handler'
granted 1
1 x running attempts=1 payload='p' | running run=7 attempt=1 started worker='w1' fence=1
took 1" <<'END'
put work=1 job=x payload=p
put work=2
take take=1
take take=2 reap=1
list state=ready
take take=3 reap=1 unknown=40 patience=3000
history
revive work=1 run=7
take take=4 want=x:1
END
}

@test "queue: a handler that somebody knows is known, with room for it or not" {
  FILTER=brief all "added 1
added 2
buried 2 y
took 0
took 0
1 x ready
2 y buried" <<'END'
put work=1 job=x
put work=2 job=y
take take=1 want=x:0 reap=1 unknown=30 patience=4000
take take=2 want=x:0 reap=1 unknown=30 patience=60
list
END
}

# Many at once

@test "queue: of many that put in one key at once, one does, and the others get its id" {
  local where i
  for where in $(stores); do
    [[ $where != memory ]] || continue
    tool queue "$where" own </dev/null
    for ((i = 1; i <= 12; i++)); do
      tool queue "$where" write <<<"put work=$i key=k payload=same" >"out$i" 3>&- &
    done
    wait
    cat out? out?? >all
    is "$(grep -c added all)" 1
    is "$(sort -u <(cut -d' ' -f2 all) | wc -l)" 1
    is "$(grep -c known all)" 11
    rm out*
  done
}

@test "queue: what several take at once, each has alone" {
  local where i takes
  for where in $(stores); do
    [[ $where != memory ]] || continue
    {
      echo batch
      printf 'put work=%d\n' {1..300}
      echo apply
    } | tool queue "$where" own >/dev/null
    for i in 1 2 3 4; do
      takes=$(printf "take take=${i}%03d most=2\n" {1..60})
      tool queue "$where" write <<<"worker $i
$takes" >"out$i" 3>&- &
    done
    wait
    cat out1 out2 out3 out4 >all
    is "$(grep -c error all)" 0
    is "$(grep -c running all)" 300
    is "$(grep running all | cut -d' ' -f1 | sort -u | wc -l)" 300
    # No two with one fence.
    is "$(grep -o 'fence=[0-9]*' all | sort -u | wc -l)" 300
    # Each had them in order.
    for i in 1 2 3 4; do
      grep running "out$i" | cut -d' ' -f1 | sort -nc
    done
  done
}

# By its user

@test "queue: what waits is cancelled at once, and is in history" {
  all "added 1
added 2
granted ready
lost cancelled
granted delayed
lost ready
0 0 0 0 0 2
2 h handler queue cancelled reason='cancelled' error='cancelled before it ran'
1 h handler queue cancelled reason='cancelled' error='cancelled before it ran'
took 0" <<'END'
put work=1
put work=2 delay=60000
cancel work=1
cancel work=1
cancel work=2
cancel work=9
count
history
take take=1
END
}

@test "queue: what runs is told to end, and is not tried again" {
  FILTER=changes all "granted running
granted running
granted running
told 1
told 2
told 3
1 h cancelled attempts=1 | cancelled reason='cancelled' attempt=1 exit_code=1 completed error='e' worker='w2' fence=1
2 h cancelled attempts=1 | cancelled reason='cancelled' attempt=1 started completed worker='w2' fence=2
3 h cancelled attempts=1 | cancelled reason='cancelled' attempt=1 completed worker='w2' fence=3
granted running
4 h cancelled attempts=1 crashes=1 | cancelled reason='cancelled' attempt=1 started completed worker='w2' fence=4
lost cancelled" <<'END'
put work=1
put work=2
put work=3
put work=4
worker 2
take take=1 most=4
cancel work=1
batch
cancel work=2
cancel work=3
apply
worker 1
take take=2 want=g:1
worker 2
take take=3 want=g:1
again work=1 take=1 status=failed exit_code=1 error=e attempt=1
release work=2 take=1
end work=3 take=1 status=cancelled reason=cancelled attempt=1 completed=2000
find work=1
find work=2
find work=3
cancel work=4
worker 1
die 2
take take=4 reap=1
find work=4
cancel work=4
END
}

@test "queue: what is buried rises again as a new run, with its payload and key" {
  FILTER=unadded all "1 h running key='k' attempts=1 payload='p' | running attempt=1 scheduled=77 started worker='w1' fence=1 metadata='a=b'
took 1
lost 0
granted
granted 1
granted 1
1 h ready key='k' | pending run=5 scheduled=77 metadata='a=b'
1 h running key='k' attempts=1 payload='p' | running run=5 attempt=1 scheduled=77 started worker='w1' fence=2 metadata='a=b'
took 1
granted
1 h done key='k' attempts=1 | completed run=5 attempt=1 scheduled=77 completed worker='w1' fence=2 metadata='a=b'
1 h done key='k' attempts=1 | completed run=5 attempt=1 scheduled=77 completed worker='w1' fence=2 metadata='a=b'
5 h handler queue completed attempt=1 scheduled=77 metadata='a=b'
1 h handler queue failed attempt=1 scheduled=77 error='e' metadata='a=b'
lost 0" <<'END'
put work=1 payload=p key=k metadata=a=b scheduled=77
take take=1
revive work=1 run=5
end work=1 take=1 status=failed attempt=1 error=e completed=2000 head=out
revive work=1 run=5
revive work=1 run=5
list
take take=2
end work=1 take=2 status=completed attempt=1 completed=2000
find run=5
find work=1
history
revive work=1 run=6
END
}

@test "queue: all that is buried rises at once" {
  FILTER=changes all "granted 3
3 0 0 0 0 0
1 h ready | pending run=new
2 h ready | pending run=new
3 h ready | pending run=new
granted 0" <<'END'
put work=1
put work=2
put work=3
take take=1 most=3
end work=1 take=1 status=failed completed=2000
end work=2 take=1 status=failed completed=2000
end work=3 take=1 status=failed completed=2000
revive all=1
count
list
revive all=1
END
}

@test "queue: a state is purged: what waits is cancelled, what has ended forgotten" {
  FILTER=changes all "failed
granted 2
granted 1
0 0 1 0 1 3
granted 3
granted 1
granted 0
0 0 1 0 0 0
none
6 h handler queue cancelled reason='cancelled' error='cancelled before it ran'
4 h handler queue cancelled reason='cancelled' error='cancelled before it ran'
3 h handler queue cancelled reason='cancelled' error='cancelled before it ran'
1 h handler queue completed" <<'END'
put work=1
put work=2
take take=1 most=2
put work=3
put work=4
put work=6 delay=60000
end work=1 take=1 status=completed completed=2000
purge state=running
purge state=ready
purge state=delayed
count
purge state=cancelled
purge state=done
purge state=buried
count
find work=1
list state=done
history
END
}

# Each answer but the last said that there was more.
purged() {
  awk '/granted/ { n += $2; last = $3; more += $3 == "more"; next }
    /added/ { next } { print }
    END { print n, (last == "" && more ? "and no more" : "and more") }'
}

@test "queue: much is purged some at a time" {
  local i script="batch"
  for ((i = 1; i <= 1500; i++)); do
    script+="
put work=$i"
  done
  script+="
apply"
  for ((i = 0; i < 60; i++)); do
    script+="
purge state=ready"
  done
  FILTER=purged all "0 0 0 0 0 1500
1500 and no more" <<<"$script
count"
}

# Reading

@test "queue: it is listed as it will be taken" {
  FILTER=listed all "2 g running
4 h ready
3 h ready
7 g ready
6 h delayed
5 h delayed
1 h buried
2 2 0
2 g running
7 g ready
1 0 1
2 g running
4 h ready
1 0 1
1 h buried
3 2 1
1 0 1
0 0 0" <<'END'
put work=1
put work=2 job=g
take take=1 most=2 want=h:1,g:1
end work=1 take=1 status=failed completed=2000
put work=3
put work=4 priority=1
put work=5 delay=90000
put work=6 delay=60000
put work=7 job=g
list
count job=h
list job=g
count job=g
list limit=2
count job=g
list state=buried
list job=nobody
count
count job=g
count job=nobody
END
}

listed() { brief | sed '1,/^granted/d' | grep -v added; }

@test "queue: work is found by a prefix of its id, and two are too many" {
  FILTER=brief all "added 1
added 2
1 h ready
error 3: '00000000Z8'
none
none
none" <<'END'
put work=1
put work=2
find work=1
find work=1 letters=10
find work=3
find id=!
find id=7Z
END
}

# Jobs that put work in

@test "queue: a job's instant puts its work once, and its run is over with that" {
  all "granted fence=1
granted fence=1
lost
1 h ready | pending scheduled=5000 metadata='work=1'
5 j cron schedule completed scheduled=5000 metadata='work=1'
granted fence=2
2 0 0 0 0 0" <<'END'
begin run=5 work=1 scheduled=5000 payload=x metadata=work=1
begin run=5 work=1 scheduled=5000 payload=x metadata=work=1
begin run=6 work=2 scheduled=5000 payload=x metadata=work=2
list
history
begin run=7 work=3 scheduled=6000
count
END
}

@test "queue: a job finds a full queue, and nothing is claimed" {
  FILTER=changes all "full
full
granted ready
granted fence=1
1 0 0 0 0 1" <<'END'
put work=5
begin run=6 work=1 scheduled=5000 size=1
begin run=6 work=1 scheduled=5000 size=1
history
cancel work=5
begin run=6 work=1 scheduled=5000 size=1
count
END
}

# What is kept

# lives FROM TO STATUS - put, taken and ended, with output
lives() {
  local i n
  for ((i = $1; i <= $2; i += 1000)); do
    n=$((i + 999 <= $2 ? i + 999 : $2))
    echo batch
    printf 'put work=%d\n' $(seq "$i" "$n")
    echo "take take=$i most=1000 want=h:1000"
    printf "end work=%d take=$i status=$3 completed=2000 head=x\n" $(seq "$i" "$n")
    echo apply
  done
}

@test "queue: of what has ended the last ten thousand are kept, and output of a thousand" {
  local where n
  for where in $(stores); do
    tool queue "$where" own >out <<END
$(lives 1 9000 completed)
$(lives 9001 9003 failed)
$(lives 9004 10110 completed)
count
find work=1
find work=9000
find work=9001
find work=9100
find work=9200
find work=10110
END
    grep -v "added\|running\|took\|granted" out | brief >kept
    n=$(sed -n 's/^0 0 0$//p' kept | wc -l)
    is "$n" 1
    is "$(sed 1d kept)" "none
9000 h done
9001 h buried
9100 h done
9200 h done
10110 h done"
    n=$(grep "^0 0 0 3 " out | cut -d' ' -f5)
    ((n >= 10000 && n <= 10050))
    [[ $(grep '^9000 h done' out) != *head* ]]
    has "$(grep '^9200 h done' out)" "head='x'"
    has "$(grep '^10110 h done' out)" "head='x'"
  done
}

@test "queue: what has ended is kept for a day, and what is buried for a season" {
  needs sqlite3
  local where=$PWD/wjobs.db day=86400000
  tool queue "$where" own >/dev/null <<<"$(lives 1 3 completed)
$(lives 4 6 failed)"
  sqlite3 "$where" "UPDATE work SET ended = ended - $day - 1 WHERE state > 3 AND seq < 3"
  sqlite3 "$where" "UPDATE work SET ended = ended - 89 * $day WHERE state = 3"
  is "$(tool queue "$where" own <<<"take take=1 reap=1
count")" "took 0
0 0 0 3 1 0"
  sqlite3 "$where" "UPDATE work SET ended = ended - $day - 1"
  is "$(tool queue "$where" own <<<"take take=1 reap=1
count")" "took 0
0 0 0 0 0 0"
  is "$(sqlite3 "$where" "SELECT count(*) FROM payload; SELECT count(*) FROM outcome;
    SELECT outputs FROM queue; SELECT count(*) FROM output")" "0
0
0
6"
}

@test "queue: output that history forgets stays with the work, and goes with it" {
  needs sqlite3
  local where=$PWD/wjobs.db
  tool queue "$where" own >/dev/null <<<"$(lives 1 300 completed)"
  is "$(sqlite3 "$where" "SELECT count(*) FROM output; SELECT count(*) < 110 FROM run")" "300
1"
  tool queue "$where" own <<<"purge state=done" >/dev/null
  is "$(sqlite3 "$where" "SELECT (SELECT count(*) FROM output) = (SELECT count(*) FROM run),
    (SELECT outputs FROM queue), (SELECT count(*) FROM outcome)")" "1|0|0"
}

# A file of before there was a queue

# old_store - $PWD/old.db as version 1 left it, with the history of new.db
old_store() {
  local table columns
  {
    echo "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
    cat "$TOP/lib/store/schema.sql"
    echo "PRAGMA application_id = 2003464034; PRAGMA user_version = 1;"
    echo "ATTACH '$PWD/new.db' AS new;"
  } | sqlite3 old.db >/dev/null
  for table in job worker run live output once; do
    columns=$(sqlite3 old.db "SELECT group_concat('\"' || name || '\"') FROM pragma_table_info('$table')")
    sqlite3 old.db "ATTACH '$PWD/new.db' AS new;
      INSERT INTO main.$table($columns) SELECT $columns FROM new.$table"
  done
}

@test "queue: a store of before there was one is read as it is, and then has one" {
  needs sqlite3
  local i script="" ask="list
jobs
sample
last
find run=3 at=3000"
  for ((i = 1; i <= 30; i++)); do
    script+="end run=$i started=${i}000 completed=${i}005 duration=$i head=out$i worker=w status=$([[ $((i % 7)) == 0 ]] && echo failed || echo completed)
"
  done
  tool store "$PWD/new.db" own <<<"$script
begin run=99 scheduled=99000
skip run=98 job=b scheduled=98000 completed=98000 reason=late to=98000" >/dev/null
  tool store "$PWD/new.db" read <<<"$ask" >want
  old_store
  cp old.db before.db
  is "$(tool store "$PWD/old.db" read <<<"$ask")" "$(<want)"
  is "$(tool queue "$PWD/old.db" read <<<"list
count
count job=h
find work=1")" "0 0 0 0 0 0
0 0 0 0 0 0
none"
  is "$(sqlite3 old.db "PRAGMA user_version")" 1
  cmp old.db before.db
  local mode
  for mode in own write; do
    rm -f old.db*
    cp before.db old.db
    is "$(tool queue "$PWD/old.db" "$mode" <<<"put work=1 job=a
count")" "added 1
1 0 0 0 0 0"
    is "$(sqlite3 old.db "PRAGMA user_version; PRAGMA integrity_check")" "2
ok"
    is "$(tool store "$PWD/old.db" read <<<"$ask" | sed "s/^a kind='handler'/a kind='cron'/")" "$(<want)"
  done
}
