# What a jobfile may say, and what is said about one that is wrong.
# shellcheck disable=SC2016 # ${VAR} is meant as it stands

load helper

setup() {
  test_begin
  world=
}

# A directory outside of the test's own goes with it.
teardown() {
  [[ -z $world ]] || rm -rf "$world"
  test_end
}

# The golden file beside each jobfile of the directory is what `$1` prints.
corpus() {
  local file failed=0
  for file in *.yaml; do
    if ! diff -u "${file%.yaml}.want" <("$@" "$file" 2>&1); then
      echo "--- $file" >&2
      failed=1
    fi
  done >&2
  return "$failed"
}

# Must fail with 78, whatever it prints.
wrong() {
  local code=0
  tool jobfile "$1" || code=$?
  ((code == 78)) || echo "status $code"
}

# Each job with the keys that the file gives.
shown() {
  local job
  tool jobfile "$1" || return
  for job in $(tool jobfile "$1" | sed '/^warning/d; /^store /d; s/ .*//'); do
    echo "--- $job"
    tool jobfile "$1" "$job" | sed '/^warning/d; / (default)$/d'
  done
}

shown_anywhere() { shown "$1" | sed "s|$PWD|DIR|g"; }

# loads TEXT - standard input is a good jobfile whose job a shows TEXT.
loads() {
  jobfile
  run tool jobfile wjobs.yaml a
  is "$status" 0
  has "$output" "$1"
}

# fails TEXT - standard input is a jobfile that is refused with TEXT.
fails() {
  jobfile
  run tool jobfile wjobs.yaml
  is "$status" 78
  has "$output" "$1"
}

@test "jobfile: each wrong file has its message, at its place, all at once" {
  cp -R "$DATA/jobfile/bad" .
  cd bad
  corpus wrong
}

@test "jobfile: each good file means what it says" {
  cp -R "$DATA/jobfile/good" .
  cd good
  corpus shown_anywhere
}

@test "jobfile: what show prints can be pasted back" {
  cp "$DATA/jobfile/good/all.yaml" before.yaml
  shown before.yaml >before || true
  {
    echo "timezone: Europe/Berlin"
    echo "shell: /bin/bash"
    echo "jobs:"
    sed '1,/^---/{/^---/!d}; s/^--- \(.*\)/  \1:/; t; s/^/    /' before
  } >after.yaml
  shown after.yaml >after
  diff <(sed '/^warning/d; /^store /d' before) <(sed '/^warning/d; /^store /d' after)
}

@test "jobfile: what show prints of handlers and hooks can be pasted back, too" {
  cp "$DATA/jobfile/good/handlers.yaml" before.yaml
  shown before.yaml >before || true
  {
    sed -n '/^timezone:/,/^handlers:/{/^handlers:/!p}' before.yaml
    local kind
    for kind in jobs:. handlers:handler; do
      echo "${kind%%:*}:"
      tool jobfile before.yaml | grep -E " ${kind#*:}" |
        grep -E " (cron|interval|handler)\$" | while read -r name what; do
        [[ ${kind%%:*} == jobs && $what == handler ]] || {
          echo "  $name:"
          sed -n "/^--- $name\$/,/^---/{/^---/!s/^/    /p}" before
        }
      done
    done
  } >after.yaml
  shown after.yaml >after
  diff <(sed '/^warning/d' before) <(sed '/^warning/d' after)
}

@test "jobfile: a default that nobody wrote is told from one that somebody did" {
  loads "timeout: 5m (default)" <<<'jobs: {a: {interval: 5m, command: x}}'
  loads $'\ntimeout: 5m\n' <<<'jobs: {a: {interval: 5m, command: x, timeout: 5m}}'
  loads $'\ntimeout: 5m\n' <<'END'
jobs: {a: {interval: 5m, command: x}}
defaults: {timeout: 5m}
END
}

@test "jobfile: \${VAR} comes from the environment, where it is allowed" {
  export DIR=/srv EMPTY='' SECRET='s3 ${DIR} # x'
  jobfile <<'END'
store: ${DIR}/x.db
jobs:
  a:
    interval: 5m
    command: echo ${DIR}
    working_dir: ${DIR}/app
    env_file: ["${DIR}/.env", "${NONE:-.env}"]
    env:
      A: <${DIR}>
      B: ${EMPTY}
      C: ${EMPTY:-else}
      D: ${NONE:-}
      E: ${NONE:-a b}
      F: $${DIR} $DIR $ $$ $${
      G: "${SECRET}"
END
  run tool jobfile wjobs.yaml a
  is "$status" 0
  has "$output" "working_dir: /srv/app"
  has "$output" 'command: "echo ${DIR}"'
  has "$output" "env_file: [/srv/.env, $PWD/.env]"
  has "$output" 'A: </srv>, B: "", C: else, D: "", E: a b, F: "$${DIR} $DIR $ $$ $${", G: "s3 $${DIR} # x"'
}

@test "jobfile: an unset variable is an error, unless the environment is left out" {
  jobfile <<'END'
store: ${NO_STORE}
jobs: {a: {interval: 5m, command: x, working_dir: "${NO_DIR}", env: {A: "x${NO_A}y"}}}
END
  run tool jobfile wjobs.yaml
  is "$status" 78
  is "${#lines[@]}" 3
  has "${lines[0]}" "wjobs.yaml:1:8: store: the variable 'NO_STORE' is not set"
  has "${lines[1]}" "wjobs.yaml:2:51: jobs.a.working_dir: the variable 'NO_DIR'"
  run tool jobfile -n wjobs.yaml a
  is "$status" 0
  has "$output" 'env: { A: "x$${NO_A}y" }'
}

@test "jobfile: secrets are masked, by the name of a variable and in URLs" {
  loads 'env: { DB_PASSWORD: "****", api_key: "****", GITHUB_TOKEN: "****", DB: postgres://u:****@h:5/d, R: redis://:****@h, PLAIN: x }' <<'END'
jobs:
  a:
    interval: 5m
    command: x
    env:
      DB_PASSWORD: hush
      api_key: hush
      GITHUB_TOKEN: hush
      DB: postgres://u:hush@h:5/d
      R: redis://:hush@h
      PLAIN: x
END
  [[ $output != *hush* ]]
  fails "no kind of store" <<<'store: redi://:hush@h
jobs: {}'
  [[ $output != *hush* ]]
}

@test "jobfile: an included file's jobs stand where it is included" {
  mkdir -p conf.d/more
  jobfile <<'END'
jobs: {a: {interval: 5m, command: x}}
include: [conf.d/*.yaml, last.yaml, "nothing/*.yaml"]
defaults: {timeout: 7m}
END
  echo 'jobs: {c: {interval: 5m, command: c, working_dir: sub}}' >conf.d/2.yaml
  printf '%s\n' 'include: more/d.yaml' 'handlers: {h: {command: h}}' >conf.d/1.yaml
  echo 'jobs: {d: {interval: 5m, command: d}}' >conf.d/more/d.yaml
  echo '# none yet' >last.yaml
  run tool jobfile wjobs.yaml
  is "$(sed '1,2d; s/ .*//' <<<"$output" | tr '\n' ' ')" "a d c h "
  run tool jobfile wjobs.yaml c
  has "$output" "working_dir: $PWD/sub"
  has "$output" "timeout: 7m"
  cd /
  run tool jobfile "$T/work/wjobs.yaml"
  is "$(sed '1,2d; s/ .*//' <<<"$output" | tr '\n' ' ')" "a d c h "
}

@test "jobfile: files that include one another are refused" {
  echo 'include: b.yaml' >a.yaml
  echo 'include: c.yaml' >b.yaml
  echo 'include: ./a.yaml' >c.yaml
  run tool jobfile a.yaml
  is "$status" 78
  is "$output" "c.yaml:1:10: include: './a.yaml' includes itself, by way of this line"
  echo 'include: self.yaml' >self.yaml
  run tool jobfile self.yaml
  has "$output" "self.yaml:1:10: include: 'self.yaml' includes itself"
}

@test "jobfile: an included file holds jobs, and errors name it" {
  echo 'include: [b.yaml, c.yaml]
jobs: {a: {interval: 5m, command: x, timeout: y}}' >wjobs.yaml
  echo 'store: x
env: {A: b}
jobs: {a: {interval: 5m, command: x}}' >b.yaml
  echo 'jobs: {c: {interval: 5x}}' >c.yaml
  run tool jobfile wjobs.yaml
  is "$status" 78
  is "$output" "wjobs.yaml:2:8: jobs: there is a job 'a' already, at b.yaml:3:8
wjobs.yaml:2:47: jobs.a.timeout: 'y' is not a duration such as 90s or 5m
b.yaml:1:1: 'store' belongs into the jobfile itself; a file that it includes has only 'jobs', 'handlers' and 'include'
b.yaml:2:1: 'env' belongs into the jobfile itself; a file that it includes has only 'jobs', 'handlers' and 'include'
c.yaml:1:22: jobs.c.interval: '5x' is not a duration such as 90s or 5m"
  run tool jobfile -m wjobs.yaml
  has "$output" "include: no file can be included here"
}

@test "jobfile: an unknown job's nearest name is told" {
  jobfile <<<'jobs: {nightly_backup: {interval: 5m, command: x}}'
  run tool jobfile wjobs.yaml nightly_bakcup
  is "$status" 3
  is "$output" "no job 'nightly_bakcup' in $PWD/wjobs.yaml: did you mean 'nightly_backup'?"
  run tool jobfile wjobs.yaml zzz
  is "$output" "no job 'zzz' in $PWD/wjobs.yaml"
}

@test "jobfile: a handler is no job, and a job no handler" {
  jobfile <<'END'
handlers: {send_email: {command: cat}}
jobs: {nightly_backup: {interval: 5m, command: x}}
END
  run tool jobfile -j wjobs.yaml send_email
  is "$status" 3
  is "$output" "'send_email' is a handler: wjobs enqueue send_email"
  run tool jobfile -j wjobs.yaml send_emial
  is "$output" "no job 'send_emial' in $PWD/wjobs.yaml"
  run tool jobfile -q wjobs.yaml nightly_backup
  is "$status" 3
  is "$output" "'nightly_backup' is a job, not a handler: wjobs run nightly_backup"
  run tool jobfile -q wjobs.yaml send_emial
  is "$output" "no handler 'send_emial' in $PWD/wjobs.yaml: did you mean 'send_email'?"
}

@test "jobfile: a handler has a job's keys, with defaults of its own" {
  loads "timeout: 30s (default)" <<<'handlers: {a: {command: x}}'
  has "$output" "retry: { max: 3, delay: 1s, backoff: 2, max_delay: 1h, jitter: 0, on: [any] } (default)"
  has "$output" "workers: 4 (default)"
  [[ $output != *overlap* && $output != *cron* && $output != *stdin* ]]
  loads $'\ntimeout: 5m\n' <<'END'
queue: {workers: 7}
defaults: {timeout: 2m}
handler_defaults: {timeout: 5m, retry: {delay: 2s}}
handlers: {a: {command: x, retry: 1}}
END
  has "$output" "retry: { max: 1, delay: 2s,"
  has "$output" "workers: 7 (default)"
}

@test "jobfile: work of a job has the handler's priority, unless it has its own" {
  loads "priority: 5 (default)" <<'END'
jobs: {a: {interval: 5m, handler: h}}
handlers: {h: {command: x}}
handler_defaults: {priority: 5}
END
  loads $'\npriority: 0\n' <<'END'
jobs: {a: {interval: 5m, handler: h, priority: 0}}
handlers: {h: {command: x, priority: 5}}
END
}

@test "jobfile: a payload has up to 1 MiB" {
  local size
  for size in 1048576 1048577; do
    {
      echo 'handlers: {h: {command: cat}}'
      printf 'jobs: {a: {interval: 5m, handler: h, payload: "'
      head -c "$size" /dev/zero | tr '\0' x
      echo '"}}'
    } >"$size.yaml"
  done
  run tool jobfile 1048576.yaml
  is "$status" 0
  run tool jobfile 1048577.yaml
  is "$status" 78
  is "$output" "1048577.yaml:2:47: jobs.a.payload: has 1048577 bytes: a payload has at most 1 MiB"
}

@test "jobfile: what a job with a handler says of a command is warned about" {
  jobfile <<'END'
handlers: {h: {command: x}, many: {command: y, workers: 5}}
jobs:
  a: {interval: 5m, handler: h, timeout: 1m, retry: {max: 2, delay: 1s}}
  b: {interval: 5m, handler: h, payload: x, env: {A: b}}
  c: {interval: 5m, handler: h, payload: x, env: {A: b}}
  d: {interval: 5m, handler: h, payload: y}
  e: {interval: 5m, handler: many, on_lock_error: skip}
END
  run tool jobfile wjobs.yaml
  is "$status" 0
  is "$(grep ^warning <<<"$output")" "warning: wjobs.yaml:1:29: handlers.many: 'workers' is more than the 4 of queue.workers
warning: wjobs.yaml:3:3: jobs.a: 'timeout' is not used: the handler 'h' has its own
warning: wjobs.yaml:3:3: jobs.a: 'retry.max' is not used: the handler 'h' has its own
warning: wjobs.yaml:3:3: jobs.a: 'retry.delay' is not used: the handler 'h' has its own
warning: wjobs.yaml:4:3: jobs.b: 'env' is not used: the handler 'h' has its own
warning: wjobs.yaml:5:3: jobs.c: has the same handler and payload as 'b'
warning: wjobs.yaml:5:3: jobs.c: 'env' is not used: the handler 'h' has its own
warning: wjobs.yaml:7:3: jobs.e: 'on_lock_error' means nothing to a job with a handler"
}

@test "jobfile: an entry's own hook goes before defaults', and that before the file's" {
  jobfile <<'END'
hooks: {on_failure: tell, on_start: [logger, start], on_failure_repeat: 6h}
defaults: {on_skip: skipped, on_start: none}
handler_defaults: {on_failure_repeat: every, on_retry: again}
jobs:
  plain: {interval: 5m, command: a}
  none: {interval: 5m, command: b, on_failure: none, on_skip: "none"}
  own: {interval: 5m, command: c, on_failure: [none], on_recovery: "x\ny", on_failure_repeat: once}
handlers:
  h: {command: h, on_success: echo done}
END
  hooks() {
    tool jobfile wjobs.yaml "$1" | grep -E '^on_(s|f|re)' | paste -sd'|'
  }
  is "$(tool jobfile wjobs.yaml | grep -c ^warning)" 0
  is "$(hooks plain)" "on_start: none|on_failure: tell|on_skip: skipped|on_failure_repeat: 6h"
  is "$(hooks none)" "on_start: none|on_failure: none|on_skip: none"
  is "$(hooks own)" 'on_start: none|on_failure: [none]|on_skip: skipped|on_recovery: "x\ny"|on_failure_repeat: once'
  is "$(hooks h)" "on_start: [logger, start]|on_success: echo done|on_failure: tell|on_retry: again|on_failure_repeat: every"
}

@test "jobfile: a failure is told once an incident, of a handler each time, unless said" {
  loads "on_failure_repeat: once (default)" <<<'jobs: {a: {interval: 5m, command: x, on_failure: y}}'
  loads "on_failure_repeat: every (default)" <<<'handlers: {a: {command: x, on_failure: y}}'
  jobfile <<<'jobs: {a: {interval: 5m, command: x, on_success: y, on_failure_repeat: 1h}}'
  run tool jobfile wjobs.yaml a
  has "$output" "warning: wjobs.yaml:1:8: jobs.a: 'on_failure_repeat' means nothing without an 'on_failure'"
}

@test "jobfile: entries with the same hooks share what is kept of them" {
  awk 'BEGIN {
    print "hooks: {on_failure: notify-all}\njobs:"
    for (i = 0; i < 1000; i++)
      printf "  j%d: {interval: 5m, command: run %d, on_success: [%s, %d]}\n", i, i, "echo, \"a  b\"", i % 3
  }' >wjobs.yaml
  run tool jobfile -o wjobs.yaml
  is "$output" "3"
  run tool jobfile wjobs.yaml j5
  has "$output" 'on_success: [echo, a  b, 2]'
  has "$output" 'on_failure: notify-all'
}

# Within a second that is mostly the program's start.
quickly() {
  run timeout "$((PATIENCE / 5))" "$TOOLS/jobfile" "$@"
}

@test "jobfile: bombs are refused at once" {
  head -c 100000 /dev/zero | tr '\0' '[' >open.yaml
  quickly open.yaml
  is "$status" 78
  is "$output" "open.yaml:1:33: nested more than 32 deep"

  { printf 'jobs: '; head -c 100000 /dev/zero | tr '\0' '{'; } >brace.yaml
  quickly brace.yaml
  is "$status" 78
  has "$output" "nested more than 32 deep"

  for ((i = 0; i < 20000; i++)); do printf -- '- '; done >dash.yaml
  quickly dash.yaml
  is "$status" 78
  has "$output" "nested more than 32 deep"

  {
    echo 'a: &a0 [x, x]'
    for ((i = 1; i < 30; i++)); do echo "b$i: &a$i [*a$((i - 1)), *a$((i - 1))]"; done
  } >laugh.yaml
  quickly laugh.yaml
  is "$status" 78
  has "$output" "aliases stand for too much"

  {
    printf 'jobs: {a: {interval: 5m, command: &x [echo'
    for ((i = 0; i < 3000; i++)); do printf ', y'; done
    echo ']}'
    for ((i = 0; i < 900; i++)); do echo ", b$i: {interval: 5m, command: *x}"; done
    echo '}'
  } >large.yaml
  quickly large.yaml
  is "$status" 78
  has "$output" "aliases stand for too much"
}

@test "jobfile: aliases are good up to a thousand" {
  {
    echo 'jobs:'
    echo '  a: {interval: 5m, command: x, env: &e {A: b}}'
    for ((i = 1; i <= 1000; i++)); do echo "  b$i: {interval: 5m, command: x $i, env: *e}"; done
  } >wjobs.yaml
  run tool jobfile wjobs.yaml
  is "$status" 0
  is "${#lines[@]}" 1002
  echo "  c: {interval: 5m, command: x, env: *e}" >>wjobs.yaml
  run tool jobfile wjobs.yaml
  is "$status" 78
}

@test "jobfile: what is no regular file, or no jobfile by its size, is refused" {
  mkfifo fifo
  mkdir dir
  truncate -s 5G sparse
  : >empty
  ln -s nowhere dangling
  local file
  for file in "fifo:is a FIFO, not a regular file" \
    "dir:is a directory, not a regular file" \
    "/dev/zero:is a device, not a regular file" \
    "/dev/null:is a device, not a regular file" \
    "sparse:is over 64 MiB: no jobfile is that large" \
    "empty:there is neither a job nor a handler in it" \
    "dangling:cannot be opened: No such file or directory" \
    "absent:cannot be opened: No such file or directory" \
    "no/dir:cannot find the directory 'no': No such file or directory"; do
    quickly "${file%%:*}"
    is "$status" 78
    is "$output" "${file%%:*}: ${file#*:}"
  done
}

@test "jobfile: a file that cannot be read says so" {
  needs nonroot
  jobfile </dev/null
  chmod 0 wjobs.yaml
  run tool jobfile wjobs.yaml
  is "$output" "wjobs.yaml: cannot be opened: Permission denied"
}

@test "jobfile: cut off at any byte, it is refused or read, never more" {
  local text n size
  text=$(<"$DATA/jobfile/good/all.yaml")
  size=${#text}
  for ((n = 0; n < size; n += 37)); do
    printf %s "${text:0:n}" >cut.yaml
    run tool jobfile cut.yaml
    ((status == 78 || status == 0))
    [[ -n $output ]]
  done
}

@test "jobfile: a hundred thousand jobs are read" {
  {
    echo 'jobs:'
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf "  j%d: {cron: \"%d %d * * *\", command: echo %d}\n", i, i % 60, i % 24, i }'
  } >wjobs.yaml
  run --separate-stderr tool jobfile wjobs.yaml
  is "$status" 0
  is "${#lines[@]}" 100001
  is "${lines[100000]}" "j99999 cron"
}

@test "jobfile: a thousand errors are told, and then their number" {
  awk 'BEGIN { print "jobs:"; for (i = 0; i < 1500; i++) printf "  j%d: {interval: x, command: y}\n", i }' >wjobs.yaml
  run tool jobfile wjobs.yaml
  is "$status" 78
  is "${#lines[@]}" 1001
  is "${lines[1000]}" "500 more"
}

# unsafe FLAG... - warned about as root, refused with -s, accepted with -t.
unsafe() {
  run tool jobfile "$1"
  is "$status" 0
  has "$output" "warning: $1: $2"
  run tool jobfile -s "$1"
  is "$status" 78
  has "$output" "$1: $2"
  run tool jobfile -s -t "$1"
  is "$status" 0
  [[ $output != *"$2"* ]]
}

safe() {
  run tool jobfile -s "$1"
  is "$status" 0
  [[ $output != *warning* ]]
}

@test "jobfile: as root, who else could change the file decides" {
  needs root
  # the directories above a test's own may be anybody's
  world=$(mktemp -d /root/wjobs-test.XXXXXX)
  cd "$world"
  echo 'jobs: {a: {interval: 5m, command: x}}' >f.yaml
  local mode
  for mode in 600 644 755 400; do
    chmod "$mode" f.yaml
    safe f.yaml
  done
  for mode in 666 620 602 777; do
    chmod "$mode" f.yaml
    unsafe f.yaml "'$world/f.yaml' is writable by others than root (mode 0$mode)"
  done
  chmod 644 f.yaml
  chown 1234 f.yaml
  unsafe f.yaml "'$world/f.yaml' belongs to user 1234"
  chown 0 f.yaml

  mkdir d
  cp f.yaml d/f.yaml
  safe d/f.yaml
  chmod 775 d
  unsafe d/f.yaml "'$world/d' is writable by others than root (mode 0775)"
  chmod 1777 d
  safe d/f.yaml
  chown 1234 d
  unsafe d/f.yaml "'$world/d' belongs to user 1234"
}

@test "jobfile: as root, a link is looked at from both ends" {
  needs root
  world=$(mktemp -d /root/wjobs-test.XXXXXX)
  cd "$world"
  mkdir open closed
  echo 'jobs: {a: {interval: 5m, command: x}}' | tee open/f.yaml closed/f.yaml >l.yaml
  ln -s open/f.yaml to-open.yaml
  ln -s ../closed/f.yaml open/to-closed.yaml
  ln -s closed/f.yaml fine.yaml
  chmod 777 open
  safe fine.yaml
  unsafe to-open.yaml "'$world/open' is writable by others than root (mode 0777)"
  unsafe open/to-closed.yaml "'$world/open' is writable by others than root (mode 0777)"
  ln -s closed/f.yaml theirs.yaml
  chown -h 1234 theirs.yaml
  unsafe theirs.yaml "'theirs.yaml' belongs to user 1234"
  echo 'include: open/f.yaml' >includes.yaml
  run tool jobfile -s includes.yaml
  is "$status" 78
  has "$output" "open/f.yaml: '$world/open' is writable"
}

@test "jobfile: a fixed time that some change of the clock skips is warned about" {
  jobfile <<'END'
timezone: Europe/Berlin
jobs:
  gap: {cron: "30 2 * * *", command: echo 1}
  list: {cron: ["0 4 * * *", "15 2 * * sun"], command: echo 2}
  wild: {cron: "*/10 2 * * *", command: echo 3}
  before: {cron: "59 1 * * *", command: echo 4}
  after: {cron: "0 3 * * *", command: echo 5}
  winter: {cron: "30 2 * 1 *", command: echo 6}
  utc: {cron: "30 2 * * *", command: echo 7, timezone: UTC}
END
  run tool jobfile wjobs.yaml
  is "$status" 0
  is "$(grep -c ^warning <<<"$output")" 2
  has "${lines[0]}" "wjobs.yaml:3:3: jobs.gap: 02:30 does not exist in Europe/Berlin on "
  has "${lines[0]}" "-03-"
  has "${lines[0]}" ": it then runs at 03:00"
  has "${lines[1]}" "jobs.list: 02:15 does not exist"
}

@test "jobfile: the system's zone is the one of jobs that name none" {
  export TZ=Asia/Kathmandu
  loads "timezone: Asia/Kathmandu (default)" <<<'jobs: {a: {interval: 5m, command: x}}'
  loads "timezone: UTC (default)" <<<'timezone: UTC
jobs: {a: {interval: 5m, command: x}}'
  export TZ=No/Where
  fails "write a 'timezone'" <<<'jobs: {a: {interval: 5m, command: x}}'
}

# What wjobs.yaml(5) says of each key: "SECTION NAME|DEFAULT", and "|" and a
# handler's where it differs.
manual_keys() {
  awk '
    function flush() { if (key != "") print section " " key "|" value; key = "" }
    /^\.Sh/ { flush(); section = "" }
    /^\.Sh KEYS OF THE FILE/ { section = "file" }
    /^\.Sh KEYS OF A JOB/ { section = "job" }
    section != "" && /^\.It Ic / { flush(); key = $3; value = "" }
    key != "" && /^Of a handler / {
      $0 = substr($0, 14); sub(/\.$/, ""); value = value "|" $0
    }
    key != "" && /^Default: / { value = substr($0, 10); sub(/\.$/, "", value) }
  ' "$TOP/man/wjobs.yaml.5"
}

@test "jobfile: wjobs.yaml(5) knows the keys of the table, and their defaults" {
  diff -u <(tool jobfile -k | sort) <(manual_keys | sort)
}

@test "jobfile: wjobs.yaml(5) names the keys to come, and all of them" {
  local key
  for key in $(sed -n '/^\.Sh KEYS TO COME/,/^\.Sh FILES/{s/^\.Ic //p}' "$TOP/man/wjobs.yaml.5" | tr -d ,); do
    printf 'jobs: {a: {interval: 5m, command: x, %s: y}}\n%s: y\n' "$key" "$key" >wjobs.yaml
    run tool jobfile wjobs.yaml
    has "$output" "'$key' is not known yet to this version of wjobs"
  done
}

@test "jobfile: the examples of wjobs.yaml(5) are good" {
  export PGPASSWORD=x
  mkdir jobs.d
  awk '/^\.Bd -literal/ { n++; next } /^\.Ed/ { on = 0 }
    /^(timezone|jobs|env|queue|hooks): ?/ { on = 1 } /^\./ { on = 0 }
    on { print > (n ".yaml") }' "$TOP/man/wjobs.yaml.5"
  (($(find . -name '[0-9]*.yaml' | wc -l) >= 6))
  local file
  for file in [0-9]*.yaml; do
    grep -qE '^(jobs|handlers):' "$file" ||
      echo 'jobs: {any: {interval: 5m, command: x}}' >>"$file"
    run tool jobfile -t "$file"
    is "$status" 0
    [[ $output != *warning* ]]
  done
}
