# What jobs may say of other hosts: shared claims with a Redis, and two or three
# instances with directories of their own. Their sessions last 3 s.

load helper
load redis
load instances

setup() {
  needs redis-server redis-cli
  test_begin
  redis_start
}

teardown() {
  instances_end
  redis_stop
  test_end
}

alive() { test "$(wjobs status --all -o worker | sort | paste -sd' ')" == "$*"; }
told() { grep -q -- "$2" "$1.err"; }
# has_skip JOB REASON - history has a skip for that reason
has_skip() { wjobs history "$1" --status skipped -o reason | grep -qx "$2"; }
# passed SECONDS - bash counts them.
passed() { ((SECONDS >= $1)); }
# at SECONDS - an anchor for a job that is due then, from now, and not soon again
at() { echo "@$(($(date +%s) + $1))"; }

@test "on_lost: rerun has another instance do again what died with its own, once" {
  jobfile <<END
store: "$REDIS"
jobs:
  twice:
    interval: 1h
    anchor: "$(at 3)"
    on_lost: rerun
    command: 'echo "\$WJOBS_WORKER \$WJOBS_SCHEDULED_AT \$WJOBS_FENCE" >>began; test "\$WJOBS_WORKER" != a || sleep 60'
END
  hasty a
  eventually lines_are began -eq 1
  hasty b
  hasty c
  eventually alive a b c
  murder a
  PATIENCE=15 eventually lines_are began -ge 2
  eventually eval '[ -n "$(wjobs history twice --status completed -o id)" ]'
  is "$(cut -d' ' -f2 began | uniq | wc -l)" 1
  is "$(cut -d' ' -f3 began | paste -sd' ')" "1 2"
  is "$(wjobs history twice -o status,reason | sort)" $'completed\t\nlost\tcrash'
}

@test "on_lost: fail leaves it at that" {
  jobfile <<END
store: "$REDIS"
jobs:
  once:
    interval: 1h
    anchor: "$(at 3)"
    command: 'echo "\$WJOBS_WORKER" >>began; exec sleep 60'
END
  hasty a
  eventually lines_are began -eq 1
  hasty b
  eventually alive a b
  murder a
  PATIENCE=15 eventually eval '[ "$(wjobs history once -o status)" == lost ]'
  stop b
  is "$(cat began)" a
}

@test "retry: what rests when its instance dies goes on at another" {
  jobfile <<END
store: "$REDIS"
jobs:
  again:
    interval: 1h
    anchor: "$(at 3)"
    retry: { max: 1, delay: 4s }
    command: 'echo "\$WJOBS_WORKER \$WJOBS_ATTEMPT \$WJOBS_RUN_ID" >>began; test "\$WJOBS_ATTEMPT" = 2'
END
  hasty a
  eventually lines_are began -eq 1
  hasty b
  eventually alive a b
  murder a
  PATIENCE=20 eventually lines_are began -ge 2
  is "$(cut -d' ' -f1,2 began | paste -sd,)" "a 1,b 2"
  is "$(cut -d' ' -f3 began | uniq | wc -l)" 1
  eventually eval '[ "$(wjobs history again -o status,attempt)" == "completed	2" ]'
}

@test "lock: who holds it is in the way of all others, and is named" {
  jobfile <<END
store: "$REDIS"
jobs:
  holder: { cron: "@yearly", lock: k, command: 'echo >>held; exec sleep 60' }
  skips: { interval: 1s, lock: k, command: echo >>ran }
  waits: { interval: 1h, anchor: "$(at 4)", lock: k, overlap: queue, command: echo >>waited }
END
  wjobs run --worker-id byhand holder >/dev/null 2>&1 3>&- 4>&- &
  PID[byhand]=$!
  eventually lines_are held -eq 1
  run wjobs run skips
  is "$status" 75
  has "$output" "wjobs: skips: lock 'k' is held by "
  hasty a
  eventually has_skip skips lock
  has "$(wjobs history skips --status skipped -n 1 -o error)" "lock 'k' is held by "
  PATIENCE=10 eventually passed $((SECONDS + 5))
  test ! -e ran
  test ! -e waited
  kill "${PID[byhand]}"
  wait "${PID[byhand]}" || true
  unset "PID[byhand]"
  eventually lines_are ran -ge 1
  eventually lines_are waited -eq 1
  is "$(wjobs history waits -o status)" completed
}

@test "overlap: queue waits for what another host runs" {
  jobfile <<END
store: "$REDIS"
jobs:
  job: { interval: 1h, anchor: "$(at 3)", overlap: queue, command: 'echo "\$WJOBS_TRIGGER" >>began; test -e go || exec sleep 60' }
END
  wjobs run --worker-id byhand job >/dev/null 2>&1 3>&- 4>&- &
  PID[byhand]=$!
  eventually lines_are began -eq 1
  hasty a
  PATIENCE=10 eventually passed $((SECONDS + 5))
  is "$(cat began)" manual
  touch go
  stop byhand
  eventually lines_are began -eq 2
  is "$(tail -n 1 began)" schedule
  is "$(wjobs history job --status skipped -o id)" ""
}

@test "missed: what no instance saw is recorded once, by whoever runs next" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" >>ticks' }
END
  hasty a
  eventually lines_are ticks -ge 2
  stop a
  local before after missed
  before=$(tail -n 1 ticks)
  PATIENCE=10 eventually passed $((SECONDS + 4))
  hasty b
  hasty c
  eventually has_skip tick missed
  after=$(sed "0,/^$before\$/d" ticks | head -n 1)
  missed=$(wjobs history tick --status skipped -o count | awk '{ n += $1 } END { print n }')
  is "$missed" $(($(date -d "$after" +%s) - $(date -d "$before" +%s) - 1))
  stop b
  stop c
  is "$(wjobs history tick --status skipped -o id | wc -l)" 1
}

@test "on_lock_error: skip, run and wait, while the store is silent" {
  jobfile <<END
store: "$REDIS"
jobs:
  skip: { interval: 1h, anchor: "$(at 4)", start_deadline: 2s, command: echo >>skip.out }
  run: { interval: 1h, anchor: "$(at 4)", on_lock_error: run, command: 'echo "\$WJOBS_FENCE" >>run.out' }
  wait: { interval: 1h, anchor: "$(at 4)", on_lock_error: wait, command: 'echo "\$WJOBS_FENCE" >>wait.out' }
  own: { interval: 1h, anchor: "$(at 4)", shared: false, command: echo >>own.out }
END
  hasty a
  eventually alive a
  kill -STOP "$REDIS_PID"
  PATIENCE=10 eventually told a "job=skip .*reason=store"
  lines_are own.out -eq 1
  is "$(cat run.out)" 0
  test ! -e wait.out
  kill -CONT "$REDIS_PID"
  PATIENCE=10 eventually lines_are wait.out -eq 1
  eventually eval '[ "$(wjobs history run -o status)" == completed ]'
  eventually eval '[ "$(wjobs history skip -o status,reason)" == "skipped	store" ]'
  test ! -e skip.out
  is "$(cat wait.out)" 1
}

@test "on_lease_loss: continue lets a run go on, and its record tells" {
  jobfile <<END
store: "$REDIS"
jobs:
  goes: { interval: 1h, anchor: "$(at 3)", on_lease_loss: continue, command: 'echo >>began; sleep 8; echo >>ended' }
  dies: { interval: 1h, anchor: "$(at 3)", command: 'echo >>began; sleep 8; echo >>survived' }
END
  hasty a
  eventually lines_are began -eq 2
  kill -STOP "$REDIS_PID"
  PATIENCE=10 eventually told a "goes on, though others may run it by now"
  kill -CONT "$REDIS_PID"
  PATIENCE=15 eventually lines_are ended -eq 1
  test ! -e survived
  told a "job=dies .*reason=lost_lease"
  # Others took its instance for dead, or nearly so.
  eventually eval '[[ $(wjobs history goes -o status,reason) =~ ^(lost.crash|completed.lost_lease)$ ]]'
}

@test "shared: false is run by every host, overlap and all" {
  needs root unshare hostname
  jobfile <<END
store: "$REDIS"
jobs:
  each: { interval: 1h, anchor: "$(at 5)", shared: false, command: 'echo "\$WJOBS_WORKER" >>ran; sleep 1' }
END
  # A host is told by its name.
  for name in a b; do
    # shellcheck disable=SC2016 # for the shell within
    AS=(unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' sh "$name")
    hasty "$name"
  done
  eventually alive a b
  PATIENCE=10 eventually lines_are ran -eq 2
  is "$(sort ran | paste -sd' ')" "a b"
  eventually eval '[ "$(wjobs history each --status completed -o worker | sort | paste -sd" ")" == "a b" ]'
  is "$(wjobs history each --status skipped -o id)" ""
}

@test "schedules: instances that differ are told of it" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'true' }
  same: { interval: 1s, command: 'true # same' }
END
  sed 's/tick: { interval: 1s/tick: { interval: 2s/' wjobs.yaml >other.yaml
  hasty a
  eventually alive a
  hasty b -f other.yaml
  PATIENCE=15 eventually grep -q "another schedule" a.err b.err
  is "$(cat a.err b.err | grep -c 'another schedule.*job=same')" 0
}
