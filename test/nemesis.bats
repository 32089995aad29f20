# Six schedulers with wrong clocks and one Redis, everything failing at random:
# what test/nemesis/check.py asks for holds. `make nemesis` takes ten minutes.

load helper
load redis

@test "nemesis: a minute of faults breaks no promise" {
  needs python3
  [[ $WJOBS != */valgrind/* ]] || skip "would be too slow to be on time"
  export NEMESIS_DIR=$T/nemesis NEMESIS_SECONDS=60
  export NEMESIS_PATIENCE=$((PATIENCE / 5))
  run "$TOP/test/nemesis/run" 3>&- 4>&-
  echo "$output"
  # The seed gives the same faults, and not the same race: keep what there is.
  if [[ $status != 0 ]]; then
    rm -rf "${WJOBS%/*}/nemesis/failed"
    cp -a "$NEMESIS_DIR" "${WJOBS%/*}/nemesis/failed"
    echo "the logs are in ${WJOBS%/*}/nemesis/failed"
  fi
  is "$status" 0
}

@test "nemesis: the first scheduler of all keeps nobody waiting by its clock" {
  needs plain
  redis_start
  jobfile <<END
store: "$REDIS"
jobs: { tick: { interval: 1s, command: [${WJOBS%/*}/nemesis/job, $PWD/runs, "1"] } }
END
  NEMESIS_SKEW_MS=40000 "${WJOBS%/*}/nemesis/wjobs" run >run.out 2>run.err 3>&- 4>&- &
  scheduler=$!
  eventually lines_are runs -ge 4
  scheduler_stop
}

# lateness FILE - how late its runs began, in milliseconds: how many, the
# 99th of a hundred and the worst.
lateness() {
  python3 - "$1" <<'EOF'
import datetime, sys
late = []
for line in open(sys.argv[1]):
    what, _, due, *_, at = line.split()
    if what == "start":
        due = datetime.datetime.fromisoformat(due.replace("Z", "+00:00"))
        late.append(int(at) / 1e6 - due.timestamp() * 1000)
late.sort()
print(len(late), int(late[int(len(late) * 0.99)]), int(late[-1]))
EOF
}

@test "nemesis: with Redis away and 200 shared jobs due, local jobs are on time" {
  needs python3 plain
  local i job=${WJOBS%/*}/nemesis/job
  redis_start
  {
    printf 'store: "%s"\njobs:\n' "$REDIS"
    for ((i = 0; i < 200; i++)); do
      printf '  shared%d: { interval: 2s, command: [%s, %s, "1"] }\n' "$i" "$job" "$PWD/shared"
    done
    for ((i = 0; i < 50; i++)); do
      printf '  local%d: { interval: 1s, anchor: "1970-01-01T00:00:00.%02d0Z", shared: false, command: [%s, %s, "1"] }\n' \
        "$i" $((i * 2)) "$job" "$PWD/local"
    done
  } | jobfile
  scheduler_start
  eventually test -s shared
  kill -STOP "$REDIS_PID"
  cp /dev/null local
  PATIENCE=20 eventually lines_are local -ge 900
  local late
  read -ra late < <(lateness local)
  kill -CONT "$REDIS_PID"
  echo "${late[0]} runs, p99 ${late[1]} ms, at most ${late[2]} ms"
  ((late[0] >= 450 && late[1] < 200))
  # And when it is back the shared ones go on.
  local before
  before=$(lines shared)
  PATIENCE=15 eventually lines_are shared -gt $((before + 400))
  scheduler_stop
}
