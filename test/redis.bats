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
  rule=$(sed -n 's/^ACL SETUSER wjobs on >PASSWORD //p' "$TOP/man/wjobs.1")
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
