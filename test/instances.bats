# Several instances with one Redis, as on several hosts: each has directories of
# its own. Their sessions last 3 s where a test has to see one end.

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

# alive HOST... - just these have a session
alive() { test "$(wjobs status --all -o worker | sort | paste -sd' ')" == "$*"; }
# told HOST TEXT - it stands in its log
told() { grep -q -- "$2" "$1.err"; }
# newest_is JOB FIELD... WANT - of the newest record
newest_is() { test "$(wjobs history "$1" -n 1 -o "$2")" == "$3"; }

@test "instances: three of them run each instant once, and share the work" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 500ms, command: 'echo "\$WJOBS_SCHEDULED_AT \$WJOBS_WORKER \$WJOBS_FENCE" >>ticks' }
END
  instance a
  instance b
  instance c
  eventually alive a b c
  PATIENCE=15 eventually lines_are ticks -ge 12
  stop a
  stop b
  stop c
  is "${ENDED[*]}" "0 0 0"
  # Each once, none left out, and fences that grow.
  is "$(cut -d' ' -f1 ticks | sort | uniq -d)" ""
  cut -d' ' -f1 ticks | sort >instants
  local first last
  first=$(date -d "$(head -1 instants)" +%s%3N)
  last=$(date -d "$(tail -1 instants)" +%s%3N)
  is "$(lines instants)" $(((last - first) / 500 + 1))
  is "$(sort ticks | cut -d' ' -f3)" "$(cut -d' ' -f3 ticks | sort -n)"
  is "$(wjobs history -n 1000 -o scheduled_at tick | sort -u | wc -l)" "$(lines ticks)"
  is "$(wjobs history -n 1000 --status skipped -o id)" ""
  # Who stops says so: nobody is alive, and nothing is lost.
  gives "" status --all
  is "$(wjobs stats tick -o lost)" 0
}

@test "instances: whoever looks from another directory sees the shared state" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: echo hello }
END
  instance a
  eventually eval '[ "$(wjobs stats tick -o successful)" -ge 1 ]'
  stop a
  mkdir -m 700 "$T/far"
  local id
  id=$(on far wjobs history -n 1 -o id)
  [ -n "$id" ]
  is "$(on far wjobs logs "$id")" hello
  is "$(on far wjobs list -o job,last_status)" "tick	completed"
  (($(on far wjobs stats tick -o total) >= 1))
  has "$(on far wjobs show "$id")" completed
}

@test "instances: a run of one that was killed is lost, as another one finds" {
  jobfile <<END
store: "$REDIS"
jobs:
  long: { cron: "* * * * * *", command: 'echo "\$WJOBS_WORKER" >>began; exec sleep 60', timeout: none }
END
  hasty a
  eventually lines_are began -eq 1
  hasty b
  eventually alive a b
  # It stands in the way of b as long as its session lives.
  eventually newest_is long status skipped
  has "$(wjobs history long -n 1 -o error)" "is in the way"
  murder a
  PATIENCE=15 eventually eval '[ -n "$(wjobs history --status lost -o id)" ]'
  is "$(wjobs history --status lost -o worker,reason)" "a	crash"
  PATIENCE=15 eventually lines_are began -ge 2
  is "$(tail -1 began)" b
  alive b
}

@test "instances: one that was killed and starts again is not waited for" {
  needs linux # to tell whether the process before it lives
  jobfile <<END
store: "$REDIS"
jobs:
  long: { cron: "* * * * * *", command: 'echo x >>began; exec sleep 60', timeout: none }
END
  instance a
  eventually lines_are began -eq 1
  murder a
  # Its session has 30 s to live, but its process is known to be gone.
  instance a
  eventually alive a
  eventually eval '[ "$(wjobs history --status lost -o worker)" == a ]'
}

@test "instances: one that stood still beyond its session kills what it claimed" {
  jobfile <<END
store: "$REDIS"
jobs:
  long: { cron: "* * * * * *", command: 'echo "\$WJOBS_WORKER \$\$" >>began; exec sleep 60', timeout: none }
END
  hasty a
  eventually lines_are began -eq 1
  hasty b
  eventually alive a b
  kill -STOP "${PID[a]}"
  PATIENCE=15 eventually lines_are began -ge 2
  local leader
  leader=$(sed -n 's/^a //p' began | head -1)
  kill -0 "$leader"
  kill -CONT "${PID[a]}"
  eventually eval "! kill -0 $leader 2>/dev/null"
  eventually told a "session with the store is lost"
  eventually eval '[ "$(wjobs history --status lost -o worker,reason)" == "a	lost_lease" ]'
  # It lives on, under another session.
  eventually alive a b
}

@test "instances: without Redis for long, what was claimed is stopped, then killed" {
  jobfile <<END
store: "$REDIS"
defaults: { timeout: none }
jobs:
  polite: { cron: "* * * * * *", command: 'trap "echo x >>polite; exit 3" TERM; echo x >>began; while :; do sleep 0.1; done' }
  deaf: { cron: "* * * * * *", command: 'trap "" TERM; echo x >>began; exec sleep 60', kill_after: 60s }
  goes_on: { cron: "* * * * * *", command: 'echo \$\$ >goes_on; echo x >>began; exec sleep 60', on_lease_loss: continue }
  local: { cron: "* * * * * *", command: 'echo \$\$ >local; echo x >>began; exec sleep 60', shared: false }
END
  hasty a
  eventually lines_are began -eq 4
  kill -STOP "$REDIS_PID"
  PATIENCE=10 eventually told a "in doubt"
  eventually test -e polite
  run ! told a "is lost"
  eventually told a "is lost"
  kill -CONT "$REDIS_PID"
  PATIENCE=15 eventually eval 'wjobs history deaf -o reason | grep -q lost_lease'
  PATIENCE=15 eventually eval 'wjobs history polite -o reason | grep -q lost_lease'
  kill -0 "$(cat goes_on)"
  kill -0 "$(cat local)"
}

@test "instances: Redis away at the start keeps nothing local from running" {
  jobfile <<END
store: "$REDIS"
jobs:
  shared: { interval: 1s, command: 'echo x >>shared' }
  local: { interval: 1s, command: 'echo x >>local', shared: false }
END
  redis_stop
  instance a
  eventually told a "degraded: the shared store does not answer"
  eventually lines_are local -ge 2
  [ ! -e shared ]
  redis_again
  PATIENCE=12 eventually lines_are shared -ge 2
  PATIENCE=12 eventually told a "the shared store answers again"
  eventually alive a
  eventually eval '(($(wjobs stats local -o successful) >= $(lines local) - 1))'
}

@test "instances: Redis killed and started again is found within seconds" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" >>ticks' }
  local: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" >>local', shared: false }
END
  instance a
  instance b
  eventually lines_are ticks -ge 2
  redis_stop KILL
  local before
  before=$(lines local)
  PATIENCE=8 eventually lines_are local -ge $((before + 4))
  before=$(lines ticks)
  redis_again
  PATIENCE=12 eventually lines_are ticks -ge $((before + 2))
  PATIENCE=12 eventually alive a b
  is "$(sort ticks | uniq -d)" ""
}

@test "instances: what another version of wjobs uses is refused" {
  jobfile <<END
store: "$REDIS"
jobs: { tick: { interval: 1s, command: x } }
END
  redis_cli HSET '{wjobs:}meta' schema 2
  refuses 78 "another version of wjobs" run
}

@test "instances: a clock that is wrong is told, and claims go by the store's" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" >>ticks' }
END
  local program=${WJOBS%/*}/nemesis/wjobs
  [ -x "$program" ] || skip "needs the clock of the nemesis"
  NEMESIS_SKEW_MS=5000 launch "$program" a
  NEMESIS_SKEW_MS=-40000 launch "$program" b
  instance c
  eventually alive a b c
  PATIENCE=15 eventually lines_are ticks -ge 8
  told a 'level=warn msg="the clock differs from the store'
  told a 'offset=-[45]\.'
  told b 'level=error msg="degraded: the clock is far from the store'
  run ! told c "clock"
  is "$(wjobs status --all --json | jq -c '[.worker, (.clock_offset | round)]' | sort | paste -sd' ')" \
    '["a",-5] ["b",40] ["c",0]'
  is "$(sort ticks | uniq -d)" ""
  # All of them are on time by the store's clock.
  wjobs history tick -n 100 --json |
    jq -s 'map(select(.worker == "c") | (.started_at[17:23] | tonumber) % 1) | max < 0.8' | grep true
}

@test "instances: what the server refuses for good is said as that, once" {
  jobfile <<END
store: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'echo x >>ticks', shared: false, on_lock_error: run }
END
  hasty a
  eventually lines_are ticks -ge 1
  redis_cli CONFIG SET requirepass secret
  redis_cli -a secret --no-auth-warning CLIENT KILL TYPE normal
  PATIENCE=10 eventually told a "degraded: the store refuses history, until somebody"
  PATIENCE=10 eventually told a "degraded: the shared store refuses us, until somebody"
  local before
  before=$(lines ticks)
  eventually lines_are ticks -ge $((before + 2))
  is "$(grep -c "the store refuses history" a.err)" 1
  # One that starts now, with no password, is told so and does not start.
  refuses 78 "NOAUTH" run
  redis_cli -a secret --no-auth-warning CONFIG SET requirepass ""
  PATIENCE=10 eventually told a "the store takes history again"
  PATIENCE=10 eventually told a "the shared store answers again"
}

@test "instances: run_immediately is for the first one alone" {
  jobfile <<END
store: "$REDIS"
jobs:
  once: { cron: "@yearly", run_immediately: true, command: 'echo "\$WJOBS_WORKER" >>once' }
  each: { cron: "@yearly", run_immediately: true, shared: false, overlap: allow, command: 'echo "\$WJOBS_WORKER" >>each' }
END
  instance a
  eventually alive a
  eventually lines_are once -eq 1
  instance b
  instance c
  eventually alive a b c
  eventually lines_are each -eq 3
  is "$(cat once)" a
}

@test "instances: of many that start at once, one runs what is run at the start" {
  jobfile <<END
store: "$REDIS"
jobs:
  once: { cron: "@yearly", run_immediately: true, command: 'echo "\$WJOBS_WORKER" >>once' }
END
  local host
  for host in a b c d e f; do
    instance "$host"
  done
  eventually alive a b c d e f
  eventually lines_are once -eq 1
  for host in a b c d e f; do
    stop "$host"
  done
  is "$(lines once)" 1
}

@test "instances: what is run by hand stands in the way of others, and they of it" {
  jobfile <<END
store: "$REDIS"
jobs:
  job: { cron: "@yearly", command: 'echo x >>began; exec sleep 60' }
END
  mkdir -m 700 "$T/b"
  wjobs run --worker-id a job >/dev/null 2>&1 3>&- 4>&- &
  PID[a]=$!
  eventually lines_are began -eq 1
  is "$(wjobs status --all -o worker,kind)" "a	command"
  run on b wjobs run job
  is "$status" 75
  has "$output" "is in the way"
  kill "${PID[a]}"
  wait "${PID[a]}" || true
  unset "PID[a]"
  gives "" status --all
}

@test "instances: a store that is away keeps what is shared from running by hand" {
  jobfile <<END
store: "$REDIS"
jobs:
  job: { cron: "@yearly", command: 'echo ran' }
  own: { cron: "@yearly", command: 'echo ran', shared: false }
END
  redis_stop
  run --separate-stderr wjobs run job
  is "$status" 4
  has "$stderr" "not run without a claim"
  is "$output" ""
  run --separate-stderr wjobs run own
  is "$status $output" "0 ran"
  has "$stderr" "history is not written"
  run --separate-stderr wjobs exec --history --store "$REDIS" -- echo ran
  is "$status $output" "0 ran"
}

@test "instances: claims in Redis, history on each host" {
  jobfile <<END
locking: "$REDIS"
jobs:
  tick: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" | tee -a ticks' }
END
  instance a
  instance b
  eventually alive a b
  PATIENCE=12 eventually lines_are ticks -ge 5
  stop a
  stop b
  is "$(sort ticks | uniq -d)" ""
  local host
  for host in a b; do
    on "$host" wjobs history -n 100 --status completed -o scheduled_at,fence
  done >both
  is "$(cut -f1 both | sort | uniq -d)" ""
  is "$(lines both)" "$(lines ticks)"
  is "$(cut -f2 both | sort -n | uniq -d)" ""
  is "$(on a wjobs history --status running -o id)" ""
  has "$(on a wjobs logs tick; on b wjobs logs tick)" "T"
}

@test "instances: without claims each host runs everything, in one history" {
  needs root unshare
  jobfile <<END
store: "$REDIS"
locking: none
jobs:
  tick: { interval: 1s, command: 'echo "\$WJOBS_SCHEDULED_AT" >>ticks' }
END
  # Where an instance is counts here: each has a host name of its own.
  printf '#!/bin/sh\nhostname "host-$WJOBS_HOST" && exec "%s" "$@"\n' "$WJOBS" >there
  printf '#!/bin/sh\nexec unshare --uts "%s" "$@"\n' "$PWD/there" >away
  chmod +x there away
  WJOBS_HOST=a launch "$PWD/away" a
  WJOBS_HOST=b launch "$PWD/away" b
  eventually alive a b
  PATIENCE=12 eventually eval '[ -n "$(sort ticks | uniq -d | sed -n 2p)" ]'
  stop a
  stop b
  is "$(wjobs history -n 1000 -o worker | sort -u | paste -sd' ')" "a b"
}

@test "instances: a retry that waits is gone on with by another one" {
  local due
  due=$(date -u -d '+3 seconds' '+%-S %-M %-H')
  jobfile <<END
store: "$REDIS"
jobs:
  job:
    cron: "$due * * *"
    timezone: UTC
    retry: { max: 1, delay: 3s }
    command: 'echo "\$WJOBS_RUN_ID \$WJOBS_ATTEMPT \$WJOBS_WORKER" >>tries; [ \$WJOBS_ATTEMPT = 2 ]'
END
  hasty a
  PATIENCE=10 eventually lines_are tries -eq 1
  eventually newest_is job status pending
  murder a
  hasty b
  PATIENCE=15 eventually lines_are tries -eq 2
  eventually newest_is job status,attempt "completed	2"
  is "$(cut -d' ' -f1 tries | sort -u | wc -l)" 1
  is "$(cut -d' ' -f2- tries | paste -sd,)" "1 a,2 b"
}

@test "instances: what ended while Redis was away is not taken for lost" {
  local due
  due=$(date -u -d '+3 seconds' '+%-S %-M %-H')
  jobfile <<END
store: "$REDIS"
jobs:
  job:
    cron: "$due * * *"
    timezone: UTC
    command: 'echo x >>began; sleep 1; echo x >>ended'
END
  hasty a
  hasty b
  eventually alive a b
  PATIENCE=10 eventually lines_are began -eq 1
  kill -STOP "$REDIS_PID"
  # Longer than their sessions live.
  PATIENCE=10 eventually told a "is lost"
  eventually lines_are ended -eq 1
  is_past() { (($(date +%s%3N) - stopped > 4000)); }
  local stopped
  stopped=$(date +%s%3N)
  eventually is_past
  kill -CONT "$REDIS_PID"
  PATIENCE=10 eventually newest_is job status completed
  eventually told b "the shared store answers again"
  eventually alive a b
  newest_is job status completed
}

@test "instances: on_lost: rerun does the instant again, elsewhere and once" {
  local due
  due=$(date -u -d '+3 seconds' '+%-S %-M %-H')
  jobfile <<END
store: "$REDIS"
jobs:
  job:
    cron: "$due * * *"
    timezone: UTC
    on_lost: rerun
    timeout: none
    command: 'echo "\$WJOBS_SCHEDULED_AT \$WJOBS_WORKER" >>began; [ "\$WJOBS_WORKER" != a ] || exec sleep 60'
END
  hasty a
  PATIENCE=10 eventually lines_are began -eq 1
  hasty b
  hasty c
  eventually alive a b c
  murder a
  PATIENCE=15 eventually lines_are began -eq 2
  eventually newest_is job status completed
  is "$(cut -d' ' -f1 began | uniq | wc -l)" 1
  is "$(wjobs history job -o status | sort | paste -sd' ')" "completed lost"
  stop b
  stop c
  is "$(lines began)" 2
}

@test "instances: what could not be written to Redis is spooled, and written at the next start" {
  jobfile <<END
store: "$REDIS"
jobs:
  job: { interval: 1s, command: 'echo x >>ran', shared: false, on_lock_error: run }
END
  instance a
  eventually lines_are ran -ge 1
  redis_stop
  local before
  before=$(lines ran)
  PATIENCE=8 eventually lines_are ran -ge $((before + 2))
  stop a
  is "${ENDED[a]}" 0
  [ -n "$(find "$T/a/state" -name spool)" ]
  redis_again
  before=$(lines ran)
  instance a
  eventually eval "[ \"\$(wjobs stats job -o successful)\" -ge $((before - 1)) ]"
  is "$(find "$T/a/state" -name spool)" ""
}
