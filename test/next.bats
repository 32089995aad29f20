load helper

jobs() {
  jobfile <<'END'
timezone: Europe/Berlin
jobs:
  daily:
    cron: "30 2 * * *"
    command: "true"
  tokyo:
    cron: "0 9 * * *"
    timezone: Asia/Tokyo
    command: "true # tokyo"
  often:
    interval: 6h
    jitter: 1h
    command: "true # often"
  off:
    enabled: false
    cron: "* * * * *"
    command: "true # off"
END
}

@test "next: JSON is job, time, epoch, zone" {
  gives '{"job":null,"time":"2026-03-29T03:00:00.000+02:00","epoch":1774746000,"zone":"Europe/Berlin"}' \
    next '30 2 * * *' --timezone Europe/Berlin --from 2026-03-28T12:00:00Z -n 1 --json
}

@test "next: an expression needs no jobfile and is in the system's zone" {
  TZ=Asia/Kolkata gives $'2026-01-01T09:00:00.000+05:30\tAsia/Kolkata' \
    next '0 9 * * *' --from 2026-01-01 -n 1 -o time,zone
  gives '2026-02-01T00:00:00.000+00:00' next @monthly --from 2026-01-01T00:00:00Z -n 1 -o time
  gives $'1767225690\n1767225780' next '@every 90s' --from 2026-01-01 -n 2 -o epoch
}

@test "next: fires lie after --from, never at it" {
  gives '1767312000' next @daily --from 2026-01-01T00:00:00Z -n 1 -o epoch
}

@test "next: --until ends the list, inclusively, and needs no count" {
  gives $'1767312000\n1767398400' next @daily --from 2026-01-01 --until 2026-01-03 -o epoch
  gives '1767312000' next @daily --from 2026-01-01 --until 2026-01-03 -n 1 -o epoch
  gives '' next @daily --from 2026-01-01 --until 2026-01-01T12:00:00Z -o epoch
  is "$(wjobs next @hourly --from 2026-01-01 --until 2026-01-31 -o epoch | wc -l)" 720
}

@test "next: ten fires unless told, and from now" {
  is "$(wjobs next '* * * * *' -o epoch | wc -l)" 10
  local first
  first=$(wjobs next '* * * * *' -n 1 -o epoch)
  ((first > EPOCHSECONDS - 1 && first <= EPOCHSECONDS + 60))
}

@test "next: a bare duration is ahead" {
  local plain bare
  plain=$(wjobs next @hourly --from +1d -n 1 -o epoch)
  bare=$(wjobs next @hourly --from 1d -n 1 -o epoch)
  is "$plain" "$bare"
  ((plain > EPOCHSECONDS + 80000))
}

@test "next: sub-second instants have their milliseconds" {
  gives $'2026-01-01T00:00:00.250+00:00\t1767225600.25' \
    next '@every 250ms' --from 2026-01-01 -n 1 -o time,epoch
}

@test "next: --utc and --epoch change how times are written" {
  gives '2026-01-01T08:00:00.000Z' next '0 9 * * *' --timezone Europe/Berlin \
    --from 2026-01-01 -n 1 -o time --utc
  gives '{"time":1767254400}' next '0 9 * * *' --timezone Europe/Berlin \
    --from 2026-01-01 -n 1 -o time --epoch --json
}

@test "next: without a name all jobs are merged in order of time, then of the file" {
  jobs
  gives $'tokyo\t2026-01-01T09:00:00.000+09:00
often\t2026-01-01T01:00:00.000+01:00
daily\t2026-01-01T02:30:00.000+01:00
often\t2026-01-01T07:00:00.000+01:00
often\t2026-01-01T13:00:00.000+01:00
often\t2026-01-01T19:00:00.000+01:00
tokyo\t2026-01-02T09:00:00.000+09:00
often\t2026-01-02T01:00:00.000+01:00' next --from 2026-01-01 -n 8 -o job,time
}

@test "next: a job's own zone reads --from, and stays its schedule's" {
  jobs
  gives '2026-01-02T09:00:00.000+09:00' next tokyo --from '2026-01-01 12:00' -n 1 -o time
  gives $'2026-01-02T00:00:00.000+00:00\tUTC' \
    next tokyo --timezone UTC --from '2026-01-01 12:00' -n 1 -o time,zone
}

@test "next: jitter is not part of the instant" {
  jobs
  gives '1767225600' next often --from 2025-12-31T23:00:00Z -n 1 -o epoch
}

@test "next: a job that is not enabled is never due" {
  jobs
  run --separate-stderr wjobs next off
  [[ $status == 0 && -z $output ]]
  has "$stderr" "'off' is not enabled"
  run ! grep -q off <(wjobs next -n 100 -o job)
}

@test "next: @reboot is due at boot, not by the clock" {
  run --separate-stderr wjobs next @reboot
  [[ $status == 0 && -z $output && $stderr == *"due at boot"* ]]
}

@test "next: an unknown job is 3 and names the nearest" {
  jobs
  refuses 3 "did you mean 'daily'?" next dayly
}

@test "next: no jobfile is 78, a wrong one lists all its errors" {
  refuses 78 "jobfile" next
  jobfile <<'END'
jobs:
  a:
    cron: "61 * * * *"
    command: "true"
  b:
    interval: 5
    command: "true # b"
END
  refuses 78 "wjobs.yaml:3:" next
  has "$stderr" "wjobs.yaml:6:"
  is "${#stderr_lines[@]}" 2
}

@test "next: bad expressions, times and zones are a misuse" {
  refuses 2 "minute" next '61 * * * *'
  refuses 2 "never" next '0 0 30 2 *'
  refuses 2 "--from: " next @daily --from yesterday
  refuses 2 "--until: " next @daily --until 25:00
  refuses 2 "--timezone: " next @daily --timezone Mars/Base
}

@test "next: the jobfile may come on standard input" {
  jobs
  run --separate-stderr wjobs -f - next daily -n 1 --from 2026-01-01 -o epoch <wjobs.yaml
  is "$output" 1767231000
}

@test "next: 29 February is found over a century that has none" {
  gives '2104-02-29T00:00:00.000+00:00' next '0 0 29 2 *' --from 2096-03-01 -n 1 -o time
}

@test "next: the table says when, in how long, and which" {
  jobs
  run --separate-stderr wjobs next daily --from 2026-01-01 -n 1
  is "${lines[0]%% *}" TIME
  has "${lines[1]}" "2026-01-01 02:30:00 +0100"
  has "${lines[1]}" "daily"
  has "${lines[1]}" "Europe/Berlin"
  [[ $output != *$'\e'* ]]
}
