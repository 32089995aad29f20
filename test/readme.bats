# What README.md promises is there.

load helper

readme() { cat "$TOP/README.md"; }

@test "readme: its two commands are what they are elsewhere" {
  has "$(readme)" \
    "    sh etc/deps.sh && make && build/wjobs -f wjobs.yaml.example run"
  is "$(readme | sed -n 's/^    \(sh etc\/deps\.sh check && .*\)/\1/p')" \
    "sh etc/deps.sh check && make check"
}

@test "readme: its jobfile is one" {
  readme | sed -n '/^A jobfile:/,/^## /s/^    //p' >wjobs.yaml
  is "$(wjobs list -o job)" $'nightly_backup\nqueue_check'
}

@test "readme: its handlers are a jobfile, and a job may put work in for one" {
  readme | sed -n '/^## Work that is asked/,/^    \$/s/^    //p' |
    grep -v '^\$' >wjobs.yaml
  echo 'jobs: { a: { interval: 5m, handler: send_email } }' >>wjobs.yaml
  is "$(wjobs list -o job)" $'a\nsend_email'
}

@test "readme: each command it names exists, and each option" {
  local name words option
  while read -r _ name words; do
    run wjobs "$name" --help
    is "$status" 0
    for option in $(grep -oE -- ' --?[a-zA-Z]+' <<<" ${words%% -- *}"); do
      has "$output" "$option"
    done
  done < <(readme | grep -oE '(`|[*] )wjobs [a-z]+[^`]*' | tr -d '`*')
}

@test "readme: each key it names is one" {
  local pair key
  for pair in "timezone: Asia/Tokyo" "shell: /bin/bash" "env: { A: b }" \
    "clean_env: true" "stdin: text" "output: discard" "timeout: 10m" \
    "jitter: 1m" "retry: { max: 1, delay: 1m }" "catch_up: once" \
    "on_failure: mail -s failed ops" "on_recovery: x" \
    "overlap: forbid" "working_dir: /" "output_file: /tmp/x
    output: file"; do
    key=${pair%%:*}
    has "$(readme)" "$key"
    printf 'jobs:\n  a:\n    interval: 10m\n    command: x\n    %s\n' "$pair" \
      >wjobs.yaml
    run wjobs list -o job
    is "$output" a
  done
}
