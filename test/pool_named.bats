# wjobs pool --name: slots that all processes of a store share.
load helper
load redis

teardown() {
  [[ -z ${REDIS_PID:-} ]] || redis_stop
  test_end
}

# counter - a command that writes how many of its kind live while it runs.
counter() {
  mkdir -p now
  cat >count <<'END2'
#!/bin/sh
: >now/$$
n=0
for f in now/*; do
  state=$(grep -s '^State:' "/proc/${f#now/}/status") || continue
  case $state in
  *Z* | *X*) ;;
  *) n=$((n + 1)) ;;
  esac
done
echo $n >>seen
sleep 0.1
rm now/$$
END2
  chmod +x count
}

# all_end PID... - waits for each; how many were killed is $killed.
all_end() {
  local pid
  killed=0
  for pid; do
    wait "$pid" || killed=$((killed + 1))
  done
}

@test "pool --name: is a filter, with the status of the command" {
  status=0
  echo in | wjobs pool --name p -- sh -c 'cat; echo err >&2; exit 7' \
    >out 2>err || status=$?
  is "$status $(<out) $(<err)" "7 in err"
  refuses 126 "cannot run '/'" pool --name p -- /
  status=0
  wjobs pool --name p -- no-such-program 2>err || status=$?
  is "$status $(<err)" \
    "127 wjobs: cannot run 'no-such-program': No such file or directory"
  status=0
  wjobs pool --name p -- sh -c 'kill -TERM $$' || status=$?
  is "$status" 143
}

@test "pool --name: what makes no sense is refused" {
  refuses 2 "'a b' is not a name such as builds" pool --name 'a b' -- true
  refuses 2 "needs a command, --running or --join" pool --name a
  refuses 2 "exclude each other" pool --name a --running -- true
  refuses 2 "exclude each other" pool --name a --running --join
  refuses 2 "--async and --try need a command" pool --name a --running --try
  refuses 2 "with --name there is one command" pool --name a --tag -- true
  refuses 2 "1000 slots at most" pool --name a -j 1001 -- true
  refuses 2 "are for named pools" pool --try cmds
}

@test "pool --name: never more at a time than there are slots, whoever is killed" {
  needs proc
  counter
  local i k pids=()
  for i in {1..20}; do
    wjobs pool --name p -j 3 -- ./count 2>/dev/null 3>&- &
    pids+=($!)
  done
  for k in 1 2 3 4; do
    eventually lines_are seen -ge $((3 * k))
    for i in now/*; do
      kill -KILL "${i#now/}" 2>/dev/null && break
    done
  done
  all_end "${pids[@]}"
  ((killed <= 4))
  (($(lines seen) >= 16))
  is "$(sort -n seen | tail -n 1)" 3
  is "$(wjobs pool --name p --running)" 0
}

@test "pool --name: the slot of who is killed is free at once" {
  wjobs pool --name p -j 1 -- sleep 60 3>&- &
  eventually gives 1 pool --name p --running
  refuses 75 "the pool 'p' has no slot free of its 1" pool --name p -j 1 --try -- true
  gives 1 pool --name p --running
  gives '' pool --name other -j 1 --try -- true
  gives '' pool --name p -j 2 --try -- true
  kill -KILL $!
  wait $! || true
  gives 0 pool --name p --running
  gives ok pool --name p -j 1 --try -- echo ok
}

@test "pool --name: one who waits has the slot once it is free" {
  wjobs pool --name p -j 1 -- sh -c 'until [ -e go ]; do sleep 0.01; done' 3>&- &
  eventually gives 1 pool --name p --running
  wjobs pool --name p -j 1 -- sh -c 'echo $WJOBS_FENCE >had' 3>&- &
  refuses 75 "in the pool 'p' 1 runs" pool --name p --join=50ms
  [[ ! -e had ]]
  : >go
  wjobs pool --name p --join
  eventually test -s had
  wait
}

@test "pool --name: many more slots than cores are counted" {
  local i
  for i in {1..9}; do
    wjobs pool --name p -j 50 -- sleep 60 3>&- &
  done
  eventually gives 9 pool --name p --running
}

@test "pool --async: an id for wait, which has output and status" {
  local id
  id=$(wjobs pool --name p --async -- sh -c 'echo out; echo err >&2; exit 3')
  run --separate-stderr wjobs wait "$id"
  is "$status $output" $'3 out\nerr'
  is "$(wjobs show "$id" -o job,status,exit_code,metadata)" \
    $'pool:p\tfailed\t3\tcommand=sh -c echo out; echo err >&2; exit 3'
  is "$(wjobs history -o id,status)" "$id	failed"
  id=$(wjobs pool --name p --async -- true)
  gives '' wait "$id"
}

@test "pool --async: what cannot be run, or stored, is told to the caller" {
  status=0
  wjobs pool --name p --async -- no-such-program >out 2>err || status=$?
  is "$status $(<out)" "127 "
  refuses 4 "No such file or directory" pool --name p --store /none/x --async -- true
  wjobs pool --name p -j 1 -- sleep 60 3>&- &
  eventually gives 1 pool --name p --running
  refuses 75 "no slot free" pool --name p -j 1 --try --async -- true
  gives '' queue --state running -o id
}

@test "pool --async: has no part in what is the caller's" {
  local id
  exec 9>held
  # its end would come late if the process held our pipe
  id=$(echo input | wjobs pool --name p --async -- sh -c \
    'cat; ls /proc/self/fd | wc -l; readlink /proc/self/fd/0; ps -o sid= -p $$ | tr -d " "; echo $$; until [ -e go ]; do sleep 0.01; done' \
    2>/dev/null | cat)
  : >go
  wjobs wait "$id" >out
  exec 9>&-
  # 0, 1, 2 and what ls opens itself
  is "$(sed -n '1,2p' out)" $'4\n/dev/null'
  is "$(sed -n 3p out)" "$(sed -n 4p out)"
}

@test "pool --async: waits in the queue, one slot for all, and join waits for them" {
  needs proc
  counter
  local i ids=()
  for i in {1..8}; do
    ids+=("$(wjobs pool --name p -j 2 --async -- ./count)")
  done
  wjobs pool --name p --join
  is "$(lines seen)" 8
  is "$(sort -n seen | tail -n 1)" 2
  is "$(wjobs queue --state running -o id)" ""
  gives '' wait "${ids[@]}"
}

@test "pool --async: cancelled while it waits, and while it runs" {
  local first second
  first=$(wjobs pool --name p -j 1 --async -- sh -c ': >begun; sleep 60')
  eventually test -e begun
  second=$(wjobs pool --name p -j 1 --async -- touch never)
  refuses 75 "is not done" wait --timeout 0s "$second"
  wjobs cancel "$second"
  refuses 1 "was cancelled" wait "$second"
  wjobs cancel "$first"
  refuses 1 "was cancelled" wait "$first"
  [[ ! -e never ]]
  wjobs pool --name p --join
}

@test "pool --async: what dies is buried, and its command keeps the slot" {
  local id pid
  id=$(wjobs pool --name p -j 1 --async -- sh -c \
    'echo $PPID >parent; until [ -e go ]; do sleep 0.01; done; : >done')
  eventually test -s parent
  kill -KILL "$(<parent)"
  gives 1 pool --name p --running
  refuses 75 "no slot free" pool --name p -j 1 --try -- true
  refuses 75 "in the pool 'p' 1 runs" pool --name p --join=100ms
  : >go
  wjobs pool --name p --join
  [[ -e done ]]
  is "$(wjobs queue --state buried -o id,error)" "$id	its worker died"
}

@test "pool --async: wait finds that it died, where nobody else looks" {
  local id
  id=$(wjobs pool --name p --async -- sh -c 'echo $PPID >parent; exec sleep 60')
  eventually test -s parent
  wjobs wait "$id" 2>err 3>&- &
  kill -KILL "$(<parent)"
  status=0
  wait $! || status=$?
  is "$status" 125
  has "$(<err)" "$id: its worker died"
}

@test "pool --async: may begin others of its kind" {
  local id
  id=$(wjobs pool --name p -j 2 --async -- \
    sh -c 'wjobs wait "$(wjobs pool --name p -j 2 --async -- echo inner)"')
  gives inner wait "$id"
}

@test "pool --name: over a Redis, never more than there are slots" {
  needs proc redis-server
  redis_start
  counter
  local i pids=()
  for i in {1..9}; do
    wjobs pool --name p -j 2 --store "$REDIS" -- ./count 3>&- &
    pids+=($!)
  done
  all_end "${pids[@]}"
  is "$killed $(lines seen)" "0 9"
  is "$(sort -n seen | tail -n 1)" 2
  gives 0 pool --name p --store "$REDIS" --running
}

@test "pool --async: over a Redis, with the queue there too" {
  needs redis-server
  redis_start
  local id first second
  printf 'store: "%s"\nhandlers:\n  h: { command: "true" }\n' "$REDIS" | jobfile
  id=$(wjobs pool --name p --async -- sh -c 'echo out; exit 3')
  run wjobs wait "$id"
  is "$status $output" "3 out"
  is "$(wjobs history -o id,job,status)" "$id	pool:p	failed"
  first=$(wjobs pool --name p -j 1 --async -- sh -c ': >begun; exec sleep 60')
  eventually test -e begun
  second=$(wjobs pool --name p -j 1 --async -- echo second)
  is "$(wjobs queue --state running -o id | sort)" "$first
$second"
  gives 1 pool --name p --running
  wjobs cancel "$first"
  refuses 1 "was cancelled" wait "$first"
  gives second wait "$second"
  gives '' pool --name p --join
}

@test "pool --async: over a Redis a command ends with who extends its slot" {
  needs redis-server linux proc
  redis_start
  wjobs pool --name p --store "$REDIS" --async -- \
    sh -c 'echo $$ >self; echo $PPID >parent; exec sleep 60' >id
  eventually test -s parent
  kill -KILL "$(<parent)"
  eventually gone "$(<self)"
  gives 1 pool --name p --store "$REDIS" --running
}

gone() { [[ ! -e /proc/$1 ]] || grep -q '^State:.[ZX]' "/proc/$1/status"; }
