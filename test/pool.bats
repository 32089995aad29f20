# wjobs pool FILE: many commands, some at a time.
load helper

# pooled ARG... - wjobs pool on standard input, with the two streams apart.
pooled() {
  status=0
  wjobs pool "$@" >out 2>err || status=$?
}

@test "pool: runs the lines of a file, of standard input and of -" {
  printf 'echo a\n\n  # echo no\n\t\necho b; echo c >&2\n' >cmds
  gives $'a\nb' pool -j 1 cmds
  is "$stderr" c
  pooled -j 1 <cmds
  is "$status $(<out) $(<err)" $'0 a\nb c'
  pooled -j 1 - <cmds
  is "$(<out)" $'a\nb'
  gives '' pool /dev/null
}

@test "pool: the last line needs no newline, and other readers go on behind it" {
  printf 'echo a\necho b' >cmds
  { wjobs pool -j 1 && cat; } <cmds >out
  is "$(<out)" $'a\nb'
}

@test "pool: what cannot be read is an error of its own" {
  refuses 125 "cannot open 'none': No such file or directory" pool none
  refuses 125 "cannot read '/': Is a directory" pool /
  refuses 2 "--halt: 'later' is neither soon nor now" pool --halt later
  refuses 2 "--jobs: '0' is not" pool -j 0
  refuses 2 "unexpected argument 'b'" pool a b
}

@test "pool: more at a time than there may be open files is told at once" {
  (
    ulimit -n 512
    refuses 2 "-j: 5000 commands at a time need more than the 512 open files" \
      pool -j 5000 /dev/null
  )
}

@test "pool: a failure is 1, with the line, how it ended and the command" {
  cat >cmds <<'END2'
true
exit 3

kill -KILL $$
no-such-program
/
printf '\033' >/dev/null; exit 4
END2
  pooled cmds
  is "$status" 1
  is "$(grep ^wjobs: err | sort)" "wjobs: line 2: exit status 3: exit 3
wjobs: line 4: killed by signal 9 (SIGKILL): kill -KILL \$\$
wjobs: line 5: exit status 127: no-such-program
wjobs: line 6: exit status 126: /
wjobs: line 7: exit status 4: printf '\\033' >/dev/null; exit 4"
}

@test "pool: of many failures a hundred are listed, and the rest counted" {
  yes 'exit 1 # '"$(printf 'x%.0s' {1..300})" | head -n 250 >cmds
  pooled cmds
  is "$status" 1
  is "$(grep -c '^wjobs: line' err)" 100
  is "$(tail -n 1 err)" "wjobs: and 150 more failed"
  head -n 1 err | grep -q 'xxx\.\.\.$'
}

@test "pool: a line that cannot be a command is a failure, and the rest runs" {
  {
    printf 'a\0b\n'
    head -c 300000 /dev/zero | tr '\0' x
    printf '\necho %s | wc -c\n' "$(head -c 130000 /dev/zero | tr '\0' y)"
  } >cmds
  pooled cmds
  is "$status $(<out)" "1 130001"
  is "$(grep -c '^wjobs: line' err)" 2
  has "$(<err)" "line 1: the line holds a NUL byte: a"
  has "$(<err)" "line 2: the line is over 128 KiB: xxx"
}

@test "pool: so many at a time, and never more" {
  mkdir now
  yes "n=\$(ls now | wc -l); touch now/\$\$; ls now | wc -l >>seen; sleep 0.05; rm now/\$\$" |
    head -n 30 >cmds
  pooled -j 3 cmds
  is "$status" 0
  is "$(sort -n seen | tail -n 1)" 3
}

@test "pool: unless told, as many at a time as there are cores for it" {
  needs linux taskset
  printf 'touch a; until [ -e b ]; do sleep 0.01; done\ntouch b\n' >cmds
  run taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" timeout 1 \
    "$WJOBS" pool cmds
  is "$status" 124
  rm -f a b
  (($(nproc) > 1)) || skip "needs two cores"
  pooled cmds
  is "$status" 0
}

@test "pool: begins in the order of the lines, and what a slow pipe brings at once" {
  seq 50 | sed 's/.*/echo & >>order/' >cmds
  pooled -j 1 cmds
  seq 50 | diff - order
  mkfifo lines
  wjobs pool -j 2 lines >out 3>&- &
  exec 9>lines
  echo 'echo early' >&9
  eventually grep -q early out
  echo 'echo late' >&9
  exec 9>&-
  wait $!
  is "$(<out)" $'early\nlate'
}

# The letters of each line are the same.
unmixed() { awk '{ c = substr($0, 1, 1); gsub(c, ""); if ($0 != "") bad = 1 } END { exit bad }'; }

@test "pool: lines of many commands are never mixed, on pipes and in files" {
  local c
  for c in {a..z}; do
    printf 'for i in 1 2 3 4 5; do printf %s; sleep 0.00%s; echo %s; done\n' \
      "$c$c$c" "$((RANDOM % 9))" "$c$c"
  done >cmds
  wjobs pool -j 13 cmds | cat >out
  is "$(lines out)" 130
  unmixed <out
  wjobs pool -j 13 cmds >out
  is "$(lines out)" 130
  unmixed <out
}

@test "pool: lines that are longer than what is kept are whole as well" {
  local i c
  for c in {a..p}; do
    printf 'head -c 400000 /dev/zero | tr "\\0" %s; echo; echo %s\n' "$c" "$c"
  done >cmds
  timeout 60 "$WJOBS" pool -j 8 cmds >out
  is "$(lines out)" 32
  unmixed <out
  is "$(awk '{ n += length } END { print n }' out)" 6400016
  timeout 60 "$WJOBS" pool -j 8 cmds | { sleep 0.5; cat; } >piped
  sort out | cmp - <(sort piped)
}

@test "pool: a newline is added only where another's output follows" {
  printf 'printf a\nprintf b\n' >cmds
  wjobs pool -j 1 cmds | od -An -c | tr -d ' ' >out
  is "$(<out)" 'a\nb'
  printf 'printf "x\\0y\\377"\n' | wjobs pool | od -An -tx1 | tr -d ' ' >out
  is "$(<out)" 780079ff
  printf 'printf a >&2; exit 1\n' >cmds
  pooled cmds
  is "$(<err)" $'a\nwjobs: line 1: exit status 1: printf a >&2; exit 1'
}

@test "pool: where both streams are one, they keep the order in which they came" {
  yes 'echo 1; echo 2 >&2; echo 3; echo 4 >&2' | head -n 20 >cmds
  wjobs pool -j 1 cmds >out 2>&1
  is "$(tr -d '\n' <out)" "$(printf '1234%.0s' {1..20})"
}

@test "pool --tag: the command stands before each line, on both streams" {
  printf 'echo a; echo b >&2; printf c\n' >cmds
  pooled --tag cmds
  is "$(<out)" $'echo a; echo b >&2; printf c\ta\necho a; echo b >&2; printf c\tc'
  is "$(<err)" $'echo a; echo b >&2; printf c\tb'
}

@test "pool --keep-order: output in the order of the lines, however they end" {
  seq 40 | sed 's/.*/sleep 0.0$((RANDOM % 5)); echo &; echo e& >\&2/' |
    sed 's/^/RANDOM=$$; /' >cmds
  pooled -k -j 8 cmds
  is "$status" 0
  seq 40 | diff - out
  seq 40 | sed 's/^/e/' | diff - err
}

@test "pool --keep-order: megabytes that are ahead of their turn wait in files" {
  {
    echo 'until [ -e done ]; do sleep 0.01; done; echo first'
    printf '%s\n' "head -c 5000000 /dev/zero | tr '\\000' a; echo; echo end; touch done"
    echo 'yes bbb | head -n 100000; echo end'
  } >cmds
  mkdir tmp
  TMPDIR=$PWD/tmp timeout 60 "$WJOBS" pool -k -j 3 cmds >out
  is "$(head -n 1 out)" first
  is "$(sed -n 2p out | wc -c)" 5000001
  is "$(sed -n '3p;100004p' out)" $'end\nend'
  is "$(ls -A tmp)" ""
}

@test "pool --keep-order: without room for a file commands wait for their turn" {
  {
    echo 'until [ -e go ]; do sleep 0.01; done; echo first'
    echo 'touch go; yes bbb | head -n 100000; echo end'
  } >cmds
  TMPDIR=/nonexistent timeout 60 "$WJOBS" pool -k -j 2 cmds >out
  is "$(lines out)" 100002
  is "$(sed -n '1p;$p' out)" $'first\nend'
}

@test "pool --timeout: stops each that takes too long, and what ignores TERM" {
  cat >cmds <<'END2'
sleep 60
trap '' TERM; while :; do sleep 0.01; done
echo fine
END2
  pooled --timeout 200ms --kill-after 200ms -j 3 cmds
  is "$status $(<out)" "1 fine"
  is "$(grep -c 'timed out after 200ms' err)" 2
}

@test "pool --deadline: stops what runs and begins nothing more" {
  printf 'echo a\nsleep 60\necho b\n' >cmds
  pooled --deadline 300ms -j 1 cmds
  is "$status $(<out)" "1 a"
  has "$(<err)" "the deadline has passed; commands that ended: 2"
}

@test "pool --halt: soon begins no more, now stops what runs as well" {
  printf 'until [ -e failed ]; do sleep 0.01; done; sleep 0.1; echo ran\ntouch failed; exit 9\necho never\n' >cmds
  pooled --halt soon -j 2 cmds
  is "$status $(<out)" "1 ran"
  has "$(<err)" "line 2: exit status 9"
  has "$(<err)" "halted by the first failure"
  printf 'sleep 60\nexit 9\necho never\n' >cmds
  pooled --halt now -j 2 cmds
  is "$status $(<out)" "1 "
  is "$(grep -c 'wjobs: line' err)" 1
}

@test "pool --retry: tries what failed again, and lists it once" {
  printf 'echo $WJOBS_LINE.$WJOBS_ATTEMPT; [ $WJOBS_ATTEMPT = 2 ]\nexit 5\n' >cmds
  pooled --retry 1 cmds
  is "$status $(<out)" $'1 1.1\n1.2'
  is "$(<err)" "wjobs: line 2: exit status 5: exit 5"
}

@test "pool: a signal is passed on, begins nothing more, and is the status" {
  local signal
  for signal in INT:130 TERM:143 HUP:129; do
    printf 'trap "echo got; exit" %s; : >ready; while :; do sleep 0.01; done\necho never\n' \
      "${signal%:*}" >cmds
    # a shell's background jobs ignore SIGINT
    env --default-signal=INT "$WJOBS" pool -j 1 cmds >out 2>err 3>&- &
    eventually test -e ready
    kill -s "${signal%:*}" $!
    status=0
    wait $! || status=$?
    is "$status $(<out)" "${signal#*:} got"
    [[ $(<err) != *wjobs* ]]
    rm ready
  done
}

@test "pool: the second signal kills what ignores the first" {
  printf 'trap ": >got" TERM; : >ready; while :; do sleep 0.01; done\n' >cmds
  "$WJOBS" pool cmds >out 2>err 3>&- &
  eventually test -e ready
  kill -TERM $!
  eventually test -e got
  kill -TERM $!
  status=0
  wait $! || status=$?
  is "$status" 143
}

@test "pool: a reader that goes away ends it, without a word" {
  yes 'yes' | head -n 20 >cmds
  {
    status=0
    timeout 20 "$WJOBS" pool -j 4 cmds 2>err || status=$?
    echo "$status" >code
  } | head -n 1 >out
  is "$(<out) $(<code) $(<err)" "y 141 "
}

@test "pool: a full disk is an error" {
  [[ -c /dev/full ]] || skip "needs /dev/full"
  status=0
  yes 'echo a' | head -n 100 | wjobs pool >/dev/full 2>err || status=$?
  is "$status" 125
  has "$(<err)" "cannot write to standard output: No space left on device"
}

@test "pool: a gigabyte from what ignores TERM hurts nobody" {
  needs plain
  printf 'trap "" TERM; head -c 1000000000 /dev/zero; head -c 9000 /dev/zero\n' >cmds
  (
    ulimit -v 200000
    timeout 60 "$WJOBS" pool cmds | wc -c >out
  )
  is "$(<out)" 1000009000
}

@test "pool: a slow reader slows the commands, and loses nothing" {
  printf 'seq 200000\nseq 200000\n' >cmds
  "$WJOBS" pool -j 2 cmds | { sleep 1; sort -n; } | uniq -c | awk '$1 != 2' >out
  is "$(<out)" ""
}

@test "pool: what a command leaves behind holds nothing up" {
  printf '(sleep 60; echo late) & echo gone\n' >cmds
  SECONDS=0
  pooled cmds
  is "$status $(<out)" "0 gone"
  ((SECONDS < 10))
}

@test "pool: many lines take no more memory than a few" {
  needs plain proc
  local peak='awk "/^VmHWM/ { print \$2 }" /proc/$PPID/status'
  {
    # all that is allocated once has been by then
    yes /bin/true | head -n 500
    echo "$peak"
    yes /bin/true | head -n 20000
    echo "$peak"
  } >cmds
  timeout 200 "$WJOBS" pool -k cmds >out
  is "$(lines out)" 2
  # with 26 bytes more for each it would be more
  (($(tail -n 1 out) - $(head -n 1 out) < 512))
}

@test "pool: progress is shown on a terminal alone, and cleared for output" {
  needs terminal
  yes 'sleep 0.1; echo o' | head -n 10 >cmds
  script -qec "$WJOBS pool -j 1 cmds" /dev/null </dev/null >seen
  has "$(<seen)" "/10 done, 1 running"
  has "$(<seen)" " left"
  # each line of output stands alone once the terminal has drawn it
  is "$(tr '\r' '\n' <seen | grep -c '^o$')" 10
  script -qec "$WJOBS -q pool -j 1 cmds" /dev/null </dev/null >seen
  is "$(tr -d '\r' <seen | sort -u)" o
  pooled -j 1 cmds
  is "$(<err)" ""
}

@test "pool: its commands have our environment, and nothing on standard input" {
  printf 'echo $WJOBS_FILE $OURS; cat; readlink /proc/self/fd/0\n' >cmds
  WJOBS_FILE=x OURS=y wjobs pool cmds <<<no >out
  is "$(<out)" $'x y\n/dev/null'
}
