# lib/process: how commands start, end, are stopped, and what becomes of their
# output. Most tests run one through test/tool/proc.c, which prints the result
# as NAME=VALUE lines.
#
# shellcheck disable=SC2016 # the texts are for the shells under test

load helper

# proc ARG... - the tool's lines in $output, its own standard error apart.
proc() { run --separate-stderr tool proc "$@"; }

# value NAME - of the last proc.
value() { sed -n "s/^$1=//p" <<<"$output"; }

# shows NAME=VALUE... - each is a line of the last proc.
shows() {
  local line
  for line; do
    grep -qxF -- "$line" <<<"$output" && continue
    printf 'no %s in:\n%s\n%s\n' "$line" "$output" "$stderr" >&2
    return 1
  done
}

# within NAME LIMIT - the number is below.
within() {
  (($(value "$1") < $2)) && return
  printf '%s is not below %s in:\n%s\n' "$1" "$2" "$output" >&2
  return 1
}

# of_run ID - the processes of this test that say they belong to the run.
of_run() {
  (
    cd /proc || return
    # shellcheck disable=SC2046
    grep -lszxF "WJOBS_RUN_ID=$1" \
      $(HOME=/ grep -lszxF "HOME=$T/home" [0-9]*/environ) /dev/null
  ) | sed 's,/.*,,' | while read -r pid; do
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" && echo "$pid"
  done
  true
}

kill_run() { of_run "$1" | xargs -r kill -KILL; }
none_of_run() { [[ -z $(of_run "$1") ]]; }
some_of_run() { [[ -n $(of_run "$1") ]]; }

# Valgrind has its own way of exec, and adds to the environment.
not_valgrind() {
  [[ $WJOBS != */valgrind/* ]] || skip "needs another than valgrind"
}

shells() {
  local name
  for name in dash bash; do
    command -v "$name"
  done
  if command -v busybox >/dev/null; then
    printf '#!/bin/sh\nexec busybox ash "$@"\n' >"$T/ash"
    chmod +x "$T/ash"
    echo "$T/ash"
  fi
}

@test "result: exit code, signal, times and bytes of a command" {
  proc -c 'echo out; echo err >&2; exit 3'
  shows started=1 exit=3 signal=0 stop=none killed=0 bytes=8 \
    'head=out\nerr\n' held=0 survivors=0
  proc -c 'kill -USR1 $$'
  shows exit=-1 signal=10
  proc -2 -c 'echo out; echo error >&2'
  shows bytes=10 stderr_bytes=6
  proc -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'
  (($(value user_us) + $(value system_us) > 1000))
}

@test "result: a peak of memory is told only above our own" {
  needs plain
  proc true
  shows max_rss_kb=-1
  proc dd if=/dev/zero of=/dev/null bs=60M count=1
  (($(value max_rss_kb) > 60000))
}

@test "leader: others that hold the pipe do not hang the run, in any shell" {
  local shell text
  for shell in $(shells); do
    for text in 'sleep 60 & echo hi' 'setsid sleep 60 & echo hi' \
      '(setsid sh -c "sleep 60 & sleep 60" &) ; echo hi' \
      'sh -c "sleep 60 & sleep 60 &"; echo hi'; do
      proc -S "$shell" -e WJOBS_RUN_ID=held -c "$text"
      shows exit=0 'head=hi\n' held=1 stop=none
      within duration_ms 400
      # What left the group is not seen without /proc.
      [[ $WJOBS == */portable* ]] || (($(value survivors) >= 1))
      some_of_run held
      kill_run held
    done
  done
}

@test "leader: output written after its end is still read for a while" {
  # The pipe is closed at once by the one that waits for the file.
  proc -c '{ while [ ! -e go ]; do :; done; echo late; } & (sleep 0.1; >go) &'
  shows 'head=late\n' held=0
}

@test "timeout: kills the whole tree, in any shell, on time" {
  local shell text
  for shell in $(shells); do
    for text in 'sleep 300; true' 'sleep 300 | sleep 300' \
      '(sleep 300; true); true' 'sh -c "sh -c \"sleep 300; true\"; true"; true' \
      'i=0; while [ $i -lt 50 ]; do sleep 300 & i=$((i+1)); done; wait'; do
      proc -t 300 -k 2000 -S "$shell" -e WJOBS_RUN_ID=tree -c "$text"
      shows stop=timeout killed=0 survivors=0
      (($(value duration_ms) >= 300))
      within duration_ms 800
      none_of_run tree
    done
  done
}

@test "timeout: KILL follows where the stop signal does not do" {
  local shell
  for shell in $(shells); do
    proc -t 200 -k 300 -S "$shell" -e WJOBS_RUN_ID=deaf \
      -c 'trap "" TERM; while :; do sleep 300; done'
    shows stop=timeout killed=1 signal=9 survivors=0
    (($(value duration_ms) >= 500))
    within duration_ms 1500
    none_of_run deaf
    proc -t 200 -k 300 -S "$shell" -e WJOBS_RUN_ID=deaf \
      -c '(trap "" TERM; sleep 300); sleep 300'
    shows stop=timeout killed=1
    none_of_run deaf
  done
}

@test "timeout: the stop signal is the one that was asked for" {
  proc -t 200 -s 2 -c 'trap "echo caught; exit 5" INT; while :; do sleep 0.05; done'
  shows stop=timeout exit=5 'head=caught\n' killed=0
}

@test "timeout: finds what escaped the group" {
  needs linux proc
  local text
  for text in 'setsid sleep 300 & sleep 300' 'setsid -f sleep 300; sleep 300' \
    'setsid -f sh -c "sleep 300; true"; sleep 300' \
    '(setsid sh -c "setsid sleep 300 & sleep 300" &); sleep 300'; do
    proc -t 300 -k 1000 -e WJOBS_RUN_ID=escaped -c "$text"
    shows stop=timeout killed=0 survivors=0
    none_of_run escaped
  done
  proc -t 300 -k 300 -e WJOBS_RUN_ID=escaped \
    -c 'setsid -f sh -c "trap \"\" TERM; while :; do sleep 300; done"; sleep 300'
  shows stop=timeout killed=1
  none_of_run escaped
}

@test "timeout: a stopped process gets the signal and goes on to see it" {
  proc -t 200 -k 4000 -c 'kill -STOP $$; exit 0'
  shows stop=timeout signal=15 killed=0
  proc -t 200 -k 300 -c 'trap "" TERM; kill -STOP $$; while :; do sleep 300; done'
  shows stop=timeout signal=9 killed=1
}

@test "timeout: one that cannot be killed is given up, and said so" {
  needs strace plain proc
  run strace -qq -o /dev/null -e inject=kill,pidfd_send_signal:retval=0 \
    "$TOOLS/proc" -t 50 -k 50 sleep 300
  shows started=1 exit=-1 killed=1 survivors=1
  has "$output" "cannot be killed"
}

@test "stop: cancelled by hand, gently or now" {
  proc -x 100 sleep 300
  shows stop=cancelled signal=15 killed=0
  within duration_ms 1000
  proc -x 100 -X -c 'trap "" TERM; sleep 300; true'
  shows stop=cancelled killed=1
  within duration_ms 1000
  # The leader has gone by itself: nothing was stopped, and the drain ends.
  proc -x 100 -c 'sleep 300 & exit 4'
  shows stop=none exit=4
}

@test "orphans: left alone and counted, or killed when asked to" {
  needs linux proc
  local text='setsid -f sleep 300; sleep 300 >/dev/null 2>&1 & exit 0'
  proc -e WJOBS_RUN_ID=left -c "$text"
  shows exit=0 stop=none survivors=2
  some_of_run left
  kill_run left
  proc -K -e WJOBS_RUN_ID=killed -c "$text"
  shows exit=0 stop=none killed=0 survivors=0
  none_of_run killed
}

@test "orphans: those of one run are not taken for another's" {
  needs linux proc
  proc -n 2 -j 2 -t 800 -o discard -c 'case $WJOBS_RUN_ID in
    run-0) setsid -f sleep 300 ;;
    *) setsid -f sleep 300; sleep 300 ;;
    esac'
  shows ok=1 timed_out=1 survivors=1
  some_of_run run-0
  none_of_run run-1
}

@test "orphans: a hook is told the id of a run, and is none of its own" {
  needs linux proc
  # run-0 is the hook: what it leaves stays, whatever becomes of its run.
  proc -n 2 -j 2 -t 800 -o discard -c 'case $WJOBS_RUN_ID in
    run-0) export WJOBS_RUN_ID=run-1 WJOBS_HOOK_ID=hook; setsid -f sleep 300 ;;
    *) sleep 0.2; setsid -f sleep 300; sleep 300 ;;
    esac'
  shows ok=1 timed_out=1
  is "$(of_run run-1 | wc -l)" 1
  grep -szxqF WJOBS_HOOK_ID=hook "/proc/$(of_run run-1)/environ"
  kill_run run-1
}

@test "orphans: what a hook leaves is its own, and no run's beside it" {
  needs linux proc
  proc -e WJOBS_RUN_ID=both -e WJOBS_HOOK_ID=one -c \
    'WJOBS_HOOK_ID= setsid -f sleep 300; WJOBS_HOOK_ID=two setsid -f sleep 300'
  shows exit=0 survivors=0
  kill_run both
  proc -K -e WJOBS_RUN_ID=both -e WJOBS_HOOK_ID=one -c 'setsid -f sleep 300'
  shows exit=0 survivors=0
  none_of_run both
}

@test "orphans: none is missed among many that have hardly begun" {
  needs linux proc plain
  local text='setsid sleep 300 >/dev/null 2>&1 & exit 0'
  MARK=$T proc -n 300 -j 16 -K -c "$text"
  shows ok=300 survivors=0
  # The tool's own variable is theirs as well, whichever run they are of.
  is "$(cd /proc && grep -lszxF "MARK=$T" [0-9]*/environ)" ''
  proc -n 300 -j 16 -c "$text"
  shows ok=300
  (($(value survivors) >= 290))
}

@test "reaping: orphans that we adopt leave no zombie" {
  needs proc
  proc -w 800 -c 'setsid -f sleep 0.2; (sleep 0.1 &) ; exit 0'
  shows exit=0 children=none
}

@test "reaping: as PID 1, with thousands of orphans, each status is right" {
  needs unshare proc
  run unshare -pf --mount-proc "$TOOLS/proc" -n 200 -j 8 -w 1500 -o discard -c '
    for i in 1 2 3 4 5 6 7 8; do (setsid sleep 0.$(($$ % 5))$i &); done
    exit $(($$ % 2))'
  shows unstarted=0 signalled=0 timed_out=0 children=none
  (($(value ok) + $(value failed) == 200))
  (($(value ok) > 0 && $(value failed) > 0))
}

@test "reaping: many ends that come as one signal are all seen" {
  proc -n 200 -j 200 -B 200 true
  shows ok=200 children=none
}

@test "signals: what we ignore or block is no business of the child's" {
  needs proc linux
  run env --ignore-signal=PIPE,TERM,HUP,INT,CHLD --block-signal=USR1,TERM,CHLD \
    "$TOOLS/proc" grep -E '^Sig(Blk|Ign)' /proc/self/status
  shows exit=0 \
    'head=SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n'
  trap '' PIPE TERM HUP
  proc -c 'yes | head -1'
  shows exit=0 'head=y\n'
}

@test "signals: a storm of them reaches no child of ours, and no handler in it" {
  local storm
  setsid "$TOOLS/proc" -n 300 true >storm.out 3>&- &
  storm=$!
  while kill -INT -- "-$storm" 2>/dev/null; do :; done
  wait "$storm" || true
  output=$(<storm.out)
  # One that came before our own handler stood may have ended it at once.
  [[ -z $output ]] || shows ok=300
}

@test "session: a child has its own, without a terminal" {
  proc -c 'echo $$ $(ps -o sid= -o pgid= -p $$) $(ps -o tty= -p $$)'
  read -r pid sid pgid tty <<<"$(value head)"
  is "$sid $pgid ${tty%%\\n*}" "$pid $pid ?"
  needs script
  run script -qec "$TOOLS/proc -c 'tty; read x; echo \$?'" /dev/null
  has "$output" 'not a tty\n1\n'
}

@test "descriptors: a child has 0, 1 and 2, whatever we were born with" {
  needs proc
  local fd
  (
    for fd in {3..200}; do
      eval "exec $fd</dev/null"
    done
    "$TOOLS/proc" ls /proc/self/fd
  ) >out.txt
  output=$(<out.txt)
  shows 'head=0\n1\n2\n3\n' # 3 is the directory that ls reads
  tool proc -n 50 -j 20 -c 'for i in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do
    [ ! -e /proc/$$/fd/$i ] || exit 1
  done' >out.txt
  output=$(<out.txt)
  shows ok=50
}

@test "descriptors: 0, 1 and 2 may be closed" {
  "$TOOLS/proc" -o file -f out.txt -c 'echo hi; cat; echo err >&2' \
    <&- >&- 2>&-
  is "$(<out.txt)" $'hi\nerr'
  "$TOOLS/proc" -o pass -c 'echo lost; ls -l /proc/self/fd >fds' <&- >&- 2>&-
  has "$(<fds)" '0 -> /dev/null'
}

@test "input: the payload, /dev/null, or our own" {
  proc cat
  shows exit=0 bytes=0
  printf 'a\0b' >in.bin
  proc -i in.bin cat
  shows 'head=a\x00b'
  run --separate-stderr tool proc -I cat <<<mine
  shows 'head=mine\n'
}

# Who is killed at once, and whose command only then looks at its input.
orphan_reads() {
  rm -f go got
  mkfifo go
  "$TOOLS/proc" -i "$1" -c 'touch began; read -r _ <go; wc -c >got' \
    >out.txt 2>&1 3>&- 4>&- &
  eventually test -e began
  kill -KILL $!
  wait $! || :
  echo >go
  eventually test -s got
  is "$(<got)" "$2"
  rm -f began
}

@test "input: is whole, though its scheduler is killed when the command begins" {
  local size
  for size in 1 4096; do
    head -c "$size" /dev/zero >in.bin
    orphan_reads in.bin "$size"
  done
  needs linux
  for size in 4097 1M 8M; do
    head -c "$size" /dev/zero >in.bin
    orphan_reads in.bin "$(stat -c %s in.bin)"
  done
}

@test "input: neither reader nor writer can block the other" {
  head -c 8M /dev/zero >in.bin
  proc -i in.bin cat
  shows exit=0 bytes=8388608
  proc -i in.bin true
  shows exit=0 signal=0 bytes=0
  proc -i in.bin -c 'yes | head -c 20000000'
  shows exit=0 bytes=20000000
  proc -i in.bin -c 'head -c 10 >/dev/null; exec <&-; echo on'
  shows exit=0 'head=on\n'
}

@test "output: whatever bytes, none is lost or changed" {
  local size
  proc printf x
  shows bytes=1 head=x
  proc printf 'a\000b\377c\nd'
  shows bytes=7 'head=a\x00b\xffc\nd'
  for size in 0 1 32767 32768 65535 65536 65537 131072 131073; do
    proc head -c "$size" /dev/zero
    shows exit=0 "bytes=$size"
    (($(value head_len) + $(value tail_len) == (size < 65536 ? size : 65536)))
  done
}

@test "output: head and tail are kept up to the limit, the rest is counted" {
  proc -l 20 -c 'i=100; while [ $i -lt 400 ]; do echo $i; i=$((i + 1)); done'
  shows bytes=1200 'head=100\n101\n10' 'tail=7\n398\n399\n'
  proc -l 20 printf 12345678901234567890
  shows head=12345678901234567890 tail_len=0
  proc -l 0 printf 123
  shows bytes=3 head_len=0 tail_len=0
  tool keep
}

@test "output: a gigabyte costs neither memory nor patience" {
  needs plain
  proc head -c 1G /dev/zero
  shows exit=0 bytes=1073741824 head_len=32768 tail_len=32768
  within duration_ms 5000
  within own_rss_kb 10000
  proc -c 'head -c 100M /dev/zero | tr "\0" x; printf END'
  shows bytes=104857603
  within own_rss_kb 10000
}

@test "output: a noisy command starves no other" {
  needs plain
  tool proc -t 2000 yes >/dev/null 3>&- &
  proc -n 20 -j 2 -c 'head -c 30M /dev/zero'
  shows ok=20
  wait
}

@test "pass: the child has our own 1 and 2" {
  proc -o pass -c 'echo out; echo err >&2'
  has "$output" $'out\nstarted=1'
  shows bytes=0
  is "$stderr" err
}

@test "discard: the child writes to nowhere" {
  proc -o discard -c 'echo out; echo err >&2'
  shows exit=0 bytes=0 'head='
  is "$stderr" ''
}

@test "tee: both streams whole on their own ways, and kept" {
  proc -o tee -c 'seq 30000; seq 5 >&2; echo end'
  shows exit=0 bytes=168908 stderr_bytes=10
  is "$stderr" "$(seq 5)"
  is "$(sed '/^started/,$d' <<<"$output")" "$(seq 30000; echo end)"
}

@test "tee: one place for both keeps the true order" {
  tool proc -o tee -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done' \
    >both.txt 2>&1
  is "$(head -6 both.txt)" $'o1\ne1\no2\ne2\no3\ne3'
  grep -qx stderr_bytes=0 both.txt
}

@test "tee: a slow reader slows the command, and gets all of it" {
  mkfifo slow go
  # shellcheck disable=SC2094
  (read -r _ <go; cat <&4) 4<slow >got.txt 3>&- &
  "$TOOLS/proc" -o tee -c 'seq 200000; >finished' >slow 3>&- &
  eventually some_of_run run-0
  [[ ! -e finished ]]
  echo >go
  eventually test -e finished
  wait
  is "$(sed '/^started/,$d' got.txt | sha256sum)" "$(seq 200000 | sha256sum)"
}

@test "tee: a reader that stalls stops the command, and no clock" {
  mkfifo slow
  exec 5<>slow
  "$TOOLS/proc" -o tee -t 300 -c 'trap ">stopped; exit" TERM; yes & wait' \
    >&5 2>/dev/null 3>&- &
  eventually test -e stopped
  kill -KILL $!
  exec 5<&-
}

@test "tee: a slow reader gets the last words as well" {
  mkfifo slow
  "$TOOLS/proc" -o tee seq 20000 >slow 2>/dev/null 3>&- &
  exec 5<slow
  # The leader has long gone, and more than the time to drain with it.
  eventually none_of_run run-0
  sleep_over=$((SECONDS + 2))
  eventually eval '((SECONDS >= sleep_over))'
  is "$(sed '/^started/,$d' <&5 | sha256sum)" "$(seq 20000 | sha256sum)"
  exec 5<&-
  wait
}

@test "tee: a reader that goes away ends the command as in a pipeline" {
  run bash -c "'$TOOLS/proc' -o tee -t 20000 -c 'yes; echo \$? >status' | head -1"
  is "$output" y
  eventually grep -qx 141 status
}

@test "tee: descriptors that are not ours alone stay as they were" {
  needs proc
  mkfifo pipe
  cat pipe >/dev/null &
  exec 5>pipe
  "$TOOLS/proc" -o tee seq 50000 >&5 2>&5
  ((($(awk '/^flags/ { print "0" $2 }' /proc/self/fdinfo/5) & 04000) == 0))
  exec 5>&-
}

@test "file: appended to, and kept as well" {
  echo before >log.txt
  proc -o file -f log.txt -c 'echo out; echo err >&2'
  shows exit=0 bytes=8 'head=out\nerr\n'
  is "$(<log.txt)" $'before\nout\nerr'
  proc -o file -f log.txt head -c 3M /dev/zero
  is "$(stat -c %s log.txt)" $((15 + 3 * 1048576))
  proc -o file -f new.txt true
  is "$(stat -c %a new.txt)" 644
}

@test "file: one that cannot be opened is a failed start, a full one is not" {
  proc -o file -f no/such/log.txt true
  shows started=0 errno=2
  has "$output" "error=cannot open 'no/such/log.txt': No such file or directory"
  mkfifo fifo
  proc -o file -f fifo true
  shows started=0
  proc -o file -f /dev/full -c 'echo hi; exit 3'
  shows started=1 exit=3 'head=hi\n'
  has "$output" 'error=cannot write to the output file: No space left on device'
}

@test "live: a run that lasts is followed from its first byte to its end" {
  tool live follow live >seen.txt 3>&- &
  proc -t 9000 -L live -c 'echo one; while [ ! -s seen.txt ]; do sleep 0.02; done; echo two'
  shows exit=0
  eventually grep -q ended seen.txt
  is "$(<seen.txt)" $'one\ntwo\n[ended]'
  [[ ! -e live ]]
}

@test "live: a run of a moment makes no file" {
  needs strace plain
  strace -f -qq -o trace -e trace=openat,creat "$TOOLS/proc" -L live true
  run ! grep -q '"live"' trace
}

@test "live: bounded, and a reader that is late is told how much it missed" {
  tool live follow live >seen.txt 3>&- &
  proc -t 9000 -L live -l 1000 -c \
    'seq 1000; while [ ! -s seen.txt ]; do sleep 0.02; done; echo end'
  shows exit=0
  eventually grep -q ended seen.txt
  has "$(<seen.txt)" 'bytes skipped]'
  is "$(tail -2 seen.txt)" $'end\n[ended]'
}

@test "live: a reader beside a writer sees no byte that is not the right one" {
  local limit piece
  for limit in 1000 65536 1000000; do
    for piece in 8 4096 65536; do
      tool live read ring >read.txt 3>&- &
      output=$(tool live write ring "$limit" $((piece < 100 ? 20000 : 2000000)) "$piece")
      wait $!
      written=$(value written)
      output=$(<read.txt)
      shows state=ended
      (($(value read) + $(value skipped) == written))
    done
  done
}

@test "live: a writer that died is not waited for" {
  "$TOOLS/proc" -t 20000 -L live -c 'echo one; sleep 300' >/dev/null 3>&- &
  eventually test -s live
  kill -KILL $!
  run tool live follow live
  is "$output" $'one\n[broken]'
}

@test "start: each step that fails says which and why" {
  proc nosuch
  shows started=0 errno=2 "error=cannot run 'nosuch': No such file or directory"
  proc ./nosuch
  shows started=0 errno=2
  proc -d /no/such true
  shows started=0 step=2 errno=2
  has "$output" "error=cannot change to directory '/no/such': No such file"
  proc -S /no/shell -c 'echo hi; true'
  shows started=0 errno=2 "error=cannot run '/no/shell': No such file or directory"
  echo hi >plain.txt
  proc ./plain.txt
  shows started=0 errno=13
  mkdir bin
  cp plain.txt bin/plain
  proc -P "$PWD/bin:/bin" plain
  shows started=0 errno=13
  proc ''
  shows started=0 errno=2
}

@test "start: too large an environment or argument is an error, no end" {
  not_valgrind
  local big
  big=$(head -c 3000000 /dev/zero | tr '\0' x)
  echo "BIG=$big" | head -c 1000000 >big.env
  proc -E big.env true
  shows started=0 errno=7 step=4
  has "$output" 'Argument list too long'
}

@test "start: the system's refusals are errors, and the host lives on" {
  needs strace plain
  local what n
  for what in vfork:EAGAIN vfork:ENOMEM pipe2:EMFILE pipe2:ENFILE; do
    for n in 1 2 3 4 5; do
      run strace -qq -o /dev/null \
        -e "inject=${what%:*}:error=${what#*:}:when=$n" \
        "$TOOLS/proc" -2 -n 4 -j 2 -t 5000 -c 'echo hi'
      is "$status" 0
      (($(value ok) + $(value unstarted) == 4))
      (($(value ok) >= 3))
    done
  done
  for what in setsid:EPERM dup2:EBADF chdir:EACCES execve:ENOMEM; do
    run strace -f -qq -o /dev/null \
      -e "inject=${what%:*}:error=${what#*:}:when=1+" -e trace="${what%:*}" \
      -b execve "$TOOLS/proc" -d / true
    is "$status" 0
  done
}

@test "start: few descriptors make runs fail, and fail alone" {
  needs plain
  run bash -c "ulimit -n 20; '$TOOLS/proc' -n 50 -j 20 -c 'sleep 0.05; true'"
  is "$status" 0
  (($(value ok) + $(value unstarted) == 50))
  (($(value ok) > 0 && $(value unstarted) > 0))
  shows failed=0 signalled=0
}

@test "start: a script without #! is the shell's, a broken binary nobody's" {
  printf 'echo "script $1"\n' >script
  printf '\177ELF\0\0\0' >binary
  : >empty
  chmod +x script binary empty
  proc ./script one
  shows exit=0 'head=script one\n'
  proc "$PWD/script" two
  shows 'head=script two\n'
  proc ./empty
  shows exit=0
  proc ./binary
  shows started=0 errno=8
  mkdir sub
  mv script sub
  proc -d sub ./script three
  shows 'head=script three\n'
}

@test "start: programs are found in the PATH that the job has" {
  mkdir one two
  printf '#!/bin/sh\necho one\n' >one/prog
  printf '#!/bin/sh\necho two\n' >two/prog
  chmod +x one/prog two/prog
  proc -P "$PWD/none:$PWD/one:$PWD/two" prog
  shows 'head=one\n'
  chmod -x one/prog
  proc -P "$PWD/one:$PWD/two" prog
  shows 'head=two\n'
  proc -P two:/bin prog
  shows 'head=two\n'
  proc -d two -P :/bin prog
  shows 'head=two\n'
}

@test "start: no plain fork is on the way of a job" {
  needs strace plain
  strace -qq -o trace -e trace=process "$TOOLS/proc" -n 3 -2 -c 'echo hi; true' \
    >/dev/null
  is "$(grep -c '^vfork' trace)" 3
  run ! grep -qE '^(fork|clone)' trace
}

@test "plain: a text that means nothing to a shell goes without one" {
  while IFS='|' read -r text want; do
    is "$(tool program "$(printf '%b' "$text")")" "$want"
  done <"$DATA/plain.txt"
}

@test "plain: what cannot be run so is left to the shell, and its words" {
  proc -c nosuch
  shows started=1 exit=127
  has "$(value head)" 'nosuch: not found'
  proc -c 'echo $0'
  shows 'head=/bin/sh\n'
  proc -c '-x'
  shows exit=127
  proc -S /bin/bash -c '/bin/echo $0'
  shows 'head=/bin/bash\n'
  needs strace plain
  strace -f -qq -o trace -e trace=execve "$TOOLS/proc" -c '/bin/true x' >/dev/null
  run ! grep -q /bin/sh trace
}

@test "environment: ours without what is meant for us alone" {
  not_valgrind
  run env -i A=1 PATH=/bin WJOBS_STORE=x NOTIFY_SOCKET=/n WATCHDOG_USEC=1 \
    LISTEN_FDS=1 "$TOOLS/proc" env
  shows exit=0 'head=A=1\nPATH=/bin\nWJOBS_RUN_ID=run-0\n'
}

@test "environment: cron's, where a clean one is asked for" {
  needs root
  FOO=bar proc -C env
  shows 'head=HOME=/root\nLOGNAME=root\nUSER=root\nSHELL=/bin/sh\nPATH=/usr/bin:/bin\n'
}

@test "environment: files of NAME=value lines" {
  not_valgrind
  cat >good.env <<'END'
# a comment
; another

A=1
  export B = not this one
END
  proc -E good.env env
  shows "error=good.env:5:0: 'B = not this one' is not NAME=value"
  printf '\n# x\nA=1 \n export B=two words\t\nC="a \\"b\\" \\n$x \\q"\nD='"'"'s \\n'"'"'\r\nE=\nF= # no comment\nA=last' \
    >good.env
  run env -i PATH=/bin A=first "$TOOLS/proc" -E good.env env
  shows 'head=PATH=/bin\nA=last\nWJOBS_RUN_ID=run-0\nB=two words\nC=a "b" \n$x \q\nD=s \n\nE=\nF=# no comment\n'
}

@test "environment: a bad file says where, and changes nothing" {
  local line
  while IFS='|' read -r line want; do
    printf 'OK=1\n%b\n' "$line" >bad.env
    proc -E bad.env env
    is "$status" 1
    has "$output" "error=bad.env:2"
    has "$output" "$want"
  done <<'END'
NOVALUE|'NOVALUE' is not NAME=value
1A=x|is not NAME=value
A B=x|is not NAME=value
=x|is not NAME=value
A="open|does not end on its line
A='open|does not end on its line
A="x" y|'y' stands behind the value
A=x\0y|a NUL byte
END
  proc -E . true
  has "$output" 'is no regular file'
  mkfifo fifo
  proc -E fifo true
  has "$output" 'is no regular file'
  head -c 1048577 /dev/zero | tr '\0' '#' >big.env
  proc -E big.env true
  has "$output" 'longer than 1 MiB'
  # As many names as fit are still a matter of milliseconds.
  seq 150000 | sed 's/.*/A&=/' | head -c 1000000 | sed '$d' >many.env
  proc -E many.env true
  is "$status" 0
}

@test "numbers: used again at once, they bring no signal to a stranger" {
  needs unshare proc plain
  # Before Linux 6.14 the limit is the whole machine's.
  read -r major minor < <(uname -r | tr . ' ' | cut -d' ' -f1,2)
  ((major > 6 || (major == 6 && minor >= 14))) || skip 'needs Linux 6.14'
  cat >inside.sh <<'END'
echo 400 >/proc/sys/kernel/pid_max || exit 3
(while [ ! -e stop ]; do
  setsid sh -c 'trap "echo hit >>hits" TERM INT HUP; sleep 0.01' || echo died >>hits
done) &
"$1" -n 1500 -j 6 -t 5 -k 20 -o discard -c 'sleep 0.00$(($$ % 9)) & setsid sleep 0.005 & wait'
: >stop
wait
END
  run unshare -pf --mount-proc bash inside.sh "$TOOLS/proc"
  ((status != 3)) || skip 'needs a limit of numbers of its own'
  is "$status" 0
  (($(value ok) + $(value timed_out) == 1500))
  [[ ! -e hits ]]
}

@test "pool: never more than its size, and nobody is lost" { tool pool bound; }
@test "pool: by priority, then due, then asking" { tool pool order; }
@test "pool: a row of 10,000 that end at once is a loop" { tool pool depth; }
@test "pool: closed, it seats nobody" { tool pool closed; }
