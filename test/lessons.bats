# The faults of the system that wjobs descends from, each by its number, so
# that none comes back. Not here are those of parts that wjobs does not have:
# W10 (a clock read without a lock; one thread thinks, and `make check
# SAN=thread` watches the other), W17 and W18 (locks with a time to live), W25
# (a health check).

load helper

# fires N EXPR FROM [ZONE] - the next instants after FROM, in UTC.
fires() {
  wjobs next "$2" -n "$1" --from "$3" --timezone "${4:-UTC}" -o time --utc |
    sed 's/\.000Z$//'
}

# history_has LINE ARG... - one line of it.
history_has() {
  local want=$1
  shift
  "$WJOBS" history "$@" 2>/dev/null | grep -qxF "$want"
}

# starts KEY=VALUE... - the instants for which the simulated scheduler starts a
# run of one job, from noon on 2026-01-05, as "START DUE" without the date.
starts() {
  tool sim script from=2026-01-05T12:00:30Z "$@" |
    sed -n 's/^2026-01-05T\(.*\)Z start 2026-01-05T\(.*\)Z .*/\1 \2/p' |
    sed 's/\.000//g'
}

@test "W1: a schedule that never comes is refused, and at once" {
  local begun=$SECONDS
  refuses 2 "never" next '0 0 30 2 *'
  jobfile <<'END'
jobs:
  never:
    cron: "0 0 30 2 *"
    command: "true"
END
  refuses 78 "wjobs.yaml:3:" next
  ((SECONDS - begun <= PATIENCE))
}

@test "W1: the 29th of February is found beyond a year without one" {
  is "$(fires 1 '0 0 29 2 *' 2096-03-01T00:00:00Z)" 2104-02-29T00:00:00
}

@test "W2: an hourly job fires in a zone of half hours" {
  is "$(fires 3 '0 * * * *' 2024-01-01T00:00:00Z Asia/Kolkata)" \
    $'2024-01-01T00:30:00\n2024-01-01T01:30:00\n2024-01-01T02:30:00'
  is "$(fires 2 '15 * * * *' 2024-01-01T00:00:00Z Asia/Kathmandu)" \
    $'2024-01-01T00:30:00\n2024-01-01T01:30:00'
}

@test "W3: a time that is skipped fires once, right after the gap" {
  is "$(fires 3 '30 2 * * *' 2024-03-09T12:00:00Z America/New_York)" \
    $'2024-03-10T07:00:00\n2024-03-11T06:30:00\n2024-03-12T06:30:00'
}

@test "W3: a time that comes twice fires once, the first time" {
  is "$(fires 3 '30 1 * * *' 2024-11-02T12:00:00Z America/New_York)" \
    $'2024-11-03T05:30:00\n2024-11-04T06:30:00\n2024-11-05T06:30:00'
}

@test "W4: an early wake-up, or a clock set back, repeats no instant" {
  is "$(starts until=2026-01-05T12:04:10Z 'cron=* * * * *' lasts=1s \
    @2026-01-05T12:01:00.500Z=step:-600ms @2026-01-05T12:02:20Z=step:-30s)" \
    $'12:01:00 12:01:00\n12:02:00 12:02:00\n12:03:00 12:03:00\n12:04:00 12:04:00'
}

@test "W5: an instant that finds the last run under way is on record" {
  tool sim script from=2026-01-05T12:00:30Z until=2026-01-05T12:04:10Z \
    'cron=* * * * *' lasts=150s >got
  is "$(grep -c ' start ' got)" 2
  is "$(grep -c ' skipped .* overlap' got)" 2
}

@test "W6: an interval of nothing is refused" {
  local interval
  for interval in 0s -1s 0; do
    jobfile <<END
jobs:
  spin:
    interval: $interval
    command: "true"
END
    refuses 78 "wjobs.yaml:3:" next
  done
}

@test "W6: what a job does to itself stops no other" {
  jobfile <<'END'
jobs:
  crash: { interval: 100ms, command: "kill -SEGV $$", overlap: allow }
  sound: { interval: 100ms, command: "echo >>sound.out" }
END
  scheduler_start
  eventually lines_are sound.out -ge 3
  eventually history_has 'failed	signal' crash -o status,reason
  scheduler_stop
  is "$scheduler_status" 0
}

@test "W7: no run of a stopped scheduler lives on in the next" {
  jobfile <<'END'
jobs: { beat: { interval: 100ms, command: "echo $WJOBS_SCHEDULED_AT >>at" } }
END
  for _ in 1 2 3; do
    rm -f at.seen
    scheduler_start
    eventually lines_are at -ge 2
    scheduler_stop
    sort at | uniq -d >twice
    is "$(<twice)" ""
    mv at at.seen
  done
}

@test "W8: a run by hand tells how it went, and respects the run under way" {
  jobfile <<'END'
jobs:
  bad: { interval: 1d, command: "exit 7" }
  slow: { interval: 1d, command: "echo >begun; sleep 60" }
END
  run wjobs run bad
  is "$status" 7
  "$WJOBS" run slow 3>&- 4>&- &
  eventually test -e begun
  run --separate-stderr wjobs run slow
  is "$status" 75
  has "$stderr" "wjobs: "
  kill -TERM $!
  wait $! || is $? 143
}

@test "W9: a name stands for one job" {
  jobfile <<'END'
jobs:
  twice:
    cron: "@daily"
    command: echo one
  twice:
    interval: 1h
    command: echo two
END
  refuses 78 "wjobs.yaml:5:3: " next
}

@test "W11: seconds are not dropped" {
  is "$(fires 3 '*/10 * * * * *' 2024-01-01T00:00:00Z)" \
    $'2024-01-01T00:00:10\n2024-01-01T00:00:20\n2024-01-01T00:00:30'
}

@test "W12: a step after a number is not dropped" {
  is "$(fires 5 '5/15 * * * *' 2024-01-01T00:00:00Z | cut -c 12-16)" \
    $'00:05\n00:20\n00:35\n00:50\n01:05'
}

@test "W13: Sunday is 0 and 7, at both ends of a range" {
  # 2024-01-01 is a Monday.
  is "$(fires 7 '0 12 * * 0-7' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n02\n03\n04\n05\n06\n07'
  is "$(fires 4 '0 12 * * 5-7' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'05\n06\n07\n12'
}

@test "W14: a range of all days is not a star" {
  # Either may match: each day.
  is "$(fires 3 '0 12 1-31 * 1' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n02\n03'
  # A star with a step is one: both must match, so Mondays.
  is "$(fires 3 '0 12 */1 * 1' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n08\n15'
}

@test "W15: however fast a job ends, its instant is not run again" {
  jobfile <<'END'
jobs: { fast: { interval: 100ms, command: "echo $WJOBS_SCHEDULED_AT >>at" } }
END
  scheduler_start
  eventually lines_are at -ge 5
  # The one who would run it again is turned away.
  run --separate-stderr wjobs run
  is "$status" 75
  eventually lines_are at -ge 10
  scheduler_stop
  is "$(sort at | uniq -d)" ""
}

@test "W16: an interval's grid is the same for every start" {
  local at
  # Seven seconds, from the epoch on; from wherever one looks.
  for at in 30 31 33; do
    is "$(tool sim script "from=2026-01-05T12:00:${at}Z" interval=7s lasts=1s \
      until=2026-01-05T12:00:48Z | sed -n 's/Z start .*//p' | tail -n 2)" \
      $'2026-01-05T12:00:36.000\n2026-01-05T12:00:43.000'
  done
}

@test "W19: a store that cannot be read is not an empty one" {
  jobfile <<'END'
jobs: { a: { interval: 1d, command: "true" } }
END
  wjobs run a
  local store
  store=$(echo "$WJOBS_STATE_DIR"/*/wjobs.db)
  is "$(wjobs history a -o status)" completed
  rm -f "$store"*
  head -c 8192 /dev/urandom >"$store"
  refuses 4 "wjobs: " history a
  refuses 4 "wjobs: " show 01ARZ3NDEKTSV4RRFFQ69G5FAV
}

@test "W20: a store that does not answer stops no run" {
  tool sim script from=2026-01-05T12:00:30Z until=2026-01-05T12:05:10Z \
    'cron=* * * * *' @2026-01-05T12:01:30Z=store:down \
    @2026-01-05T12:03:30Z=store:up >got
  is "$(grep -c ' start ' got)" 5
  is "$(grep -c ' completed ' got)" 5
}

@test "W21: skips push no runs out of history, and count for themselves" {
  jobfile <<'END'
history: { keep: 2 }
jobs:
  slow: { interval: 100ms, command: "echo >>begun; sleep 0.5" }
END
  scheduler_start
  eventually lines_are begun -ge 4
  scheduler_stop
  is "$(wjobs history slow --status completed -o status | sort -u)" completed
  is "$(wjobs history slow --status completed -o status | wc -l)" 2
  # Successive ones for one reason are one record.
  (($(wjobs history slow -n 1000 --status skipped -o id | wc -l) <= $(lines begun)))
  is "$(wjobs stats slow --json | jq '.total == .successful + .skipped')" true
}

@test "W22: a run that timed out has ended, in the records too" {
  jobfile <<'END'
jobs: { stuck: { interval: 1d, command: "sleep 60", timeout: 100ms } }
END
  run wjobs run stuck
  is "$status" 124
  is "$(wjobs history stuck -o status,reason)" $'failed\ttimeout'
}

@test "W23: what kill -9 left running is found lost" {
  jobfile <<'END'
jobs: { long: { interval: 100ms, command: "echo $$ >pid; exec sleep 60" } }
END
  scheduler_start
  eventually history_has running long -o status
  eventually test -s pid
  kill -KILL "$scheduler"
  scheduler_wait
  kill -KILL "$(<pid)"
  jobfile <<'END'
jobs: { long: { interval: 1d, command: "true" } }
END
  scheduler_start
  eventually history_has 'lost	crash' long -o status,reason
  is "$(wjobs history long --status running -o id)" ""
}

@test "W24: statistics have their least, their average and their most" {
  jobfile <<'END'
jobs: { a: { interval: 1d, command: "sleep 0.02" } }
END
  wjobs run a
  wjobs run a
  wjobs stats a --json >stats.json
  is "$(jq '.total, .successful, (.min_duration > 0),
    (.min_duration <= .average_duration),
    (.average_duration <= .max_duration)' stats.json | paste -sd ' ')" \
    "2 2 true true true"
}

@test "W26: the more urgent goes first where slots are short" {
  jobfile <<'END'
pool: { size: 1 }
defaults: { run_immediately: true, cron: "0 0 29 2 *" }
jobs:
  first: { command: "sleep 0.2" }
  low: { command: "echo low >>order; sleep 0.1", priority: -5 }
  middle: { command: "echo middle >>order; sleep 0.1" }
  high: { command: "echo high >>order; sleep 0.1", priority: 5 }
END
  scheduler_start
  eventually lines_are order -ge 3
  scheduler_stop
  is "$(<order)" $'high\nmiddle\nlow'
}

@test "W27: retries are retries, not attempts, and none is none" {
  is "$(starts until=2026-01-05T12:03:30Z 'cron=1 * * * *' lasts=0s fails=9 \
    retry=5 retry_delay=2s | cut -d ' ' -f 1)" \
    $'12:01:00\n12:01:02\n12:01:06\n12:01:14\n12:01:30\n12:02:02'
  is "$(starts until=2026-01-05T12:03:30Z 'cron=1 * * * *' fails=9 retry=0 |
    wc -l)" 1
}

@test "W28: waits grow to their limit and never shrink" {
  # Four days of attempts: soon an hour apart, and an hour they stay.
  tool sim script from=2026-01-05T12:00:30Z until=2026-01-09T12:00:00Z \
    'cron=1 12 5 * *' lasts=0s fails=1000 retry=1000 retry_delay=1s |
    sed -n 's/Z start .*//p' >starts
  (($(lines starts) > 90))
  (($(lines starts) < 120))
  is "$(tail -n 80 starts | cut -c 15- | sort -u | wc -l)" 1
}

@test "W28: no number of attempts makes a wait overflow, shrink or vanish" {
  is "$(tool retry)" kept
}

@test "W29: a retry that finds the pool full waits, and is not lost" {
  jobfile <<'END'
pool: { size: 1 }
defaults: { run_immediately: true, cron: "0 0 29 2 *" }
jobs:
  flaky:
    command: echo $WJOBS_ATTEMPT >>attempts; test $WJOBS_ATTEMPT -eq 2
    retry: { max: 1, delay: 100ms }
    priority: 5
  long: { command: "sleep 0.5" }
END
  scheduler_start
  eventually history_has completed flaky -o status
  scheduler_stop
  is "$(<attempts)" $'1\n2'
}

@test "W30: stopping ends, and what runs is let finish" {
  jobfile <<'END'
jobs: { work: { interval: 100ms, command: "echo >>begun; sleep 0.3; echo >>ended" } }
END
  for _ in 1 2; do
    scheduler_start
    eventually lines_are begun -ge 2
    scheduler_stop
    is "$scheduler_status" 0
    is "$(lines begun)" "$(lines ended)"
    rm begun ended
  done
}

@test "W31: what waits to be tried again outlives the scheduler" {
  tool sim script from=2026-01-05T12:00:30Z until=2026-01-05T12:40:10Z \
    'cron=1 * * * *' fails=1 retry=1 retry_delay=5m \
    @2026-01-05T12:02:00Z=crash:1m >got
  grep -q 'start .* schedule 2$' got
  is "$(tail -n 1 got | cut -d ' ' -f 2)" completed
}

@test "W32: what is not known is refused, never dropped" {
  jobfile <<'END'
jobs: { mail: { interval: 1h, handler: send_email } }
END
  refuses 78 "handler" next
  jobfile <<'END'
jobs: { mail: { interval: 1h, command: "true", retires: 3 } }
END
  refuses 78 "retry" next
}

@test "W33: a job that will not go away holds no slot" {
  jobfile <<'END'
pool: { size: 1 }
jobs:
  stubborn:
    cron: "0 0 29 2 *"
    run_immediately: true
    command: trap "" TERM; echo >begun; while :; do sleep 1; done
    timeout: 200ms
    kill_after: 200ms
    priority: 5
  other: { interval: 100ms, command: "echo >>other.out" }
END
  scheduler_start
  eventually test -e begun
  eventually lines_are other.out -ge 1
  eventually history_has 'failed	timeout' stubborn -o status,reason
  scheduler_stop
}

@test "W34: a log that cannot be written ends no run" {
  jobfile <<'END'
jobs: { loud: { interval: 100ms, command: "echo loud; echo >>done" } }
END
  "$WJOBS" run >/dev/full 2>/dev/full 3>&- 4>&- &
  scheduler=$!
  eventually lines_are done -ge 3
  scheduler_stop
  is "$(wjobs history loud --status failed -o id)" ""
}
