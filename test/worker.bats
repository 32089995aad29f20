# The workers of the queue: what they take, how often they try, and how they
# end.

load helper

@test "worker: in simulated worlds nothing is done twice, too early or too much" {
  run tool worker random 1 2000
  is "$output" "2000 sites, 0 bad"
}

@test "worker: a failure is tried again after longer and longer, and buried" {
  run tool worker script retry
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
begins a 1
again a 0
again a 1
begins a 0
begins a 1
again a 0
again a 1
begins a 0
begins a 1
done a 0
again a 1
begins a 1
buried a 1"
  is "$(grep 'begins a 1' <<<"$output" | cut -d' ' -f1 | cut -c8-)" "000000
001100
003200
007300"
}

@test "worker: what a stop ends goes back, and nothing more is taken" {
  run tool worker script drain
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
begins a 1
done a 0
released a 1
some"
}

@test "worker: an end comes to nothing when others have the work by now" {
  run tool worker script lease
  is "$(cut -d' ' -f2- <<<"$output")" "begins a 0
stale a 0"
}

@test "worker: run says what it does, and refuses what leaves nothing to do" {
  jobfile <<'END'
jobs:
  job: { cron: "@daily", command: "true" }
END
  refuses 78 "has no handlers to work for" run --queue-only
  refuses 2 "leave nothing to run" run --queue-only --schedule-only
  refuses 2 "--queue-only goes with no job" run --queue-only job
  jobfile <<'END'
handlers:
  work: { command: "true" }
END
  refuses 78 "has no jobs to schedule" run --schedule-only
}
