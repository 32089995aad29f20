load helper

# The log's line without its time, which is checked to be one.
logged() {
  run --separate-stderr tool log "$@"
  [[ $status == 0 && -z $output ]] || return 1
  # shellcheck disable=SC2154 # run sets it
  has "$stderr" "time=2" || return 1
  logged=${stderr#time=????-??-??T??:??:??.???Z }
}

@test "log: a line is time, level, msg, then pairs" {
  logged event info logfmt "run ended" job backup status failed
  is "$logged" 'level=info msg="run ended" job=backup status=failed'
}

@test "log: a value that is not one plain word is quoted" {
  logged event warn logfmt plain error 'exit status 3' empty ''
  is "$logged" 'level=warn msg="plain" error="exit status 3" empty=""'
}

@test "log: quotes, newlines, escapes and bidi controls forge nothing" {
  logged event info logfmt 'a "quoted" \ one' error $'x\ntime=2 level=error\e[2J\u202e\x9b'
  is "$logged" 'level=info msg="a \"quoted\" \\ one" error="x\ntime=2 level=error\x1b[2J\u202e\x9b"'
}

@test "log: a pair whose value is NULL is left out" {
  logged event info logfmt x key value
  is "$logged" 'level=info msg="x" key=value'
}

@test "log: what is below the level is not written" {
  run --separate-stderr tool log event debug logfmt hidden
  [[ $status == 0 && -z $stderr ]]
}

@test "log: JSON lines parse, whatever they hold" {
  needs python3
  run --separate-stderr tool log event error json $'bad "\\ \e\x80' key $'a\nb'
  python3 -c '
import json, sys
line = json.loads(sys.argv[1])
assert list(line) == ["time", "level", "msg", "key"], line
assert line["level"] == "error" and line["key"] == "a\\nb", line
' "$stderr"
}

@test "log: output is tagged a line at a time, its last newline or not" {
  run --separate-stderr tool log output backup 01RUN 2 $'one\ntwo'
  is "$(wc -l <<<"$stderr")" 2
  has "$stderr" 'msg="one" job=backup run=01RUN stream=stderr'
  has "$stderr" 'msg="two" job=backup run=01RUN stream=stderr'
}

@test "log: a reader that sleeps holds nothing up, and is told what it missed" {
  mkfifo pipe gate
  exec 8<>pipe 9<>gate
  "$TOOLS/log" flood 50000 <gate 2>pipe >out 3>&- 8>&- 9>&- &
  exec 6<pipe 7>gate 9>&-
  eventually test -s out
  read -r took dropped <out
  ((took < 5000))
  ((dropped > 10000))
  cat <&6 >got 3>&- 7>&- 8>&- &
  local reader=$!
  eventually grep -q 'msg="log lines dropped" count='"$dropped" got
  exec 7>&-
  eventually grep -q 'msg="the end"' got
  run ! grep -qv '^time=.* level=[a-z]* msg=".*"' got
  is "$(($(lines got) + dropped))" 50002
  kill "$reader"
}

@test "log: a full disk loses lines, not the program" {
  [[ -c /dev/full ]] || skip "needs /dev/full"
  run "$TOOLS/log" event info logfmt x 2>/dev/full
  is "$status" 0
}
