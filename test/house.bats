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
