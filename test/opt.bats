load helper

# The commands, as --help lists them.
commands() {
  wjobs --help | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

@test "command line: no command is a misuse that shows the usage" {
  refuses 2 "usage: wjobs [-f JOBFILE]"
}

@test "command line: an unknown command names the nearest" {
  refuses 2 "unknown command 'histroy', did you mean 'history'?" histroy
  refuses 2 "unknown command 'xyzzy'" xyzzy
  # half of a word is not near
  refuses 2 "unknown command 'blow'" blow
  [[ $stderr != *"did you mean"* ]]
}

@test "command line: --version works alone and after each command" {
  run --separate-stderr wjobs --version
  is "$status" 0
  has "$output" "wjobs 0."
  has "$output" "SQLite 3."
  local command version=$output
  for command in $(commands); do
    gives "$version" "$command" --version
  done
}

@test "command line: --help of each command needs no jobfile and says its usage" {
  local command
  (($(commands | wc -l) >= 6))
  for command in $(commands); do
    run --separate-stderr wjobs -f /nonexistent "$command" --help
    is "$status" 0
    is "$stderr" ""
    is "${lines[0]%% \[OPTION*}" "usage: wjobs $command"
    has "$output" "-h, --help"
    run wjobs "$command" -h
    is "${lines[0]%% \[OPTION*}" "usage: wjobs $command"
  done
}

@test "command line: no line of help is over 80 columns" {
  local command
  for command in "" $(commands); do
    # shellcheck disable=SC2086 # none is no argument
    wjobs $command --help
  done | awk 'length > 80 { print; bad = 1 } END { exit bad }'
}

@test "options: an unknown one names the nearest, and is never abbreviated" {
  refuses 2 "unknown option '--jsn', did you mean '--json'?" next --jsn
  refuses 2 "unknown option '--jso', did you mean '--json'?" next --jso
  refuses 2 "unknown option '--timezon', did you mean '--timezone'?" \
    next --timezon=UTC '@daily'
  refuses 2 "unknown option '-x'" next -x
  refuses 2 "Try 'wjobs next --help'." next -x
}

@test "options: a missing or a surplus argument is told" {
  refuses 2 "option '--from' needs TIME" next --from
  refuses 2 "option '-n' needs N" next -n
  refuses 2 "option '--json' takes no argument" next --json=1
}

@test "options: a number is a number, and within its range" {
  refuses 2 "--count: 'x' is not a whole number" next -n x '@daily'
  refuses 2 "--count: '' is not a whole number" next -n '' '@daily'
  refuses 2 "--count: '1.5' is not a whole number" next -n 1.5 '@daily'
  refuses 2 "--count: '0' is not" next -n 0 '@daily'
  refuses 2 "--count: '-1' is not" next -n -1 '@daily'
  refuses 2 "--count: '99999999999999999999' is not" history -n 99999999999999999999
}

@test "options: they stand before and after operands, until --" {
  local first second
  first=$(wjobs next '@yearly' -n 1 -o epoch)
  second=$(wjobs next -n1 --output=epoch -- '@yearly')
  is "$first" "$second"
}

@test "options: those of wjobs itself stand before the command" {
  refuses 2 "unknown option '-f'" next -f wjobs.yaml
  refuses 2 "-q and -v exclude each other" -q -v list
  refuses 2 "--utc and --epoch exclude each other" next --utc --epoch '@daily'
}

@test "operands: too many and too few are told" {
  refuses 2 "unexpected argument 'b'" history a b
  refuses 2 "unexpected argument 'a'" list a
  refuses 2 "show needs JOB | ID" show
}

@test "output: a full disk is an error, with the status of one" {
  [[ -c /dev/full ]] || skip "needs /dev/full"
  local status=0
  wjobs next '@daily' >/dev/full 2>err || status=$?
  is "$status" 1
  has "$(<err)" "wjobs: cannot write the output: No space left on device"
  status=0
  wjobs --help >/dev/full 2>err || status=$?
  is "$status" 1
  status=0
  wjobs next '* * * * * *' -n 20000 --json >/dev/full 2>err || status=$?
  is "$status" 1
}

@test "output: a reader that has seen enough is no error to tell" {
  wjobs next '* * * * * *' -n 100000 -o epoch 2>err | head -n 1 >out
  is "$(lines out)" 1
  is "$(<err)" ""
  (
    trap '' PIPE
    wjobs next '* * * * * *' -n 100000 -o epoch 2>err
  ) | head -n 1 >out
  is "$(<err)" ""
}

@test "output: -o takes known fields in any order, with tabs between" {
  run --separate-stderr wjobs next '0 0 1 1 *' --from 2026-06-01 -n 1 -o zone,epoch,job
  is "$output" $'UTC\t1798761600\t'
  refuses 2 "-o: unknown field 'tim', did you mean 'time'?" next '@daily' -o tim
  refuses 2 "(there are job time epoch zone)" next '@daily' -o x
  refuses 2 "-o: unknown field ''" next '@daily' -o job,
}

@test "output: --json with -o is objects of these fields alone" {
  gives '{"epoch":1798761600,"zone":"UTC"}' \
    next '0 0 1 1 *' --from 2026-06-01 -n 1 -o epoch,zone --json
}

@test "errors: text of the user's own forges no terminal" {
  run --separate-stderr wjobs $'x\e[2J\nwjobs: fine'
  is "$status" 2
  has "$stderr" 'unknown command '\''x\x1b[2J\nwjobs: fine'\'
}
