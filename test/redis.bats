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
