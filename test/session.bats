# An instance's session on a shared store: what its thread does when the store
# fails, and what the loop is told. The store is one that does as it is told.

load helper

teardown() {
  exec 9>&-
  wait
  test_end
}

# session [ANSWER] - the tool beside the test; what it says is in session.out.
session() {
  mkfifo orders
  "$TOOLS/session" "$@" <orders >session.out 3>&- 4>&- 9>&- &
  exec 9>orders
}
tell() { printf '%s\n' "$@" >&9; }
said() { grep -q "$1" session.out; }
state_is() {
  tell state
  said "^state: $1"
}
# at WORD - when it was said, in milliseconds; the Nth time
at() { sed -n "s/^$1 at //p" session.out | sed -n "${2:-1}p"; }
counted() {
  tell count
  said "^count: $1"
}

@test "session: it is opened at once, renewed, and closed at the end" {
  session
  eventually state_is "open current first offset="
  eventually counted "opened=1 ids=1 renewed=3"
  exec 9>&-
  eventually said "^closed"
  run ! said "^lost\|^doubtful"
}

@test "session: a store that comes late is asked until it does, under one id" {
  session fail
  said "^not open: nobody answers" || eventually said "^not open: nobody answers"
  eventually state_is "none away nobody answers"
  eventually counted "opened=[3-9] ids=1 renewed=0"
  tell "answer well"
  eventually state_is "open current first"
  counted "opened=[0-9]* ids=1 " || eventually counted "opened=[0-9]* ids=1 "
}

@test "session: what the store refuses for good is told from what is just away" {
  session
  eventually state_is "open current"
  tell "answer refuse"
  eventually state_is "open current first away refused offset=.* no entry"
  tell "answer fail"
  eventually state_is "open current first away offset=.* nobody answers"
  tell "answer well"
  eventually state_is "open current first offset=-*[0-9]*$"
}

@test "session: without a renewal the loop hears of doubt and then of loss, in time" {
  session
  eventually counted "opened=1 ids=1 renewed=[1-9]"
  tell "answer fail"
  eventually said "^lost"
  # From the last renewal that was sent: 800 and 1000.
  local between=$(($(at lost) - $(at doubtful)))
  ((between >= 150 && between < 400))
  # It expires for all others at 1200, and then there is a new one.
  tell "answer well"
  eventually state_is "open current"
  is "$(grep -c ^lost session.out)" 1
}

@test "session: a thread that hangs keeps the loop from nothing" {
  session
  eventually counted "opened=1 ids=1 renewed=[1-9]"
  tell "answer hang"
  eventually said "^lost"
  said "^doubtful"
  # What claims is told of no session, though the thread still hangs in one.
  tell state
  eventually said "^state: open first offset"
  tell "answer well"
  eventually state_is "open current"
}

@test "session: one that is gone is told as lost, and followed by another id" {
  session
  eventually counted "opened=1 ids=1 renewed=[1-9]"
  tell "answer gone"
  eventually said "^lost"
  eventually counted "opened=2 ids=2"
  is "$(grep -c ^lost session.out)" 1
}


@test "session: the store's clock is measured, and told when it changes" {
  session
  tell "offset 5000"
  eventually state_is "open current first offset=\(49[0-9][0-9]\|50[0-9][0-9]\)"
  eventually counted ".* noted=\(49\|50\)[0-9][0-9]"
  tell "offset -700"
  eventually state_is "open current first offset=-\(6[5-9]\|7[0-4]\)[0-9]"
}

@test "session: what dead instances left reaches the loop" {
  session
  eventually state_is "open current"
  tell "found 3"
  eventually said "^found 3"
}

@test "session: a process that was frozen hears of its loss before anything else" {
  session
  eventually counted "opened=1 ids=1 renewed=[1-9]"
  # The loop stands still beyond all spans; what came meanwhile waits for it.
  tell "answer hang" "nap 1100"
  eventually said "^nap"
  tell state
  eventually said "^state: .*$"
  sed -n '/^nap/,$p' session.out | sed -n 2p | grep "^lost"
}

@test "session: while all is well the loop is woken less than once for two renewals" {
  session
  eventually counted "opened=1 ids=1 renewed=[1-9]"
  tell "until 10"
  eventually said "^turns="
  (($(sed -n 's/^turns=//p' session.out) <= 7))
}
