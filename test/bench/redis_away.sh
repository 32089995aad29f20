#!/bin/sh
# How late the jobs of one host start while its Redis does not answer and two
# hundred shared ones are due: fifty of them, each second, for ten seconds.
set -u
job=${WJOBS%/*}/nemesis/job
dir=$BENCH_DIR/away
mkdir -p "$dir/state" "$dir/run"
cd "$dir" || exit 1
pids=
trap 'kill -KILL $pids 2>/dev/null' EXIT

redis-server --port 0 --unixsocket "$dir/redis" --save '' --daemonize no \
	>/dev/null 2>&1 &
server=$!
pids="$pids $server"
{
	printf 'store: "redis+unix://%s/redis"\njobs:\n' "$dir"
	i=0
	while [ "$i" -lt 200 ]; do
		echo "  shared$i: { interval: 5s, command: [\"$job\", \"$dir/shared\", \"1\"] }"
		i=$((i + 1))
	done
	i=0
	while [ "$i" -lt 50 ]; do
		printf '  local%d: { interval: 1s, anchor: "1970-01-01T00:00:00.%03dZ", shared: false, command: ["%s", "%s", "1"] }\n' \
			"$i" $((i * 20)) "$job" "$dir/local"
		i=$((i + 1))
	done
} >wjobs.yaml
WJOBS_STATE_DIR=$dir/state WJOBS_RUNTIME_DIR=$dir/run \
	"$WJOBS" -f wjobs.yaml run 2>log &
pids="$pids $!"
i=0
while [ ! -s shared ]; do
	i=$((i + 1))
	[ "$i" -lt 150 ] || { tail -n 3 log >&2; exit 1; }
	sleep 0.1
done
sleep 1

# Lateness of what began since then: the 99th of a hundred, in milliseconds.
lateness() {
	awk '$1 == "start" {
		split($3, due, /[:Z]/)
		late = ($9 / 1e6 - due[3] * 1000) % 60000
		print (late > 30000 ? late - 60000 : late)
	}' local | sort -n | awk '{ ms[NR] = $1 }
		END { printf "%.1f", ms[int((NR - 1) * 0.99) + 1] }'
}
: >local
sleep 10
there=$(lateness)
kill -STOP "$server"
: >local
sleep 10
away=$(lateness)
kill -CONT "$server"
echo "redis away, p99 lateness of 50 local jobs|$away ms|$there ms where they start|-|<= 20"
