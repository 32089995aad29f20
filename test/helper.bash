# shellcheck shell=bash
# What every .bats file loads: the wjobs under test, a world of its own for
# each test, and the few verbs that tests are written with.
#
#   wjobs ARG...              the binary under test: build/wjobs, or $WJOBS
#   tool NAME ARG...          build/test/NAME, the program of test/tool/NAME.c
#   jobfile <<'END'           standard input becomes ./wjobs.yaml
#   is TEXT WANTED            the texts are the same
#   has TEXT PART             the part stands in the text
#   gives TEXT ARG...         wjobs succeeds and prints just that
#   refuses STATUS TEXT ARG...  wjobs explains itself and prints nothing else
#   eventually COMMAND...     until it succeeds; the only way to wait
#   scheduler_start ARG...    `wjobs ARG... run` beside the test: $scheduler
#   scheduler_stop [SIGNAL]   ends it: $scheduler_status, run.out, run.err
#   needs WORD...             skips without these programs; the words root,
#                             nonroot, proc, unshare, linux, terminal and
#                             plain mean more
#
# A test runs in an empty directory, which is HOME's parent; state, runtime and
# configuration directories lie in it too. A file with a setup or teardown of
# its own calls test_begin and test_end there.

bats_require_minimum_version 1.5.0

TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
WJOBS=${WJOBS:-$TOP/build/wjobs}
[[ $WJOBS == /* ]] || WJOBS=$TOP/$WJOBS
TOOLS=${WJOBS%/*}/test
# shellcheck disable=SC2034
DATA=$TOP/test/data
# How long a test may wait for what ought to come at once. Valgrind's tests
# have more.
PATIENCE=${PATIENCE:-5}

setup() { test_begin; }
teardown() { test_end; }

test_begin() {
  local name
  for name in "${!WJOBS_@}" "${!XDG_@}" CDPATH LS_COLORS NO_COLOR TZDIR; do
    unset -v "$name"
  done
  T=$BATS_TEST_TMPDIR
  export HOME=$T/home XDG_CONFIG_HOME=$T/config XDG_STATE_HOME=$T/xdg-state
  export XDG_RUNTIME_DIR=$T/runtime WJOBS_STATE_DIR=$T/state
  # The runtime directory of root is the machine's; a test has its own.
  export WJOBS_RUNTIME_DIR=$T/runtime/wjobs
  export TZ=UTC LC_ALL=C.UTF-8 PATH=${WJOBS%/*}:$PATH TERM=xterm
  # A sanitizer's status never looks like an answer of wjobs, and its report is
  # found whatever became of standard error.
  export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:log_path=$T/sanitizer
  export UBSAN_OPTIONS=exitcode=99:print_stacktrace=1:log_path=$T/sanitizer
  export TSAN_OPTIONS=exitcode=99:second_deadlock_stack=1:log_path=$T/sanitizer
  export LSAN_OPTIONS=exitcode=99:print_suppressions=0
  export VALGRIND_LOGS=$T
  # Bats gives each test a directory; ours is one level down, so that a test
  # that lists its directory sees its own files alone.
  mkdir -m 700 "$T/home" "$T/work" "$T/runtime"
  cd "$T/work" || return
  umask 022
  scheduler=
}

test_end() {
  local log failed=0
  scheduler_kill
  for log in "$T"/sanitizer.* "$T"/valgrind.*; do
    [[ -s $log ]] || continue
    [[ $log != */valgrind.* ]] || valgrind_is_unhappy "$log" || continue
    echo "--- ${log##*/}"
    cat "$log"
    failed=1
  done
  leftovers_kill
  return "$failed"
}

# A report of errors, or of memory or descriptors that were still held at the
# end; but who is killed by a signal cleans up nothing.
valgrind_is_unhappy() {
  awk '
    { sub(/^==[0-9]+== ?/, "") }
    /default action of signal (1|2|3|13|15) / { killed = 1 }
    /^Open (file descriptor|AF_.* socket) [0-9]+:/ { held++ }
    /<inherited from parent>/ { held-- }
    /are (definitely|possibly) lost/ { held++ }
    /^ *(Invalid|Mismatched|Conditional jump|Use of uninit|Source and dest)/ ||
      /^ *(Syscall param|Jump to the invalid|Process terminating.*SIG(SEGV|ABRT|BUS|ILL|FPE))/ {
      found = 1
    }
    END { exit !(found || (held && !killed)) }' "$1"
}

# What outlived its test: every process still says which world it came from.
leftovers_kill() {
  local pid
  [[ -d /proc/self ]] || return 0
  for pid in $(cd /proc && HOME=/ grep -lszxF "HOME=$T/home" [0-9]*/environ); do
    kill -KILL "${pid%%/*}" 2>/dev/null
  done
  return 0
}

tool() {
  local name=$1
  shift
  "$TOOLS/$name" "$@"
}

jobfile() { cat >wjobs.yaml; }

is() {
  [[ $1 == "$2" ]] && return
  printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2" >&2
  return 1
}

has() {
  [[ $1 == *"$2"* ]] && return
  printf 'got:\n%s\nwanted in it:\n%s\n' "$1" "$2" >&2
  return 1
}

gives() {
  local want=$1
  shift
  run --separate-stderr wjobs "$@"
  # shellcheck disable=SC2154 # run sets it
  if [[ $status != 0 || $output != "$want" ]]; then
    echo "status $status, stdout '$output', stderr '$stderr'" >&2
    echo "wanted '$want'" >&2
    return 1
  fi
}

refuses() {
  local code=$1 want=$2
  shift 2
  run --separate-stderr wjobs "$@"
  if [[ $status != "$code" || -n $output || $stderr != *"$want"* ]]; then
    echo "status $status, stdout '$output', stderr '$stderr'" >&2
    echo "wanted status $code and '$want'" >&2
    return 1
  fi
}

eventually() {
  local deadline=$((SECONDS + PATIENCE))
  until "$@"; do
    if ((SECONDS > deadline)); then
      echo "never came true: $*" >&2
      return 1
    fi
    sleep 0.02
  done
}

# How many lines the file has; none where it is not there yet.
lines() {
  local n=0
  [[ ! -e $1 ]] || n=$(wc -l <"$1")
  echo "$n"
}

# lines_are FILE OPERATOR N, for eventually: `eventually lines_are out -ge 3`.
lines_are() { test "$(lines "$1")" "$2" "$3"; }

scheduler_start() {
  # Bats waits for whoever holds its descriptors.
  "$WJOBS" "$@" run >run.out 2>run.err 3>&- 4>&- &
  scheduler=$!
}

# Sends TERM, or the signal named, and waits; more than patience is a failure.
scheduler_stop() {
  local deadline=$((SECONDS + PATIENCE + 5))
  kill -s "${1:-TERM}" "$scheduler"
  while kill -0 "$scheduler" 2>/dev/null && ((SECONDS <= deadline)); do
    sleep 0.02
  done
  if kill -0 "$scheduler" 2>/dev/null; then
    echo "the scheduler does not stop" >&2
    return 1
  fi
  scheduler_wait
}

# The status of a scheduler that ends, or has ended, by itself.
# shellcheck disable=SC2034
scheduler_wait() {
  scheduler_status=0
  wait "$scheduler" || scheduler_status=$?
  scheduler=
}

scheduler_runs() { [[ -n $scheduler ]] && kill -0 "$scheduler" 2>/dev/null; }

scheduler_kill() {
  scheduler_runs || return 0
  # The second TERM makes it now, and lets sanitizers have their say.
  kill -TERM "$scheduler"
  kill -TERM "$scheduler" 2>/dev/null
  local deadline=$((SECONDS + 5))
  while scheduler_runs && ((SECONDS <= deadline)); do
    sleep 0.02
  done
  kill -KILL "$scheduler" 2>/dev/null
  wait "$scheduler" 2>/dev/null
  scheduler=
}

needs() {
  local word
  for word; do
    case $word in
    root)
      ((EUID == 0)) || skip "needs root"
      ;;
    nonroot)
      ((EUID != 0)) || skip "needs a user who is not root"
      ;;
    proc)
      [[ -r /proc/self/stat ]] || skip "needs /proc"
      ;;
    unshare)
      unshare -pf --mount-proc true 2>/dev/null ||
        skip "needs the right to unshare"
      ;;
    strace)
      strace -qq -o /dev/null true 2>/dev/null || skip "needs strace"
      ;;
    linux) # what POSIX lacks; `make PORTABLE=1` does without
      [[ $WJOBS != */build/portable* ]] || skip "needs what POSIX lacks"
      ;;
    terminal)
      script -qec true /dev/null >/dev/null 2>&1 </dev/null ||
        skip "needs script and pseudo-terminals"
      ;;
    plain) # no sanitizer and no valgrind: figures of time and memory
      [[ $WJOBS == */build/wjobs || $WJOBS == */portable/wjobs ]] ||
        skip "needs a plain build"
      ;;
    *)
      command -v "$word" >/dev/null || skip "needs $word"
      ;;
    esac
  done
}
