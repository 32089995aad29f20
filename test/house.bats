# The helpers that all other tests stand on.

load helper

@test "house: a test has a world of its own" {
  is "$PWD" "$BATS_TEST_TMPDIR/work"
  is "$(ls -A)" ""
  has "$HOME" "$BATS_TEST_TMPDIR"
  has "$WJOBS_STATE_DIR" "$BATS_TEST_TMPDIR"
  is "${PATH%%:*}/wjobs" "$WJOBS"
}

@test "house: eventually waits for what comes, and gives up on what does not" {
  (sleep 0.1 && echo here >file) 3>&- &
  eventually test -s file
  PATIENCE=0
  run eventually false
  is "$status" 1
  has "$output" "never came true: false"
}

@test "house: what outlives a test is found and killed" {
  needs proc
  setsid -f sh -c 'echo $$ >pid; exec sleep 300' 3>&- 4>&-
  eventually test -s pid
  leftovers_kill
  eventually gone "$(cat pid)"
}

gone() { [[ ! -e /proc/$1 ]] || grep -q '^State:.[ZX]' "/proc/$1/status"; }

# nested FILE - the runner on a .bats file of ours, as if it were called first.
nested() {
  # Bats puts its own insides first.
  env -i PATH="$(tr : '\n' <<<"$PATH" | grep -v /bats | paste -s -d :)" \
    HOME="$HOME" TERM=dumb sh "$TOP/test/run" "$@"
}

@test "test/run: closes with a plain line of what passed, failed and was skipped" {
  printf '@test "%s" { %s; }\n' a true b true c 'skip "no reason"' >good.bats
  run nested good.bats
  is "$status" 0
  is "${lines[-1]}" "2 passed, 0 failed, 1 skipped"
  printf '@test "%s" { %s; }\n' a true b false >bad.bats
  run nested bad.bats
  is "$status" 1
  is "${lines[-1]}" "1 passed, 1 failed"
}

@test "test/run: what never ran has failed" {
  printf '@test "a" { true; }\n@test "b" { kill -KILL $$; }\n' >dies.bats
  printf '@test "c" { true; }\n' >>dies.bats
  run nested dies.bats
  is "$status" 1
  has "${lines[-1]}" " passed, "
  [[ ${lines[-1]} != *" 0 failed"* ]]
}

@test "make: a missing library is one sentence that names etc/deps.sh" {
  run make -s -C "$TOP" B="$PWD/b" PKG_CONFIG=false CC="cc -nostdinc" \
    "$PWD/b/libraries"
  is "$status" 2
  has "$output" "libraries are missing (ev.h yaml.h sqlite3.h jansson.h hiredis/hiredis.h)"
  has "$output" "sh etc/deps.sh"
}

@test "make: install puts each file in its place, below DESTDIR and PREFIX" {
  needs plain
  make -s -o all -C "$TOP" install DESTDIR="$PWD/root" PREFIX=/usr
  is "$(find root -type f | sort)" "root/usr/bin/wjobs
root/usr/share/bash-completion/completions/wjobs
root/usr/share/doc/wjobs/LICENSE
root/usr/share/doc/wjobs/README.md
root/usr/share/doc/wjobs/wjobs.yaml.example
root/usr/share/fish/vendor_completions.d/wjobs.fish
root/usr/share/man/man1/wjobs.1
root/usr/share/man/man5/wjobs.yaml.5
root/usr/share/zsh/site-functions/_wjobs"
  make -s -C "$TOP" uninstall DESTDIR="$PWD/root" PREFIX=/usr
  is "$(find root -type f)" ""
}

# A place with few programs: no package manager but those we put there.
few_programs() {
  local name
  mkdir bin
  for name in sh cat awk tr cut paste sort env; do
    ln -s "$(command -v "$name")" "bin/$name"
  done
}

@test "deps.sh: without a package manager it says what is missing" {
  few_programs
  run env PATH="$PWD/bin" CC=false sh "$TOP/etc/deps.sh"
  is "$status" 1
  has "$output" "no apt-get, dnf, apk or pacman here; missing: "
  has "$output" " libev libyaml sqlite jansson"
}

@test "deps.sh: installs by the names of the manager that is there" {
  few_programs
  printf '#!/bin/sh\necho 0\n' >bin/id
  local manager
  for manager in apt-get:libev-dev dnf:libev-devel apk:libev-dev pacman:libev; do
    printf '#!/bin/sh\necho "$*" >>log\n' >"bin/${manager%:*}"
    chmod +x bin/*
    run env PATH="$PWD/bin" CC=false sh "$TOP/etc/deps.sh"
    # Nothing was really installed, and it looks.
    is "$status" 1
    has "$output" "still missing: "
    has " $(tail -n 1 log) " " ${manager#*:} "
    rm "bin/${manager%:*}" log
  done
}

@test "bench: figures become a table that marks what misses its target" {
  mkdir bench
  cp "$TOP/test/bench/run" bench/run
  cat >bench/figures.sh <<'END'
echo "next()|71 ns|61 ns bit masks|1.16|<= 4"
echo "early starts|0|-|-|= 0"
echo "load|9 ms|1 ms events|9.0|<= 1.5"
END
  run --separate-stderr sh bench/run
  is "$status" 1
  is "$output" "what          wjobs  limit            ratio  target
next()        71 ns  61 ns bit masks  1.16   <= 4
early starts  0      -                -      = 0
load          9 ms   1 ms events      9.0    <= 1.5  MISSED
1 of 3 figures miss their target"
  sed -i /load/d bench/figures.sh
  sh bench/run
}
