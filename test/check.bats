# wjobs check, as a person and as a script see it.

load helper

@test "check: each job has its schedule in plain words and three fires" {
  jobfile <<'END'
timezone: Asia/Kolkata
jobs:
  a: {cron: "0 3 * * *", command: echo a}
  b: {interval: 1d, anchor: 2026-01-01 12:00, command: echo b, timezone: UTC}
  off: {cron: "0 3 * * *", command: echo off, enabled: false}
END
  run --separate-stderr wjobs check
  is "$status" 0
  is "$stderr" ""
  has "${lines[0]}" "JOB"
  [[ ${lines[1]} =~ ^a\ +20..-..-..\ 03:00:00\ \+0530\ .*03:00.*Asia/Kolkata ]]
  [[ ${lines[2]} =~ ^\ +20..-..-..\ 03:00:00\ \+0530$ ]]
  [[ ${lines[3]} =~ ^\ +20..-..-..\ 03:00:00\ \+0530$ ]]
  [[ ${lines[4]} =~ ^b\ +20..-..-..\ 12:00:00\ \+0000\ .*1d ]]
  [[ ${lines[7]} =~ ^off\ +disabled\  ]]
  is "${lines[8]}" "3 jobs, no errors, 0 warnings"
}

@test "check: a handler runs when work is put in, and fires by no clock" {
  jobfile <<'END'
timezone: UTC
jobs:
  digest: {cron: "@daily", handler: send_email}
handlers:
  send_email: {command: cat}
  resize: {command: [convert, -]}
END
  run --separate-stderr wjobs check
  is "$status" 0
  is "$stderr" ""
  [[ ${lines[1]} =~ ^digest\ +20..-..-..\ 00:00:00 ]]
  [[ ${lines[4]} =~ ^send_email\ +-\ +runs\ when\ work\ is\ put\ in$ ]]
  [[ ${lines[5]} =~ ^resize\ +-\ +runs\ when ]]
  is "${lines[6]}" "1 job, 2 handlers, no errors, 0 warnings"
  is "$(wjobs check --json | tail -n 1)" \
    '{"job":"resize","kind":"handler","schedule":"runs when work is put in","cron":null,"interval":null,"timezone":"UTC","enabled":true,"next":[]}'
}

@test "check: two handlers with one command are warned about, a job and a handler are not" {
  jobfile <<'END'
handlers:
  a: {command: cat, timeout: 5s}
  b: {command: cat}
jobs:
  c: {interval: 5m, command: cat}
END
  run --separate-stderr wjobs check
  is "$status" 0
  is "$stderr" "wjobs: warning: wjobs.yaml:3:3: handlers.b: has the same command as 'a'"
}

@test "check: errors are told all at once, on standard error, with 78" {
  jobfile <<'END'
jobs:
  sync: {interval: x5, command: x}
  b: {cron: "61 * * * *"}
END
  run --separate-stderr wjobs check
  is "$status" 78
  is "$output" ""
  is "${stderr_lines[0]}" "wjobs: wjobs.yaml:2:20: jobs.sync.interval: 'x5' is not a duration such as 90s or 5m"
  has "${stderr_lines[1]}" "wjobs: wjobs.yaml:3:14: jobs.b.cron: minute: '61'"
  is "${#stderr_lines[@]}" 2
}

@test "check: warnings go to standard error, and -q silences them" {
  jobfile <<'END'
jobs:
  a: {interval: 5m, command: make}
  b: {interval: 6m, command: make}
END
  run --separate-stderr wjobs check
  is "$status" 0
  is "$stderr" "wjobs: warning: wjobs.yaml:3:3: jobs.b: has the same command as 'a'"
  has "$output" "2 jobs, no errors, 1 warning"
  run --separate-stderr wjobs -q check
  is "$status" 0
  is "$stderr" ""
}

@test "check: --json is an object a job" {
  needs jq
  jobfile <<'END'
timezone: Europe/Berlin
jobs:
  a: {cron: ["0 3 * * *", "@hourly"], command: echo a}
  b: {interval: 90s, command: echo b}
  off: {cron: "0 3 * * *", command: echo off, enabled: false}
END
  run --separate-stderr wjobs check --json
  is "$status" 0
  is "${#lines[@]}" 3
  is "$(jq -r '[.job, .kind, .interval, .enabled, (.next | length)] | @tsv' <<<"$output")" \
    "a	cron		true	3
b	interval	90	true	3
off	cron		false	0"
  is "$(jq -c '.cron' <<<"$output")" '["0 3 * * *","@hourly"]
null
"0 3 * * *"'
  is "$(wjobs check -o job,timezone,enabled)" "a	Europe/Berlin	true
b	Europe/Berlin	true
off	Europe/Berlin	false"
}

@test "check: --no-env leaves variables that are not set" {
  # shellcheck disable=SC2016
  jobfile <<<'jobs: {a: {interval: 5m, command: x, env: {A: "${NOT_SET_HERE}"}}}'
  refuses 78 "the variable 'NOT_SET_HERE' is not set" check
  run wjobs check --no-env
  is "$status" 0
}

@test "check: reads standard input" {
  run --separate-stderr wjobs -f - check <<<'jobs: {a: {interval: 5m, command: x}}'
  is "$status" 0
  has "$output" "1 job, no errors"
  run --separate-stderr wjobs -f - check <<<'jobs: {a: {interval: 5}}'
  is "$status" 78
  has "$stderr" "wjobs: -:1:22: jobs.a.interval: "
}

@test "check: without a jobfile the places tried are named" {
  refuses 78 "no jobfile: name one with -f or WJOBS_FILE (tried wjobs.yaml, $XDG_CONFIG_HOME/wjobs/wjobs.yaml, /etc/wjobs/wjobs.yaml)" check
  refuses 78 "wjobs: none.yaml: cannot be opened: No such file" -f none.yaml check
  mkdir -p "$XDG_CONFIG_HOME/wjobs"
  echo 'jobs: {mine: {interval: 5m, command: x}}' >"$XDG_CONFIG_HOME/wjobs/wjobs.yaml"
  is "$(wjobs check -o job)" mine
  jobfile <<<'jobs: {here: {interval: 5m, command: x}}'
  is "$(wjobs check -o job)" here
  echo 'jobs: {named: {interval: 5m, command: x}}' >other.yaml
  is "$(WJOBS_FILE=other.yaml wjobs check -o job)" named
  is "$(WJOBS_FILE=none wjobs -f wjobs.yaml check -o job)" here
}

@test "check: creates nothing" {
  jobfile <<<'jobs: {a: {interval: 5m, command: x}}'
  run wjobs check
  is "$status" 0
  is "$(ls -A)" wjobs.yaml
  [[ ! -e $WJOBS_STATE_DIR ]]
}

@test "check: a job that usually takes longer than its gap is warned about" {
  jobfile <<<'jobs: {slow: {interval: 100ms, command: sleep 0.2, enabled: false}}'
  run wjobs run slow
  is "$status" 0
  run --separate-stderr wjobs check
  is "$status" 0
  has "$stderr" "wjobs: warning: wjobs.yaml:1:8: jobs.slow: it usually takes "
  has "$stderr" ", and is due each 100ms"
}

@test "check: the example is without error or warning" {
  cp "$TOP/wjobs.yaml.example" wjobs.yaml
  run --separate-stderr wjobs check
  is "$status" 0
  is "$stderr" ""
  has "$output" health_check
  has "$output" nightly_backup
  has "$output" weekly_report
}
