# How a Redis is reached, and what is said where it is not.

load helper
load redis

@test "redis: a test has a server of its own, which it can stop and start" {
  redis_start
  is "$(redis_cli ping)" PONG
  is "$REDIS" "redis+unix://$REDIS_SOCKET"
  local first=$REDIS_SOCKET
  redis_start --requirepass secret
  has "$(redis_cli ping)" NOAUTH
  redis_stop
  run redis_cli ping
  has "$output" "Could not connect"
  redis_again
  has "$(redis_cli ping)" NOAUTH
  redis_start_tcp
  is "$(redis-cli -p "$REDIS_PORT" ping)" PONG
  kill -STOP "$REDIS_PID"
  redis_stop
  is "$(redis-cli -s "$first" ping)" PONG
}

@test "redis: a URL means what the table says, or is refused without its password" {
  run tool link url < <(cut -f 1 "$DATA/redis-urls.tsv")
  is "$output" "$(cut -f 2 "$DATA/redis-urls.tsv")"
  # What is shown, and what is said, never has the password.
  run grep -E "(redis|the Redis URL).*(secret|sec|ret@)" \
    <(awk -F '\t' '{ print $NF }' "$DATA/redis-urls.tsv" | sed 's/.* redis/redis/')
  is "$output" ""
}

@test "redis: a URL of 5,000 letters is refused, and one with a control character" {
  has "$(printf 'redis://h?prefix=%05000d' 0 | tool link url)" "more than 4096 bytes"
  has "$(printf 'redis://\th' | tool link url)" "a blank or control character"
}

@test "redis: a wrong URL is an error of the jobfile, with its place" {
  jobfile <<'FILE'
store: redis://:secret@h:70000/1
jobs: { a: { interval: 5m, command: x } }
FILE
  run wjobs check
  is "$status" 78
  has "$output" "wjobs.yaml:1:8: store: the port of the Redis URL is not a number from 1 to 65535"
  [[ $output != *secret* ]]
  sed -i 's|^store:.*|store: redis://h?prefx=a|' wjobs.yaml
  refuses 78 "wjobs.yaml:1:8: store: the Redis URL has an unknown parameter 'prefx': did you mean 'prefix'?" check
  sed -i 's|^store:.*|store: "redis://${NO_HOST}:${NO_PORT}"|' wjobs.yaml
  refuses 78 "the variable 'NO_HOST' is not set" check
  wjobs check --no-env
}

# talk [URL] - `link talk` with the lines of standard input; the answers, with
# the URL as REDIS, are $output.
talk() {
  run tool link talk "${1:-$REDIS}"
  is "$status" 0
  output=${output//"$REDIS"/REDIS}
}

@test "redis: scripts have the name that Redis knows them by" {
  local text
  for text in "" abc "$(printf '%055d' 1)" "$(printf '%056d' 1)" \
    "$(printf '%064d' 1)" "$(printf '%0200d' 1)"; do
    is "$(tool link sha1 "$text")" "$(printf %s "$text" | sha1sum | cut -c 1-40)"
  done
}

@test "redis: a command, a pipeline and scripts have their answers in order" {
  redis_start
  talk <<'END'
call PING
call SET a b
call GET a
call GET none
call CLIENT GETNAME
script echo return {KEYS[1], ARGV[1], ARGV[2]}
script inc return redis.call('INCR', KEYS[1] .. ARGV[1])
run echo x y
push PING
eval inc a
eval inc a
eval inc b
push ECHO hi
left
take 5
left
END
  is "$output" "PONG
OK
b
nil
a-test
[{wjobs:} x y]
5
PONG
1
2
1
hi
0"
}

@test "redis: a script that the server has forgotten is sent again, once each" {
  redis_start
  talk <<END
script inc return redis.call('INCR', KEYS[1] .. ARGV[1])
script dec return redis.call('DECR', KEYS[1] .. ARGV[1])
run inc a
! redis-cli -s $REDIS_SOCKET SCRIPT FLUSH >flushed
push PING
eval inc a
eval dec b
eval inc a
push GET {wjobs:}a
eval inc a
take 6
! redis-cli -s $REDIS_SOCKET INFO commandstats | sed -n 's/^cmdstat_\(eval[a-z]*\):calls=\([0-9]*\),.*/\1 \2/p' | sort
END
  # GET was sent before the scripts were sent again.
  is "$output" "1
PONG
2
-1
3
1
4
eval 3
evalsha 7"
}

@test "redis: the whole URL counts: user, password, database, prefix, a port" {
  redis_start_tcp
  redis_cli ACL SETUSER worker on '>s3cret@' '~*' +@all
  redis_cli CONFIG SET requirepass other
  talk "redis://worker:s3cret%40@127.0.0.1:$REDIS_PORT/3?prefix=my%20jobs" <<'END'
script set return redis.call("SET", KEYS[1] .. "k", ARGV[1])
run set v
call CLIENT LIST
END
  is "${lines[0]}" OK
  has "${lines[1]}" " db=3 "
  is "$(REDISCLI_AUTH=other redis_cli -n 3 EXISTS '{my jobs}k')" 1
  talk "redis+unix://:other@$REDIS_SOCKET" <<<'call PING'
  is "$output" PONG
  talk "redis://:other@localhost:$REDIS_PORT" <<<'call PING'
  is "$output" PONG
}

@test "redis: the password file is read at each connection, and must be closed to others" {
  redis_start --requirepass one
  (umask 077 && echo one >pw)
  talk "redis+unix://$REDIS_SOCKET?password_file=$PWD/pw" <<END
call PING
! redis-cli -s $REDIS_SOCKET -a one --no-auth-warning CONFIG SET requirepass two >set
! echo two >pw
drop
call PING
! chmod 640 pw
drop
call PING
! chmod 600 pw
! : >pw
call PING
! printf 'a\nb\n' >pw
call PING
! rm pw
call PING
! mkfifo pw
call PING
END
  is "$output" "PONG
PONG
config: the password file '$PWD/pw' can be read or written by others: close it with chmod 600
config: the password file '$PWD/pw' is empty
config: the password file '$PWD/pw' has more than one line
config: cannot open the password file '$PWD/pw': No such file or directory
config: the password file '$PWD/pw' is no regular file"
}

@test "redis: no server, or one that is stopped, is an error in time, and is found again" {
  redis_start
  local began=${EPOCHREALTIME/./}
  talk <<END
call PING
! kill -STOP $REDIS_PID
call INCR a
call PING
! kill -CONT $REDIS_PID
call PING
END
  local took=$(((${EPOCHREALTIME/./} - began) / 1000))
  is "$output" "PONG
unreachable: 'REDIS' does not answer in time
unreachable: 'REDIS' does not answer in time
PONG"
  ((took >= 1900 && took < 4000))
  redis_stop
  talk <<<'open'
  is "$output" "unreachable: cannot connect to 'REDIS': No such file or directory"
  talk redis://nosuchhost.invalid <<<'open'
  has "$output" "unreachable: cannot connect to 'redis://nosuchhost.invalid': "
  talk redis://127.0.0.1:1 <<<'open'
  is "$output" "unreachable: cannot connect to 'redis://127.0.0.1:1': Connection refused"
}

@test "redis: a server that is killed and started again is found again" {
  redis_start
  talk <<END
call PING
! kill -KILL $REDIS_PID
! for i in 1 2 3 4 5 6 7 8 9; do redis-cli -s $REDIS_SOCKET PING >out 2>&1 || break; sleep 0.05; done
call PING
END
  is "$output" "PONG
unreachable: cannot connect to 'REDIS': Connection refused"
  redis_again
  talk <<<'call PING'
  is "$output" PONG
}

@test "redis: a connection that the server has closed is made anew, without an error" {
  redis_start
  talk <<END
call PING
! redis-cli -s $REDIS_SOCKET CLIENT KILL TYPE normal >killed
call PING
script inc return redis.call('INCR', KEYS[1])
! redis-cli -s $REDIS_SOCKET CLIENT KILL TYPE normal >killed
run inc
END
  is "$output" "PONG
PONG
1"
}

@test "redis: no descriptor of a connection is inherited" {
  needs linux
  redis_start_tcp
  local url
  for url in "redis+unix://$REDIS_SOCKET" "redis://127.0.0.1:$REDIS_PORT"; do
    talk "$url" <<'END'
open
! find /proc/$PPID/fd -lname 'socket:*' | grep -c .
! find /proc/$$/fd -lname 'socket:*' | grep .
END
    has "$output" "open
1
'find"
  done
}

@test "redis: an answer that is none is an error, whatever it is" {
  local hello=$'*4\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n+OK\r\n'
  local late="unreachable: 'fake' does not answer in time"
  local odd="unreachable: 'fake' does not answer as a Redis does"
  local nested
  answered() { is "$(tool link hostile "$1" "$2")" "$3"; }
  answers_oddly() { has "$(tool link hostile "$hello" "$1")" "$odd"; }
  answered "$hello" $'+PONG\r\n' PONG
  answered "$hello" "" "unreachable: 'fake' has closed the connection"
  answered "" "" "$late"
  answered "$hello" $'$5\r\nabc' "$late"
  answered "$hello" $'$9223372036854775807\r\nabc' "$late"
  answered "$hello" $'*3\r\n+a\r\n' "$late"
  answers_oddly $'$-7\r\n'
  answers_oddly $'*99999999999\r\n'
  answers_oddly $'*2000000000\r\n'
  answers_oddly $'*-9\r\n'
  answers_oddly $'HTTP/1.1 400 Bad Request\r\n'
  answers_oddly $'\e[31mx\r\n'
  printf -v nested '*1\r\n%.0s' {1..2000}
  answers_oddly "$nested"
  [[ $(tool link hostile "$hello" $'\e[31mx\r\n') != *$'\e'* ]]
  answered $'+OK\r\n+OK\r\n' x "$odd"
  answered "${hello/7.0.0/6.0.9}" x \
    "config: 'fake' is Redis 6.0.9; wjobs needs 6.2 or newer"
  answered "${hello/$'$10\r\nstandalone'/$'$8\r\nsentinel'}" x \
    "config: 'fake' is a sentinel, not a Redis that keeps data"
  answered $'-ERR unknown command `HELLO`\r\n+OK\r\n' \
    $'$41\r\n# Server\r\nredis_version:5.0.14\r\nredis_x:1\r\n\r\n' \
    "config: 'fake' is Redis 5.0.14; wjobs needs 6.2 or newer"
}

@test "redis: a server that evicts keys is told of" {
  redis_start
  talk <<END
note
! redis-cli -s $REDIS_SOCKET CONFIG SET maxmemory-policy allkeys-lru >set
note
! redis-cli -s $REDIS_SOCKET ACL SETUSER default -info >set
note
call PING
END
  is "$output" "-
'REDIS' evicts keys when its memory is full (maxmemory-policy allkeys-lru), and claims and history among them: set it to noeviction
-
PONG"
}

@test "redis: the wait between tries grows to 5 s, and is never the same" {
  local i=0 ms low=(50 100 200 400 800 1600 2500 2500 2500)
  while read -r ms; do
    ((ms >= low[i] && ms <= 2 * low[i])) || { echo "$i: $ms" >&2; false; }
    i=$((i + 1))
  done < <(tool link backoff 9)
  [[ $(tool link backoff 9) != "$(tool link backoff 9)" ]]
}

@test "redis: what is shown of a store has no password, and no job gets its variable" {
  redis_start --requirepass s3cret
  export PW=s3cret KEPT=yes WAY=$REDIS_SOCKET
  jobfile <<'END'
store: redis+unix://:${PW}@${WAY:-/none}?prefix=x
jobs: { a: { interval: 1s, command: 'env; echo $${NOT_PW}' } }
END
  scheduler_start
  eventually grep -q completed run.err
  wjobs history >said
  wjobs run a >>said
  scheduler_stop
  has "$(<run.err)" "store=\"redis+unix://$REDIS_SOCKET?prefix=x\""
  has "$(<run.err)" KEPT=yes
  has "$(<said)" KEPT=yes
  run grep -E "s3cret|^WAY=|\"WAY=" run.err run.out said
  is "$output" ""
  redis_stop
  local words
  for words in history list stats "logs a" "status --all"; do
    # shellcheck disable=SC2086 # a command and its words
    refuses 4 "cannot connect to 'redis+unix://$REDIS_SOCKET?prefix=x': No such file or directory" $words
  done
  wjobs next >said
  wjobs check >>said
}

@test "redis: a scheduler warns of a server that evicts keys" {
  redis_start --maxmemory-policy volatile-lru
  jobfile <<END
store: $REDIS
jobs: { a: { interval: 1h, command: x } }
END
  scheduler_start
  eventually grep -q waiting run.err
  scheduler_stop
  has "$(<run.err)" "level=warn msg=\"'$REDIS' evicts keys when its memory is full (maxmemory-policy volatile-lru)"
}

@test "redis: a user who may do what wjobs(1) says is enough" {
  redis_start
  local rule
  # it is told in two lines
  rule=$(sed -n '/^ACL SETUSER wjobs on >PASSWORD /{s///;N;s/\n/ /p;}' \
    "$TOP/man/wjobs.1")
  # shellcheck disable=SC2086 # its words
  redis_cli ACL SETUSER wjobs on '>pw' $rule
  redis_cli ACL SETUSER default off nopass nocommands
  jobfile <<END
store: redis+unix://wjobs:pw@$REDIS_SOCKET
jobs: { a: { interval: 1s, command: echo hi } }
END
  scheduler_start
  eventually grep -q completed run.err
  scheduler_stop
  run ! grep -E "level=(warn|error)" run.err
  wjobs run a
  has "$(wjobs history)" completed
  wjobs list >said
  wjobs stats >>said
  wjobs logs a >>said
}

# What a server's error means, with real servers where they can be had

# says CALL WANTED - what the link makes of it: kind, sentence, server's words.
says() {
  talk <<<"$1"
  is "$output" "$2"
}

@test "redis: LOADING is waited for" {
  redis_start --save 3600 1
  redis_cli EVAL 'for i = 1, 100 do redis.call("SET", "k" .. i, ("x"):rep(2000) .. i) end' 0
  redis_stop
  redis_again --key-load-delay 20000 --loading-process-events-interval-bytes 1024
  says "call GET a" "unreachable: 'REDIS' still loads its data after its start: LOADING Redis is loading the dataset in memory"
  eventually wjobs_link_is_up
}

wjobs_link_is_up() { [[ $(tool link talk "$REDIS" <<<"call PING") == PONG ]]; }

@test "redis: BUSY is waited for" {
  redis_start --busy-reply-threshold 100
  redis_cli EVAL 'while true do end' 0 >/dev/null 2>&1 3>&- &
  eventually is_busy
  talk <<END
call GET a
! redis-cli -s $REDIS_SOCKET SCRIPT KILL
END
  is "$output" "unreachable: 'REDIS' is busy with a script of somebody: BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.
OK"
  eventually wjobs_link_is_up
}

is_busy() { [[ $(redis_cli GET a) == BUSY* ]]; }

@test "redis: MISCONF is waited for" {
  redis_start --save 3600 1
  mkdir "$REDIS_DIR/dump.rdb"
  redis_cli BGSAVE
  eventually grep -q "saving error" "$REDIS_DIR/log"
  talk <<END
call SET a b
call GET a
! rmdir $REDIS_DIR/dump.rdb
! redis-cli -s $REDIS_SOCKET SAVE
call SET a b
END
  has "${lines[0]}" "unreachable: '$REDIS' takes no writes, since it cannot save to its disk: MISCONF "
  is "${lines[*]:1}" "nil OK OK"
}

@test "redis: OOM refuses what writes more, and nothing else of its pipeline" {
  redis_start
  redis_cli ZADD z 0 a
  redis_cli CONFIG SET maxmemory 1
  talk <<END
script begin return redis.call('HSET', KEYS[1] .. 'a', 'b', 'c')
script end redis.call('ZREM', 'z', 'a'); return redis.call('HSET', KEYS[1] .. 'b', 'b', 'c')
eval begin
eval end
push GET a
take 1
left
take 2
eval begin
eval end
take 1
push PING
left
take 1
! redis-cli -s $REDIS_SOCKET CONFIG SET maxmemory 0
run begin
END
  is "$(sed 's/: OOM command.*//' <<<"$output")" "unreachable: 'REDIS' is out of memory (maxmemory)
2
1
nil
unreachable: 'REDIS' is out of memory (maxmemory)
1
PONG
OK
1"
}

@test "redis: a password that is missing, wrong, or changed is for somebody to mend" {
  redis_start
  talk <<END
call PING
! redis-cli -s $REDIS_SOCKET CONFIG SET requirepass s3cret
drop
call PING
END
  is "${lines[2]}" "config: '$REDIS' wants a password: give one in the URL, or by password_file: NOAUTH"
  talk "redis+unix://:wr0ng@$REDIS_SOCKET" <<<"call PING"
  is "$output" "config: 'REDIS' knows no such user and password, or the user is off: WRONGPASS invalid username-password pair or user is disabled."
  talk "redis+unix://me:s3cret@$REDIS_SOCKET" <<<"call PING"
  is "$output" "config: 'redis+unix://me@$REDIS_SOCKET' knows no such user and password, or the user is off: WRONGPASS invalid username-password pair or user is disabled."
  REDISCLI_AUTH=s3cret redis_cli CONFIG SET requirepass ""
  talk "redis+unix://:s3cret@$REDIS_SOCKET" <<<"call PING"
  has "$output" "config: 'REDIS' does not take the password: ERR AUTH"
}

@test "redis: what the user may not do, and a database that is not there, are told" {
  redis_start
  redis_cli ACL SETUSER default -set
  talk <<END
call SET a b
script set return redis.call('SET', KEYS[1], 'x')
run set
! redis-cli -s $REDIS_SOCKET ACL SETUSER default +set resetkeys '~{wjobs:}a*'
run set
END
  has "${lines[0]}" "config: '$REDIS' does not permit this user what wjobs needs: NOPERM "
  has "${lines[1]}" "config: '$REDIS' does not permit this user what wjobs needs: "
  has "${lines[3]}" "config: '$REDIS' does not permit this user what wjobs needs: "
  has "${lines[3]}" "one of the keys"
  talk "$REDIS?db=16" <<<open
  is "$output" "config: 'REDIS?db=16' has no database of that number: ERR DB index is out of range"
}

@test "redis: WRONGTYPE refuses the one command, and the connection goes on" {
  redis_start
  redis_cli SET k text
  redis_cli SET '{wjobs:}' text
  talk <<'END'
script add return redis.call('ZADD', KEYS[1], 0, 'a')
push HGET k a
eval add
push GET k
take 3
END
  has "${lines[0]}" "refused: '$REDIS' has something under a key of wjobs that is not wjobs': WRONGTYPE "
  has "${lines[1]}" "refused: '$REDIS' has something under a key of wjobs that is not wjobs': WRONGTYPE "
  is "${lines[2]}" text
}

@test "redis: a full server is waited for" {
  redis_start
  talk <<END
open
! redis-cli -s $REDIS_SOCKET CONFIG SET maxclients 1
! echo open | $TOOLS/link talk $REDIS
call CONFIG SET maxclients 100
! echo open | $TOOLS/link talk $REDIS
END
  is "$output" "open
OK
unreachable: 'REDIS' has as many clients as it takes (maxclients): ERR max number of clients reached
OK
open"
}

@test "redis: a replica takes no writes, nor one that has lost its master" {
  redis_start_tcp
  local port=$REDIS_PORT master=$REDIS_PID
  redis_start --replicaof 127.0.0.1 "$port"
  eventually grep -q "Finished with success" "$REDIS_DIR/log"
  says "call SET a b" "unreachable: 'REDIS' is a replica, which takes no writes: READONLY You can't write against a read only replica."
  redis_cli CONFIG SET replica-serve-stale-data no
  kill "$master"
  eventually master_is_down
  says "call GET a" "unreachable: 'REDIS' is a replica that has lost its master: MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
  redis_start --min-replicas-to-write 1
  says "call SET a b" "unreachable: 'REDIS' takes no writes while it has too few replicas: NOREPLICAS Not enough good replicas to write."
}

master_is_down() { redis_cli INFO replication | grep -q master_link_status:down; }

@test "redis: one node of a cluster will do where it has all keys" {
  redis_start_tcp --cluster-enabled yes
  says "call GET a" "unreachable: 'REDIS' belongs to a cluster that is down: CLUSTERDOWN Hash slot not served"
  redis_cli CLUSTER ADDSLOTSRANGE 0 16383
  eventually cluster_is_up
  talk <<'END'
script set redis.call('SET', KEYS[1] .. 'a', 1); return redis.call('SET', KEYS[1] .. 'b', 2)
run set
push GET {wjobs:}a
push GET {wjobs:}b
take 2
END
  is "$output" "OK
1
2"
  talk "$REDIS/1" <<<open
  is "$output" "config: 'REDIS/1' is a node of a cluster, which has database 0 alone: ERR SELECT is not allowed in cluster mode"
}

cluster_is_up() { redis_cli CLUSTER INFO | grep -q cluster_state:ok; }

@test "redis: whatever a server refuses with is one of three" {
  local hello=$'*4\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n+OK\r\n'
  local want text
  while IFS=$'\t' read -r text want; do
    is "$(tool link hostile "$hello" "-$text"$'\r\n')" "$want: $text"
  done <"$DATA/redis-errors.tsv"
  # An escape sequence of a server is not a terminal's.
  is "$(tool link hostile "$hello" $'-ERR \e[31m\r\n')" "refused: 'fake' refuses: ERR \\x1b[31m"
}

@test "redis: rediss:// is TLS with a good certificate, or says that it is not built in" {
  REDIS=rediss://localhost:1
  talk <<<open
  if [[ $output == *hiredis_ssl* ]]; then
    is "$output" "config: 'REDIS' wants TLS, and this wjobs was built without hiredis_ssl: build it with a hiredis that has it, or go through a tunnel"
    return
  fi
  local port=$((20000 + RANDOM % 10000)) name
  for name in localhost other; do
    openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.pem \
      -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" 2>/dev/null
  done
  redis_start --tls-port "$port" --tls-auth-clients no \
    --tls-cert-file "$PWD/localhost.pem" --tls-key-file "$PWD/localhost.key"
  REDIS=rediss://localhost:$port
  says open "config: the certificate of 'REDIS' is not good: self-signed certificate"
  export SSL_CERT_FILE=$PWD/localhost.pem
  talk <<END
call PING
script len return {#ARGV[1], ('x'):rep(20) }
run len abc
! kill -STOP $REDIS_PID
call PING
drop
call PING
! kill -CONT $REDIS_PID
call PING
! redis-cli -s $REDIS_SOCKET CLIENT KILL TYPE normal
call PING
END
  is "$output" "PONG
[3 xxxxxxxxxxxxxxxxxxxx]
unreachable: 'REDIS' does not answer in time
unreachable: cannot speak TLS with 'REDIS': no answer in time, or none in TLS
PONG
1
PONG"
  talk "rediss://127.0.0.1:$port" <<<open
  is "$output" "config: the certificate of 'rediss://127.0.0.1:$port' is not good: IP address mismatch"
  redis_cli CONFIG SET tls-key-file "$PWD/other.key" tls-cert-file "$PWD/other.pem"
  export SSL_CERT_FILE=$PWD/other.pem
  says open "config: the certificate of 'REDIS' is not good: hostname mismatch"
}

@test "redis: who reads is told of a server that is stopped, soon" {
  redis_start
  jobfile <<END
store: $REDIS
jobs: { a: { interval: 1h, command: "true" } }
END
  wjobs run a
  kill -STOP "$REDIS_PID"
  local words began=$SECONDS
  for words in history list "status --all" "lock k --status"; do
    # shellcheck disable=SC2086 # a command and its words
    refuses 4 "'$REDIS' does not answer in time" $words
  done
  ((SECONDS - began <= 4 * PATIENCE))
  kill -CONT "$REDIS_PID"
  has "$(wjobs history)" completed
}

@test "redis: a password for claims alone is shown nowhere and in no file of wjobs" {
  redis_start --requirepass s3cret
  export LOCK_PW=s3cret
  jobfile <<'END'
store: local.db
locking: redis+unix://:${LOCK_PW}@${REDIS_SOCKET}
jobs: { a: { interval: 1s, command: env, lock: k } }
END
  scheduler_start
  eventually grep -q completed run.err
  wjobs status --all >said
  redis_stop KILL
  eventually grep -q degraded run.err
  scheduler_stop
  wjobs lock k -- true 2>>said && false
  run grep -rlE "s3cret|LOCK_PW=" run.err run.out said "$T/state" "$T/runtime"
  is "$output" ""
}
