# wjobs status --all: which instances are alive, and what each runs.

load helper

slow_job() {
  jobfile <<'END'
worker_id: alpha
jobs:
  slow: { interval: 1s, command: "touch began; exec sleep 60" }
  other: { cron: "@yearly", command: "touch other; exec sleep 60" }
END
}

# all FIELD... - of all instances, in the order in which they began
all() { wjobs status --all -o "$1"; }
all_are() { test "$(all "$1")" == "$2"; }

@test "status: without --all it says what to say" {
  slow_job
  refuses 2 "say --all" status
}

@test "status: a store that nobody uses has no instances, and is not made" {
  slow_job
  gives "" status --all
  [ ! -e "$WJOBS_STATE_DIR" ]
}

@test "status: the scheduler, where it runs, since when, and what" {
  slow_job
  scheduler_start
  eventually test -e began
  eventually all_are worker,pid "alpha	$scheduler"
  wjobs status --all --json >all.json
  is "$(jq -r '[.worker, .kind, .host, .clock_offset, (.running | length),
    .running[0].job] | map(tostring) | join(" ")' all.json)" \
    "alpha scheduler $(hostname) null 1 slow"
  is "$(jq -r '.running[0].id' all.json)" "$(wjobs history --status running -o id)"
  (($(date +%s) - $(wjobs status --all --epoch -o since | cut -d. -f1) < 30))
  wjobs status --all >table
  has "$(head -1 table)" "WORKER  HOST"
  has "$(tail -1 table)" "slow"
  # Asking disturbs nobody.
  scheduler_runs
}

@test "status: what is run by hand is an instance too" {
  slow_job
  wjobs run --worker-id beta other >/dev/null 3>&- 4>&- &
  local pid=$!
  eventually test -e other
  eventually all_are worker,kind,pid "beta	command	$pid"
  has "$(wjobs status --all)" "other (by hand)"
  kill "$pid"
  wait "$pid" || true
  gives "" status --all
}

@test "status: a scheduler that was killed is none" {
  slow_job
  scheduler_start
  eventually test -e began
  eventually all_are worker alpha
  kill -KILL "$scheduler"
  wait "$scheduler" || true
  scheduler=
  gives "" status --all
}

@test "status: a store in memory cannot be asked" {
  echo 'store: memory' >wjobs.yaml
  echo 'jobs: { a: { cron: "@yearly", command: x } }' >>wjobs.yaml
  refuses 4 memory status --all
}
