#!/bin/sh
# What a run costs on the wire, as a proxy between one scheduler and its Redis
# counts: round trips a run, and those of a scheduler that lives, with no run
# and with two hundred.
set -u
bin=${WJOBS%/*}/nemesis
dir=$BENCH_DIR/trips
mkdir -p "$dir"
cd "$dir" || exit 1
pids=
trap 'kill -KILL $pids 2>/dev/null' EXIT

redis-server --port 0 --unixsocket "$dir/redis" --save '' --daemonize no \
	>/dev/null 2>&1 &
pids="$pids $!"
mkfifo proxy.in
"$bin/proxy" "$dir/redis" "$dir/1" "$dir/2" <proxy.in >proxy.out &
pids="$pids $!"
exec 7>proxy.in
i=0
while [ ! -S redis ] || [ ! -S 2 ]; do
	i=$((i + 1))
	[ "$i" -lt 100 ] || exit 1
	sleep 0.1
done

scheduler() { # NAME LINE JOB: a scheduler on that line of the proxy
	mkdir "state$1" "run$1"
	printf 'store: "redis+unix://%s/%s?prefix=%s"\npool: { size: 300 }\n' \
		"$dir" "$2" "$1" >"$1.yaml"
	printf 'stop_timeout: 1s\njobs:\n%s\n' "$3" >>"$1.yaml"
	WJOBS_STATE_DIR=$dir/state$1 WJOBS_RUNTIME_DIR=$dir/run$1 \
		"$WJOBS" -f "$1.yaml" run 2>"$1.log" &
	pids="$pids $!"
}
tell() {
	before=$(grep -c '^ok' proxy.out)
	echo "$*" >&7
	while [ "$(grep -c '^ok' proxy.out)" -le "$before" ]; do sleep 0.05; done
}
trips() { # LINE: since it was told to begin anew
	tell "count $1"
	grep "^count $1 " proxy.out | tail -n 1 | sed 's/.* trips=\([0-9]*\).*/\1/'
}

# One scheduler does nothing but live; the other has two hundred runs.
many=$(i=0; while [ "$i" -lt 200 ]; do
	echo "  many$i: { interval: 1h, run_immediately: true, command: [sleep, \"300\"] }"
	i=$((i + 1))
done)
scheduler idle 1 '  never: { cron: "0 0 1 1 *", command: "true" }'
scheduler busy 2 "$many"
i=0
while [ "$("$WJOBS" -f busy.yaml history -n 1000 -o id --status running | wc -l)" -lt 200 ]; do
	i=$((i + 1))
	[ "$i" -lt 200 ] || { tail -n 3 busy.log >&2; exit 1; }
	sleep 0.1
done
sleep 2
tell reset all
sleep 40
idle=$(trips 1)
busy=$(trips 2)
echo "redis, round trips a minute with 200 runs|$((busy * 3 / 2))|$((idle * 3 / 2)) with none|$(
	awk -v a="$busy" -v b="$idle" 'BEGIN { printf "%.2f", a / b }')|<= 1.5"

# One run after the other, so that no two share a round trip. The scheduler that
# is idle has this line of the proxy too.
scheduler ticks 1 '  tick: { interval: 200ms, command: [/bin/true] }'
sleep 3
ran() { redis-cli -s redis hget '{ticks}j:tick' successful; }
tell reset 1
before=$(ran)
sleep 10
all=$(trips 1)
runs=$(($(ran) - before))
echo "redis, round trips a run|$(awk -v a="$all" -v b="$idle" -v n="$runs" \
	'BEGIN { printf "%.2f", (a - 2 * b / 4) / n }')|2: begin and end|-|<= 2.1"
