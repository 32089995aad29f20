# What a queue must do, asked of each store alike: the scripts of these tests
# run over memory and over a file, and must say the same.

load helper

# stores - a store of each kind, empty
stores() {
  rm -f wjobs.db*
  echo memory
  echo "$PWD/wjobs.db"
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
