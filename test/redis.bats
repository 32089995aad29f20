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
