# The man page and the completions against the tables that parse.
load helper

commands() {
  wjobs --help | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# The long options of a command, or of wjobs itself.
options() {
  # shellcheck disable=SC2086 # none is no argument
  wjobs ${1:-} --help |
    sed -n '/^options:/,$s/^  \(-[A-Za-z], \|    \)--\([a-z-]*\).*/\2/p' | sort
}

# What wjobs.1 says of one command.
section() {
  awk -v name="$1" '/^\.S[sh] / { on = $2 == name && NF == 2 } on' \
    "$TOP/man/wjobs.1"
}

# The options that a part of the page lists.
listed() { sed -n 's/^\.It.*Fl Fl \([a-z-]*\).*/\1/p' | sort; }

@test "wjobs.1: mandoc finds nothing to warn about" {
  needs mandoc
  run mandoc -Tlint -Wwarning "$TOP/man/wjobs.1"
  is "$output" ""
}

@test "wjobs.1: each command has its section and each option its line" {
  local command common
  common=$(awk '/^\.Ss Options of all/ { on = 1; next } /^\.Ss/ { on = 0 } on' \
    "$TOP/man/wjobs.1" | listed)
  is "$common" $'epoch\njson\noutput\nutc'
  for command in $(commands); do
    [[ -n $(section "$command") ]] || {
      echo "no section on '$command'" >&2
      return 1
    }
    is "$command: $(section "$command" | listed | tr '\n' ' ')" \
      "$command: $(options "$command" |
        grep -vxE 'help|version|json|output|utc|epoch' | tr '\n' ' ')"
  done
}

@test "wjobs.1: a letter stands before its long option" {
  local command letter name
  for command in "" $(commands); do
    # shellcheck disable=SC2086
    wjobs $command --help | sed -n 's/^  -\(.\), --\([a-z-]*\).*/\1 \2/p' |
      while read -r letter name; do
        grep -q "^\.It.*Fl $letter .*, Fl Fl $name\b" "$TOP/man/wjobs.1" || {
          echo "wjobs $command: no '-$letter, --$name' in the page" >&2
          return 1
        }
      done
  done
}

@test "wjobs.1: the options of wjobs itself" {
  is "$(awk '/^\.Sh DESCRIPTION/ { on = 1 } /^\.Ss/ { exit } on' \
    "$TOP/man/wjobs.1" | listed)" "$(options)"
}

@test "wjobs.1: the fields of each listing are those that -o knows" {
  local fields
  jobfile <<'END'
jobs:
  a: { cron: "@daily", command: "true" }
END
  fields() {
    awk -v name="$1" '/^\.Ss Fields/ { part = 1 } /^\.Sh/ { part = 0 }
      part && /^\.It/ { on = $3 == name || $3 == name " ," } part && on' \
      "$TOP/man/wjobs.1" | sed -n 's/^\.Va //p' |
      awk 'NF > 1 { sub(/ [.;]$/, ""); print }' | paste -sd' '
  }
  names() { tr , '\n' | sed -n 's/^{\{0,1\}"\([a-z0-9_]*\)":.*/\1/p' | paste -sd' '; }
  has "$(fields list)" "last_duration description"
  is "$(fields list)" "$(wjobs list --json | names)"
  is "$(fields check)" "$(wjobs check --json | names)"
  is "$(fields next)" "$(wjobs next -n 1 --json | names)"
  is "$(fields stats)" "$(wjobs stats --json | names)"
  is "$(fields health)" "$(wjobs health --json | names)"
  is "$(fields why)" "$(wjobs why a now --json | names)"
  scheduler_start
  eventually eval '[ -n "$(wjobs status --all -o pid)" ]'
  is "$(fields status)" "$(wjobs status --all --json | names)"
}

@test "wjobs.1: each status, trigger and reason that a record may have" {
  sed -n 's/^\t\[RECORD_[A-Z_]*\] = "\(.*\)",$/\1/p' "$TOP/lib/store/record.c" >known
  awk '/^\.Sh RUNS/ { on = 1; next } /^\.Sh/ { on = 0 }
    on && /^\.It Cm/ { print $3 }' "$TOP/man/wjobs.1" >told
  (($(lines known) > 20))
  diff known told
}

# literal SECTION N - the N-th literal block of a section of the page.
literal() {
  awk -v name="$1" -v want="$2" '
    /^\.Sh/ { on = substr($0, 5) == name }
    /^\.Ed/ { inside = 0 }
    inside { gsub(/\\e/, "\\"); print }
    /^\.Bd/ && on { inside = ++n == want }' "$TOP/man/wjobs.1"
}

@test "wjobs.1: a jobfile and its tests, as told, are one and pass" {
  mkdir tested
  literal "TESTING A JOBFILE" 1 >tested/wjobs.yaml
  literal "TESTING A JOBFILE" 2 >tested/wjobs.bats
  # Bats puts what it is made of before the programs of its user.
  local path
  path=$(tr : '\n' <<<"$PATH" | grep -v /bats-core | paste -sd:)
  run env -i PATH="$path" HOME="$HOME" TMPDIR="$T" VALGRIND_LOGS="$T" \
    TZ=Asia/Tokyo bats --formatter tap tested/wjobs.bats 3>&- 4>&-
  echo "$output"
  is "$status" 0
  is "${lines[0]}" "1..$(grep -c '^@test' tested/wjobs.bats)"
  [[ $output != *skip* ]]
}

# complete WORD... - what bash offers for the last word of the line.
complete_line() {
  bash -c '
    source "$1"
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _wjobs
    printf "%s\n" "${COMPREPLY[@]}"
  ' _ "$TOP/etc/completions/wjobs.bash" "$@" | sort
}

@test "bash: completes commands, and the options of each" {
  local command
  is "$(complete_line wjobs '')" "$(commands | sort)"
  is "$(complete_line wjobs his)" history
  for command in $(commands); do
    is "$(complete_line wjobs "$command" --)" \
      "$(options "$command" | sed 's/^/--/')"
  done
  is "$(complete_line wjobs --)" "$(options | sed 's/^/--/')"
}

@test "bash: completes jobs, of the jobfile on the line" {
  cat >other.yaml <<'END'
jobs:
  alpha: { cron: "@daily", command: "true" }
  beta: { cron: "@daily", command: "true # beta" }
handlers: { gamma: { command: cat } }
END
  is "$(complete_line wjobs -f other.yaml history '')" $'alpha\nbeta\ngamma'
  is "$(complete_line wjobs -f other.yaml run '')" $'alpha\nbeta'
  is "$(complete_line wjobs -f other.yaml enqueue '')" gamma
  is "$(complete_line wjobs -f other.yaml show be)" beta
  is "$(complete_line wjobs history --status fa)" failed
}

@test "bash: without a jobfile it offers nothing and says nothing" {
  run --separate-stderr complete_line wjobs history ''
  is "$output$stderr" ""
}

@test "zsh: completes commands, options and jobs" {
  needs zsh
  jobfile <<'END'
jobs:
  alpha: { cron: "@daily", command: "true" }
handlers: { gamma: { command: cat } }
END
  # shellcheck disable=SC2016 # zsh expands it
  offers() {
    zsh -fc '
      _describe() { print -rl -- "${(@P)2}" }
      words=("${@[2,-1]}")
      CURRENT=$#words
      source $1' _ "$TOP/etc/completions/_wjobs" "$@" | sort
  }
  is "$(offers wjobs '' | cut -d: -f1)" "$(commands | sort)"
  is "$(offers wjobs next -- | cut -d: -f1)" "$(options next | sed 's/^/--/')"
  has "$(offers wjobs next --)" "--until:those up to TIME"
  is "$(offers wjobs show '')" $'alpha\ngamma'
  is "$(offers wjobs next '')" alpha
  is "$(offers wjobs enqueue '')" gamma
}

@test "fish: completes commands, options and jobs" {
  needs fish
  jobfile <<'END'
jobs:
  alpha: { cron: "@daily", command: "true" }
handlers: { gamma: { command: cat } }
END
  offers() {
    fish --no-config -c "source $TOP/etc/completions/wjobs.fish
      complete -C '$1'" | cut -f1 | sort
  }
  is "$(offers 'wjobs ')" "$(commands | sort)"
  is "$(offers 'wjobs next --')" "$(options next | sed 's/^/--/')"
  is "$(offers 'wjobs show ')" $'alpha\ngamma'
  is "$(offers 'wjobs next ')" alpha
  is "$(offers 'wjobs enqueue ')" gamma
}
