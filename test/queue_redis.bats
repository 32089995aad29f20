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

# The user of the man page's section on Redis.
documented_user() {
  sed -n '/^ACL SETUSER/,/^\.Ed/p' "$TOP/man/wjobs.1" | grep -v '^\.' | paste -sd' '
}

rang() { lines_are rang -ge "$1"; }

@test "queue on Redis: workers are rung, and a user who may not publish is served" {
  local user
  read -ra user < <(documented_user)
  is "${user[*]:0:3}" "ACL SETUSER wjobs"
  redis_cli "${user[@]}" >/dev/null
  STORE=redis+unix://wjobs:PASSWORD@$REDIS_SOCKET
  mkfifo in
  "$TOOLS/wake" "$STORE" . listen <in >rang 3>&- 4>&- &
  exec 9>in
  # one line that it listens, one for what it may have missed
  eventually rang 2
  queue <<<"put work=1" >out
  eventually rang 3
  queue <<<"cancel work=1
put work=2 delay=60000" >>out
  eventually rang 4
  echo >&9
  wait "$!"
  redis_cli ACL SETUSER wjobs resetchannels >/dev/null
  queue <<'END' | cut -d' ' -f1-3 >>out
put work=3
take take=1
release work=3 take=1
END
  is "$(<out)" "added 1
granted ready
added 2
added 3
3 h running
took 1, some
granted"
}

# calls N - what the scripts ask of the server for the N-th three pieces
calls() {
  local n=$((3 * $1))
  redis_cli config resetstat >/dev/null
  queue >answers <<END
put work=${1}001 size=9999999
put work=${1}002 size=9999999 delay=70000
take take=${1}01 reap=1 want=h:1,g:1
end work=$((n - 2)) take=${1}01 status=completed history=0
take take=${1}02 want=h:1,g:1
again work=$((n - 1)) take=${1}02 delay=90000 status=failed
take take=${1}03 want=h:1,g:1
release work=$n take=${1}03
take take=${1}04 want=h:1,g:1
end work=$n take=${1}04 status=completed history=0
cancel work=${1}001 history=0
cancel work=${1}002 history=0
find work=${1}001
count
END
  is "$(grep -c granted answers)" 6
  redis_cli info commandstats | tr -d '\r' |
    sed -n 's/cmdstat_\([a-z]*\):calls=\([0-9]*\).*/\1 \2/p' |
    grep -v '^config\|^script\|^eval\|^hello\|^client' | sort
}

@test "queue on Redis: no script has more to do where more waits" {
  puts 1 9 | queue >/dev/null
  calls 1 >once
  calls 2 >few
  puts 10000 19999 | queue >/dev/null
  puts 20000 21000 delay=80000 | queue >/dev/null
  calls 3 >many
  diff few many
}
