#!/usr/bin/env bats
# The scheduler under a simulated clock: days in milliseconds. A case is a file
# of arguments for `sim script`, "--", and what must happen: the time, the
# event, the due instant, the trigger and attempt or the reason and count.

load helper

# follows CASE... - each case gives just what its file says.
follows() {
  local case file args
  for case in "$@"; do
    file=$DATA/scheduler/$case.case
    mapfile -t args < <(sed '/^--$/,$d' "$file")
    tool sim script "${args[@]}" >got
    sed '1,/^--$/d' "$file" >want
    diff -u want got || { echo "in case $case" >&2; return 1; }
  done
}

@test "overlap: forbid skips, and says so each time" { follows forbid; }
@test "overlap: queue lets one wait" { follows queue; }
@test "overlap: replace ends the last run before the next begins" { follows replace; }
@test "overlap: allow runs them beside each other" { follows allow; }

@test "catch_up: none records what was missed, once, with its count" { follows catch-up-none; }
@test "catch_up: once runs the last one missed, also after a crash" { follows catch-up-once; }
@test "catch_up: all runs them in order, and what falls due meanwhile after them" { follows catch-up-all; }
@test "catch_up: all runs a hundred at most" { follows catch-up-many; }
@test "catch_up: ten years are counted, not walked" { follows ten-years; }

@test "clock: set back by hours it repeats nothing" { follows set-back; }
@test "clock: set back by more than three hours the schedule starts afresh" { follows set-back-far; }
@test "clock: set forward, or suspended, instants were missed" { follows set-forward suspended suspended-once; }
@test "clock: a stall of less than a minute makes a run late" { follows stalled; }
@test "deadline: a run that could start too late only is skipped" { follows deadline; }

@test "retry: waits double, and the run stays one run" { follows retry retry-doubles; }
@test "retry: a due instant ends the wait" { follows retry-superseded; }
@test "retry: keeps its place across a stop and a crash" { follows retry-restart retry-crash; }

@test "jitter: a fixed delay that is no part of the instant" { follows jitter; }
@test "run_immediately: one more run at each start" { follows immediately; }
@test "interval: the grid stays where it is across a crash" { follows grid; }
@test "zones: both nights of the year, and half hours" { follows spring autumn kolkata; }

@test "store: while it is down runs go on, and are recorded later" { follows store-down; }
@test "store: a slow one costs a tenth of a second, no run" { follows store-slow; }
@test "pool: a slot that is taken makes the next run late" { follows pool; }

@test "random worlds: each instant is accounted for once, whatever happens" {
  tool sim random "${SIM_SEED:-1}" "${SIM_WORLDS:-150}"
}

@test "shared worlds: no instant twice, none forgotten, none late while all is well" {
  tool shared random "${SIM_SEED:-1}" "${SIM_WORLDS:-150}"
}

@test "shared worlds: a lock in place of the watermark, a new id for each retry and a lease by the wall clock are noticed" {
  local mutant
  for mutant in release new-id wall; do
    run tool shared random 1 200 "$mutant"
    echo "$mutant: ${lines[-1]}"
    is "$status" 1
  done
  run tool shared random 1 100 release
  has "$output" "an instant was run twice"
  run tool shared random 1 100 new-id
  has "$output" "a run was granted, and nobody runs it"
  run tool shared random 1 200 wall
  has "$output" "two at once"
}

@test "shared: while the store is silent, jobs of this host alone begin within 20 ms" {
  local began late
  read -r began _ _ _ late _ < <(tool shared away 200 50)
  is "$began" 200
  ((late < 20)) || { echo "$late ms late" >&2; return 1; }
}

@test "run: of jobs that are due together, the slot goes by priority" {
  jobfile <<'END'
pool: { size: 1 }
jobs:
  low: { interval: 1s, priority: -5, overlap: allow, command: echo low >>order }
  usual: { interval: 1s, overlap: allow, command: echo usual >>order }
  high: { interval: 1s, priority: 5, overlap: allow, command: echo high >>order }
  lowest: { interval: 1s, priority: -9, overlap: allow, command: echo lowest >>order }
END
  scheduler_start
  eventually lines_are order -ge 8
  scheduler_stop
  is "$(head -n 8 order | paste -sd ' ')" \
    "high usual low lowest high usual low lowest"
  # who was first has not waited, though it asked after others
  is "$(wjobs history high --status completed -o reason | tail -n 1)" ""
  is "$(wjobs history low --status completed -o reason | tail -n 1)" late
}
