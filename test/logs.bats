load helper

past() { tool past wjobs.yaml "$@"; }

one_job() {
  jobfile <<'END'
jobs:
  noisy:
    cron: "0 3 * * *"
    command: "true"
END
}

@test "logs: what a job's last run wrote, byte for byte when piped" {
  one_job
  past job=noisy status=completed scheduled=2026-01-01 duration=1s head=old \
    + job=noisy status=completed scheduled=2026-01-02 duration=1s \
    head=$'\e[31mred\e[0m\r\n\xff no newline' >/dev/null
  wjobs logs noisy >out
  is "$(od -An -c out)" "$(printf '\e[31mred\e[0m\r\n\xff no newline' | od -An -c)"
}

@test "logs: a run by the beginning of its id" {
  one_job
  local id
  id=$(past job=noisy status=completed scheduled=2026-01-01 duration=1s head=old)
  past job=noisy status=completed scheduled=2026-01-02 duration=1s head=new \
    >/dev/null
  gives old logs "${id:0:18}"
  gives new logs noisy
}

@test "logs: skips are no runs" {
  one_job
  past job=noisy status=completed scheduled=2026-01-01 duration=1s head=old \
    + job=noisy status=skipped scheduled=2026-01-02 reason=overlap >/dev/null
  gives old logs noisy
}

@test "logs: a line on standard error says how much is left out" {
  needs terminal
  one_job
  past job=noisy status=completed scheduled=2026-01-01 duration=1s \
    head=begin. tail=.end bytes=1000010 >/dev/null
  run --separate-stderr wjobs logs noisy
  is "$output" "begin..end"
  is "$stderr" "wjobs: 1000000 bytes are left out here"
  gives '{"output_bytes":1000010,"omitted_bytes":1000000,"output":"begin..end"}' \
    logs noisy --json -o output_bytes,omitted_bytes,output
}

# What a terminal is shown.
on_terminal() { script -qec "$*" /dev/null </dev/null | tr -d '\r'; }

@test "logs: a terminal is shown control characters, --raw passes them" {
  needs terminal
  needs script
  one_job
  past job=noisy status=completed scheduled=2026-01-01 duration=1s \
    head=$'a\tb\n\e]0;title\a€\x9b no newline' >/dev/null
  is "$(on_terminal wjobs logs noisy; echo .)" \
    $'a\tb\n\\x1b]0;title\\x07€\\x9b no newline\n.'
  has "$(on_terminal wjobs logs --raw noisy)" $'\e]0;title\a'
}

@test "logs: nothing yet is nothing, an unknown name is 3" {
  one_job
  run --separate-stderr wjobs logs noisy
  [[ $status == 0 && -z $output && $stderr == *"has not run yet"* ]]
  refuses 3 "no job or run 'nosy', did you mean 'noisy'?" logs nosy
  [[ ! -e $WJOBS_STATE_DIR ]]
}

# A run under way, whose output is what is written to descriptor 7.
run_begins() {
  id=$(past job=noisy status=running scheduled=2026-01-01 owner=$$)
  mkfifo output
  "$TOOLS/past" "$1" wjobs.yaml "$id" <output 3>&- &
  exec 7>output
  eventually test -e "$(echo "$WJOBS_RUNTIME_DIR"/*)/$id.live"
}

@test "logs -F: follows a run while it runs, to its end" {
  one_job
  run_begins --live
  "$WJOBS" logs -F "${id:0:20}" >out 2>err 3>&- 7>&- &
  local pid=$!
  printf 'one\n' >&7
  eventually grep -q one out
  printf 'two without newline' >&7
  eventually grep -q two out
  exec 7>&-
  past job=noisy id="$id" status=completed scheduled=2026-01-01 duration=1s \
    head=recorded >/dev/null
  wait "$pid"
  is "$(<out)" $'one\ntwo without newline'
  is "$(<err)" ""
}

shows() { [[ $(wjobs logs "$2") == "$1" ]]; }

@test "logs: a run under way shows what it wrote so far" {
  one_job
  run_begins --live
  printf 'so far' >&7
  eventually shows 'so far' noisy
  exec 7>&-
}

@test "logs -F: a scheduler that died ends it" {
  one_job
  run_begins --live-dies
  printf 'last words' >&7
  exec 7>&-
  timeout 10 "$WJOBS" logs -F "$id" >out 2>err 3>&-
  is "$(<out)" "last words"
  has "$(<err)" "died"
}

@test "logs -F: a job is followed from run to run" {
  one_job
  "$WJOBS" logs -F noisy >out 2>err 3>&- &
  local pid=$!
  past job=noisy status=completed scheduled=2026-01-01 duration=1s \
    head=$'first\n' >/dev/null
  eventually grep -q first out
  past job=noisy status=failed scheduled=2026-01-02 duration=1s \
    head=$'second\n' >/dev/null
  eventually grep -q second out
  kill "$pid"
  is "$(<out)" $'first\nsecond'
  is "$(grep -c '^wjobs: run ' err)" 2
}

@test "logs -F: ends when its reader has gone" {
  one_job
  past job=noisy status=completed scheduled=2026-01-01 duration=1s \
    head=$'first\n' >/dev/null
  timeout 20 "$WJOBS" -q logs -F noisy 2>err | head -n 1 >out
  ((PIPESTATUS[0] != 124))
  is "$(<out)" first
  is "$(<err)" ""
}

@test "logs -F: a run that has ended is printed, and that is that" {
  one_job
  local id
  id=$(past job=noisy status=completed scheduled=2026-01-01 duration=1s \
    head=recorded)
  gives recorded logs -F "$id"
  refuses 2 "-F" logs -F --json "$id"
}

@test "logs: what an attempt wrote is there while its run waits for the next" {
  jobfile <<'END'
jobs:
  flaky:
    cron: "0 3 * * *"
    run_immediately: true
    command: '[ "$WJOBS_ATTEMPT" -gt 1 ] || echo first; exit 1'
    retry: { max: 1, delay: 1s }
END
  # Long enough to look meanwhile, also under valgrind.
  sed -i "s/1s/$((PATIENCE / 5))s/" wjobs.yaml
  waits() { [[ $(wjobs history -o status) == pending ]]; }
  scheduler_start
  eventually waits
  gives first logs flaky
  scheduler_stop
  gives first logs flaky
  sed -i '/run_immediately/d' wjobs.yaml
  failed() { [[ $(wjobs history -o status,attempt) == $'failed\t2' ]]; }
  scheduler_start
  eventually failed
  gives "" logs flaky
}
