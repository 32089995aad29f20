# What the queue shows of its work, and emptying it; cancel and retry.
load helper
load redis

handlers() {
  jobfile <<'END'
queue: { workers: 2, size: 100 }
handlers:
  keep: { command: cat }
  fail: { command: "echo in vain; exit 3", retry: 0 }
  again: { command: "test -e well", retry: 0 }
  long: { command: "echo begun; exec sleep 100", kill_after: 100ms, retry: 0 }
  retried: { command: "echo tried; exit 1", retry: { max: 9, delay: 1h } }
END
}

is_in() { [[ $(wjobs queue --state "$1" --count) == "$2" ]]; }

@test "queue: a listing of nothing is nothing, and creates no store" {
  handlers
  gives "" queue
  gives "" queue --json
  gives 0 queue --count
  gives '{"ready":0,"delayed":0,"running":0,"buried":0,"done":0,"cancelled":0}' \
    queue --count --json
  gives 0 queue purge
  gives 0 retry --all-buried
  refuses 3 "no work '01ABC'" cancel 01ABC
  refuses 3 "no work '01ABC'" retry 01ABC
  refuses 3 "no work or run '01ABC'" wait 01ABC
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "queue: what is ready in the order it is taken, then what is delayed" {
  handlers
  local low high later
  low=$(wjobs enqueue keep)
  later=$(wjobs enqueue fail --delay 2h)
  soon=$(wjobs enqueue keep --delay 1h)
  high=$(wjobs enqueue keep --priority 9)
  is "$(wjobs queue -o id)" "$high"$'\n'"$low"$'\n'"$soon"$'\n'"$later"
  is "$(wjobs queue --state delayed -o id)" "$soon"$'\n'"$later"
  is "$(wjobs queue --handler fail -o id)" "$later"
  gives 4 queue --count
  gives 1 queue --count --handler fail
  gives 2 queue --count --state delayed
  gives '{"ready":2,"delayed":2,"running":0,"buried":0,"done":0,"cancelled":0}' \
    queue --count --json
  gives "2	0" queue --count -o ready,buried
}

@test "queue: the fields of a piece of work, and the table" {
  handlers
  local id
  id=$(wjobs enqueue keep --priority -3 --at 2100-01-01T12:00:00Z)
  is "$(wjobs queue --json | sed 's/"created_at":"[^"]*"/"created_at":""/')" \
    '{"id":"'"$id"'","handler":"keep","state":"delayed","priority":-3,"attempt":null,"created_at":"","due_at":"2100-01-01T12:00:00.000+00:00","error":null}'
  run wjobs queue
  has "${lines[0]}" "HANDLER"
  has "${lines[1]}" "$id"
  has "${lines[1]}" "2100-01-01 12:00:00"
}

@test "queue: what makes no sense is refused" {
  handlers
  refuses 2 "--state: 'burried' is not one of ready, delayed, running, buried, done, cancelled; did you mean 'buried'?" \
    queue --state burried
  refuses 2 "unexpected argument 'flush'" queue flush
  refuses 2 "purge takes no option but --state" queue purge --count
  refuses 2 "work that runs is not purged" queue purge --state running
  refuses 2 "retry needs ids, or --all-buried" retry
  refuses 2 "--all-buried takes no ids" retry --all-buried 01ABC
}

@test "queue purge: what is buried, unless told; what waits is cancelled" {
  handlers
  local id
  id=$(wjobs enqueue keep --delay 1h)
  wjobs enqueue keep --delay 1h >/dev/null
  wjobs enqueue fail >/dev/null
  wjobs enqueue fail >/dev/null
  scheduler_start
  eventually is_in buried 2
  gives 2 queue purge
  gives 0 queue purge
  gives 2 queue purge --state delayed
  gives 0 queue --count
  gives 2 queue --count --state cancelled
  refuses 1 "keep $id was cancelled" wait "$id"
  is "$(wjobs history -o id,status | grep "$id")" "$id	cancelled"
  gives 2 queue purge --state cancelled
  gives 0 queue --count --state cancelled
}

@test "cancel: what waits has ended, and its record says so" {
  handlers
  local id other
  id=$(wjobs enqueue keep)
  other=$(wjobs enqueue keep --delay 1h)
  gives "" cancel "${id:0:20}" "$other"
  gives 0 queue --count
  gives "$id	keep	cancelled	cancelled" show "$id" -o id,job,status,reason
  is "$(wjobs history -o id,status | sort)" "$id	cancelled
$other	cancelled"
  refuses 1 "'$id' has ended already" cancel "$id"
  refuses 3 "no work 'nonsense'" cancel nonsense
}

@test "cancel: one that cannot be does not keep the others" {
  handlers
  local id other
  id=$(wjobs enqueue keep)
  other=$(wjobs enqueue keep)
  wjobs cancel "$id"
  refuses 1 "'$id' has ended already" cancel "$id" "$other"
  gives 0 queue --count
  refuses 3 "no work '7ZZZZZ'" cancel 7ZZZZZ
}

@test "cancel: what runs is told to end" {
  handlers
  local id
  scheduler_start
  id=$(wjobs enqueue long)
  eventually is_in running 1
  gives "" cancel "$id"
  eventually is_in cancelled 1
  gives "$id	cancelled	cancelled" show "$id" -o id,status,reason
  gives begun logs "$id"
  refuses_with_output 1 begun wait "$id"
}

# A refusal after what the work itself wrote.
refuses_with_output() {
  local code=$1 want=$2
  shift 2
  run --separate-stderr wjobs "$@"
  is "$status $output" "$code $want"
  has "$stderr" "wjobs: "
}

@test "retry: what is buried is done again, as a run of its own" {
  handlers
  local id
  id=$(wjobs enqueue again)
  scheduler_start
  eventually is_in buried 1
  gives "$id	buried	1	exit status 1" queue -o id,state,attempt,error
  touch well
  gives "" retry "${id:0:22}"
  run wjobs wait "$id" --timeout 10s
  is "$status $output" "0 "
  refuses 1 "'$id' is not buried, but done" retry "$id"
  is "$(wjobs history again -o status)" completed$'\n'failed
  is "$(wjobs show "$id" -o work,status)" "$id	completed"
}

@test "a pool's commands in the queue: wait, cancel, show and logs know them" {
  local id other
  id=$(wjobs pool --name P -j 1 --async -- sh -c 'echo one; exit 7')
  other=$(wjobs pool --name P -j 2 --async -- sleep 100)
  run wjobs wait "$id"
  is "$status $output" "7 one"
  refuses 75 "$other is not done: it is running" wait "$other" --timeout 50ms
  gives "" cancel "$other"
  refuses 1 "pool:P $other was cancelled" wait "$other"
  gives one logs "$id"
  gives "$id	pool:P	failed	buried	7" \
    show "$id" -o id,job,status,state,exit_code
  refuses 1 "'$id' is a command of pool:P, which is not kept to be retried" \
    retry "$id"
  gives 0 retry --all-buried
  gives 1 queue purge
}

@test "retry --all-buried: prints how many" {
  handlers
  local i
  for i in 1 2 3; do wjobs enqueue again >/dev/null; done
  scheduler_start
  eventually is_in buried 3
  touch well
  gives 3 retry --all-buried
  eventually is_in done 3
  gives 0 retry --all-buried
}

@test "history and stats: work is a run of its handler, once it has ended" {
  handlers
  local id
  id=$(wjobs enqueue keep --payload out)
  wjobs enqueue keep --delay 1h >/dev/null
  gives "" history
  scheduler_start
  wjobs wait "$id"
  gives "$id	keep	handler	completed	queue	1" \
    history keep -o id,job,kind,status,trigger,attempt
  gives "keep	1	1" stats keep -o job,total,successful
  gives out logs "$id"
  gives out logs keep
}

@test "show: work that has not ended, by the beginning of its id" {
  handlers
  local id
  id=$(wjobs enqueue keep --delay 1h --priority 4 --id "a key")
  gives "$id	$id	keep	pending	delayed	4	0	a key" \
    show "${id:0:21}" -o id,work,job,status,state,priority,crashes,key
  gives "" logs "$id"
  run wjobs show "$id"
  has "$output" delayed
}

@test "show: an id that neither the queue nor history knows is 3" {
  handlers
  wjobs enqueue keep >/dev/null
  refuses 3 "no job or run '7ZZZZZ'" show 7ZZZZZ
}

@test "show: a beginning that two pieces of work share is refused" {
  handlers
  wjobs enqueue keep >/dev/null
  wjobs enqueue keep >/dev/null
  refuses 2 "'0' is the beginning of more than one" show 0
  refuses 2 "'0' is the beginning of more than one" wait 0
  refuses 2 "'0' is the beginning of more than one" cancel 0
}

@test "logs -F: follows work from before it begins to its end" {
  jobfile <<'END'
handlers:
  talk: { command: "echo one; until test -e go; do sleep 0.02; done; echo two" }
END
  local id pid
  id=$(wjobs enqueue talk)
  "$WJOBS" logs -F "$id" >out 2>err 3>&- &
  pid=$!
  scheduler_start
  eventually grep -q one out
  touch go
  wait "$pid"
  is "$(<out)" $'one\ntwo'
}

@test "logs -F: of work whose first attempt failed the next is told as well" {
  jobfile <<'END'
handlers:
  talk:
    command: "echo try $WJOBS_ATTEMPT; test $WJOBS_ATTEMPT = 2"
    retry: { max: 2, delay: 300ms }
END
  local id
  id=$(wjobs enqueue talk)
  scheduler_start
  run wjobs logs -F "$id"
  has "$output" "try 2"
}

@test "logs -F: goes on with the worker that takes what another died of" {
  jobfile <<'END'
handlers:
  talk:
    command: "echo try $WJOBS_ATTEMPT; until test -e go; do sleep 0.02; done; echo end"
    timeout: 60s
END
  local id pid
  id=$(wjobs enqueue talk)
  scheduler_start
  "$WJOBS" logs -F "$id" >out 2>err 3>&- &
  pid=$!
  eventually grep -q "try 1" out
  kill -KILL "$scheduler"
  wait "$scheduler" || :
  touch go
  PATIENCE=20
  scheduler_start
  wait "$pid"
  is "$(<out)" $'try 1\ntry 2\nend'
  has "$(<err)" "has died"
}

# A queue apart from history.
apart() {
  jobfile <<'END'
queue: { store: queue.db, size: 100 }
handlers:
  keep: { command: cat }
END
}

is_completed() { [[ $(wjobs history -o id,status) == *"$1	completed"* ]]; }

@test "a queue in a store of its own: ends are told to history" {
  apart
  local id other
  id=$(wjobs enqueue keep --payload one)
  other=$(wjobs enqueue keep --delay 1h)
  [[ ! -e $(echo "$WJOBS_STATE_DIR"/*)/wjobs.db ]]
  gives "$other	pending	delayed" show "$other" -o id,status,state
  gives "" cancel "$other"
  gives "$other	cancelled" history -o id,status
  wjobs enqueue keep --delay 1h >/dev/null
  gives 1 queue purge --state delayed
  is "$(wjobs history -o status)" cancelled$'\n'cancelled
  scheduler_start
  run wjobs wait "$id" --timeout 10s
  is "$status $output" "0 one"
  eventually is_completed "$id"
  gives one logs "$id"
}

@test "a queue in a store of its own: works beside a history in memory" {
  apart
  printf 'store: memory\n' >>wjobs.yaml
  local id
  id=$(wjobs enqueue keep --payload one)
  refuses 4 "in the scheduler's memory" logs keep
  refuses 4 "in the scheduler's memory" logs 7ZZZZZ
  scheduler_start
  gives one wait "$id"
  gives one logs "$id"
  is "$(wjobs show "$id" -o id,state)" "$id	done"
}

@test "on a Redis: listing, counting, cancelling, retrying and purging" {
  redis_start
  handlers
  printf 'store: "%s"\n' "$REDIS" >>wjobs.yaml
  local id later
  gives '{"ready":0,"delayed":0,"running":0,"buried":0,"done":0,"cancelled":0}' \
    queue --count --json
  later=$(wjobs enqueue keep --delay 1h)
  id=$(wjobs enqueue again)
  is "$(wjobs queue -o id,handler,state)" "$id	again	ready
$later	keep	delayed"
  gives "" cancel "$later"
  gives "$later	cancelled	cancelled" show "${later:0:22}" -o id,status,state
  gives "$later	cancelled" history -o id,status
  scheduler_start
  eventually is_in buried 1
  touch well
  gives "" retry "$id"
  run wjobs wait "$id" --timeout 10s
  is "$status $output" "0 "
  is "$(wjobs history again -o status)" completed$'\n'failed
  id=$(wjobs enqueue long)
  eventually is_in running 1
  gives "" cancel "$id"
  eventually is_in cancelled 2
  wjobs enqueue fail >/dev/null
  eventually is_in buried 1
  gives 1 queue purge
  gives 2 queue purge --state cancelled
}
