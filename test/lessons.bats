# The faults of the system that wjobs descends from, each by its number, so
# that none comes back. W10 (unlocked reads of a shared clock) has no place
# here: one thread thinks, and `make check SAN=thread` watches the other.

load helper

# fires N EXPR FROM [ZONE] - the next instants after FROM, in UTC.
fires() {
  wjobs next "$2" -n "$1" --from "$3" --timezone "${4:-UTC}" -o time --utc |
    sed 's/\.000Z$//'
}

# within SECONDS COMMAND... - it ends in time.
within() {
  local limit=$1
  shift
  timeout -k 1 "$limit" "$@"
}

@test "W1: a schedule that never comes is refused, and at once" {
  local begun=$SECONDS
  refuses 2 "never" next '0 0 30 2 *'
  jobfile <<'END'
jobs:
  never:
    cron: "0 0 30 2 *"
    command: "true"
END
  refuses 78 "wjobs.yaml:3:" next
  ((SECONDS - begun <= PATIENCE))
}

@test "W1: the 29th of February is found beyond a year without one" {
  is "$(fires 1 '0 0 29 2 *' 2096-03-01T00:00:00Z)" 2104-02-29T00:00:00
}

@test "W2: an hourly job fires in a zone of half hours" {
  is "$(fires 3 '0 * * * *' 2024-01-01T00:00:00Z Asia/Kolkata)" \
    $'2024-01-01T00:30:00\n2024-01-01T01:30:00\n2024-01-01T02:30:00'
  is "$(fires 2 '15 * * * *' 2024-01-01T00:00:00Z Asia/Kathmandu)" \
    $'2024-01-01T00:30:00\n2024-01-01T01:30:00'
}

@test "W3: a time that is skipped fires once, right after the gap" {
  is "$(fires 3 '30 2 * * *' 2024-03-09T12:00:00Z America/New_York)" \
    $'2024-03-10T07:00:00\n2024-03-11T06:30:00\n2024-03-12T06:30:00'
}

@test "W3: a time that comes twice fires once, the first time" {
  is "$(fires 3 '30 1 * * *' 2024-11-02T12:00:00Z America/New_York)" \
    $'2024-11-03T05:30:00\n2024-11-04T06:30:00\n2024-11-05T06:30:00'
}

@test "W6: an interval of nothing is refused" {
  local interval
  for interval in 0s -1s 0; do
    jobfile <<END
jobs:
  spin:
    interval: $interval
    command: "true"
END
    refuses 78 "wjobs.yaml:3:" next
  done
}

@test "W9: a name stands for one job" {
  jobfile <<'END'
jobs:
  twice:
    cron: "@daily"
    command: echo one
  twice:
    interval: 1h
    command: echo two
END
  refuses 78 "wjobs.yaml:5:3: " next
}

@test "W11: seconds are not dropped" {
  is "$(fires 3 '*/10 * * * * *' 2024-01-01T00:00:00Z)" \
    $'2024-01-01T00:00:10\n2024-01-01T00:00:20\n2024-01-01T00:00:30'
}

@test "W12: a step after a number is not dropped" {
  is "$(fires 5 '5/15 * * * *' 2024-01-01T00:00:00Z | cut -c 12-16)" \
    $'00:05\n00:20\n00:35\n00:50\n01:05'
}

@test "W13: Sunday is 0 and 7, at both ends of a range" {
  # 2024-01-01 is a Monday.
  is "$(fires 7 '0 12 * * 0-7' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n02\n03\n04\n05\n06\n07'
  is "$(fires 4 '0 12 * * 5-7' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'05\n06\n07\n12'
}

@test "W14: a range of all days is not a star" {
  # Either may match: each day.
  is "$(fires 3 '0 12 1-31 * 1' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n02\n03'
  # A star with a step is one: both must match, so Mondays.
  is "$(fires 3 '0 12 */1 * 1' 2024-01-01T00:00:00Z | cut -c 9-10)" \
    $'01\n08\n15'
}
