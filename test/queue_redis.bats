# The queue on a Redis: what is its own. queue_store.bats asks it what all
# stores are asked.

load helper
load redis

setup_file() { redis_start; }
teardown_file() { redis_stop; }

setup() {
  test_begin
  PREFIX=$BATS_TEST_NUMBER-$RANDOM$RANDOM:
  STORE="$REDIS?prefix=$PREFIX"
}

teardown() {
  redis_cli config set maxmemory 0 >/dev/null
  test_end
}

queue() { tool queue "$STORE" own; }

# keys GLOB - how many keys of this test there are
keys() { redis_cli --raw keys "{$PREFIX}$1" | grep -c .; }

# puts FROM TO [WORD...] - lines that put so many in
puts() {
  local i from=$1 to=$2
  shift 2
  echo batch
  for ((i = from; i <= to; i++)); do echo "put work=$i $*"; done
  echo apply
}

@test "queue on Redis: a store that is full of memory takes nothing in, and lets all else go on" {
  local out
  puts 1 6 | queue >/dev/null
  queue <<<"take take=1 most=5" >/dev/null
  redis_cli config set maxmemory 1 >/dev/null
  out=$(queue <<'END'
put work=9
take take=2
end work=1 take=1 status=completed exit_code=0 head=bytes
again work=2 take=1 delay=60000 status=failed head=more
release work=3 take=1
cancel work=3
cancel work=4
end work=5 take=1 status=failed exit_code=1
revive work=5 run=55
purge state=done
count
END
)
  # two of them are the tool's own session
  is "$(grep -v '^6 ' <<<"$out" | sed 's/^error.*/error/')" "error
error
error
failed
took 1
granted
granted
granted
granted ready
granted running
granted
granted 1
granted 1
1 1 2 0 0 1"
  redis_cli config set maxmemory 0 >/dev/null
  is "$(queue <<<"put work=9")" "added 9"
}

@test "queue on Redis: what a closed session had is returned, and a late end of it is nobody's" {
  queue <<'END' >out
put work=1
worker 2
take take=1
END
  sid=$(redis_cli --raw keys "{$PREFIX}u:*")
  redis_cli del "{$PREFIX}s:${sid##*:}" >/dev/null
  is "$(queue <<'END'
take take=2 reap=1
end work=1 take=1 status=completed
count
END
)" "returned 1
took 0, some delayed
lost
0 1 0 0 0 0"
  is "$(keys 'u:*')$(keys 'told:*')" 00
}

@test "queue on Redis: no session, no taking" {
  queue <<<"put work=1" >/dev/null
  is "$(queue <<'END' | sed 's/^error.*has expired/error/'
die 1
take take=1
put work=2 running=1 take=2
count
END
)" "error
failed
error
failed
1 0 0 0 0 0"
}

@test "queue on Redis: fifty who put one key in at once get one id" {
  local i pids=()
  for i in {1..50}; do
    queue <<<"put work=$i key=once payload=same" >"out.$i" 3>&- 4>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  cat out.* >out
  is "$(grep -c added out) $(grep -c known out)" "1 49"
  is "$(sed 's/.* //' out | sort -u | wc -l)" 1
  is "$(queue <<<count)" "1 0 0 0 0 0"
}

@test "queue on Redis: scripts that the server forgets are taught again" {
  local i
  for i in {1..20}; do
    redis_cli script flush >/dev/null
    puts "$i" "$i"
    echo "take take=$i"
    echo "end work=$i take=$i status=completed"
  done | queue >/dev/null
  is "$(queue <<<count)" "0 0 0 0 20 0"
}

@test "queue on Redis: another schema is refused by each operation" {
  local verb
  queue <<<"put work=1" >/dev/null
  mkfifo in
  queue <in >out 3>&- 4>&- &
  exec 9>in
  echo "put work=1" >&9
  eventually lines_are out -ge 1
  redis_cli hset "{$PREFIX}meta" schema 99 >/dev/null
  for verb in put "take take=1" "end work=1 take=1" "again work=1 take=1" \
    "release work=1 take=1" cancel "revive work=1" "purge state=ready" \
    "begin run=7 work=7 scheduled=1000" list find; do
    echo "$verb" >&9
  done
  exec 9>&-
  wait
  is "$(grep -c "has schema '99'" out)" 11
  redis_cli hset "{$PREFIX}meta" schema 1 >/dev/null
  is "$(queue <<<count)" "1 0 0 0 0 0"
}

# Answers of a tool that is asked until one comes.
ask() {
  local line
  echo "$1" >&8
  while read -r line <&9; do
    case $line in
    error*) read -r line <&9 && echo "$1" >&8 && ((++repeated)) ;;
    took* | granted* | lost* | added* | full* | 0*) break ;;
    *) echo "$line" >>answers ;;
    esac
  done
  echo "$line" >>answers
}

# Each new connection begins with two replies.
@test "queue on Redis: where replies are lost all is done once" {
  local i repeated=0
  mkfifo proxy.in in out
  "${WJOBS%/*}/nemesis/proxy" "$REDIS_SOCKET" "$PWD/line" \
    <proxy.in >proxy.out 2>&1 3>&- 4>&- &
  exec 7>proxy.in
  eventually test -S line
  "$TOOLS/queue" "redis+unix://$PWD/line?prefix=$PREFIX" own \
    <in >out 3>&- 4>&- 7>&- &
  exec 8>in 9<out
  ask "purge state=done"
  echo "lose 1 4" >&7
  eventually grep -q ^ok proxy.out
  for i in {1..30}; do
    ask "put work=$i size=40"
    ask "take take=$((3 * i))"
    ask "release work=$i take=$((3 * i))"
    ask "take take=$((3 * i + 1))"
    ask "again work=$i take=$((3 * i + 1)) status=failed"
    ask "take take=$((3 * i + 2))"
    ask "end work=$i take=$((3 * i + 2)) status=completed attempt=2"
  done
  echo "pass 1" >&7
  exec 7>&- 8>&- 9<&-
  wait
  ((repeated > 40))
  is "$(grep -c '^took 1$' answers)" 90
  is "$(grep -c lost answers || :)" 0
  is "$(queue <<<count)" "0 0 0 0 30 0"
  is "$(queue <<<"list state=done" | grep -c 'attempts=2 | completed attempt=2')" 30
  is "$(queue <<<history | grep -c completed)" 30
  is "$(redis_cli hget "{$PREFIX}j:h" successful)" 30
}

@test "queue on Redis: of what has ended the last ten thousand are kept, for a day" {
  local i k
  for ((i = 1; i <= 10300; i += 100)); do
    puts "$i" $((i + 99)) job=h
    echo "take take=$i most=100"
    echo batch
    for ((k = i; k < i + 100; k++)); do
      echo "end work=$k take=$i status=completed history=0"
    done
    echo apply
  done | queue >/dev/null
  local kept
  read -r _ _ _ _ kept _ < <(queue <<<count)
  ((kept >= 10000 && kept <= 10050)) || { echo "kept $kept"; return 1; }
  # a day later
  redis_cli eval "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, 49)) do
    redis.call('ZINCRBY', KEYS[1], -86400001, m) end" 1 "{$PREFIX}done" >/dev/null
  queue <<<"take take=1 reap=1
take take=2 reap=1" >/dev/null
  is "$(queue <<<count)" "0 0 0 0 $((kept - 50)) 0"
}
