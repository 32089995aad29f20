#!/usr/bin/env bats
# lib/base/clock by itself: timers at instants of the system's own clock.

load helper

@test "clock: each timer fires once, none early, whoever stops or sets another" {
  local seed
  for seed in 1 2 3; do
    is "$(tool clock timers 1000 "$seed")" "1000 timers, 0 early, 0 wrong"
  done
}

@test "clock: a near timer alone keeps the loop running" {
  is "$(tool clock timers 1 5)" "1 timers, 0 early, 0 wrong"
}
