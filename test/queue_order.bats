# In which order work is taken, against the plain idea of it: a heap of what is
# ready. The same of each store. Time is the store's own, and cannot be set: what
# would come seconds later has so many steps less of priority instead, each worth
# more than the test takes.

load helper
load redis

# oracle KIND SEED - writes `script` for `tool queue`, and what has to be taken,
# a number a line, as `want`.
oracle() {
  needs python3
  cat >oracle.py <<'END'
import heapq, random, sys
kind, dice = sys.argv[1], random.Random(int(sys.argv[2]))
script, want = open("script", "w"), open("want", "w")
heaps, place, n, takes = {h: [] for h in "abc"}, {}, 0, 0

def put(handler, score):
    global n
    n += 1
    place[n] = (score, n)
    heapq.heappush(heaps[handler], place[n])
    print(f"put work={n} job={handler} priority={-score} aging=1000000", file=script)
    return n

def take(room, most):
    """The best of all handlers that have room, one after the other."""
    global takes
    takes += 1
    print(f"take take={takes} most={most} want=" + ",".join(f"{h}:{k}" for h, k in room.items()), file=script)
    taken = []
    while len(taken) < most:
        best = min((heaps[h][0], h) for h in room if heaps[h] and room[h]) \
            if any(heaps[h] and room[h] for h in room) else None
        if best is None:
            break
        heapq.heappop(heaps[best[1]])
        room[best[1]] -= 1
        taken.append((best[0][1], best[1]))
    for work, handler in taken:
        print(work, file=want)
    return taken

def end(work):
    print(f"end work={work} take={takes} status=completed", file=script)

if kind == "random":
    for _ in range(1500):
        if dice.random() < 0.55:
            put(dice.choice("abc"), dice.randint(-200, 200))
            continue
        room = {h: dice.randint(1, 3) for h in dice.sample("abc", dice.randint(1, 3))}
        for work, handler in take(room, dice.randint(1, 4)):
            if dice.random() < 0.2:    # as if it had not been taken
                print(f"release work={work} take={takes}", file=script)
                heapq.heappush(heaps[handler], place[work])
            else:
                end(work)
else:
    # A piece a second is done; nine of ten that come are of priority 9, and a
    # hundred of these are there before.
    step, born, longest = (60 if kind == "aged" else 100000), {}, 0
    for _ in range(100):
        put("a", -9 * step)
    for second in range(1, 1500):
        priority = 0 if second % 10 == 0 else 9
        work = put("a", second - priority * step)
        if priority == 0:
            born[work] = second
        for work, _ in take({"a": 1}, 1):
            end(work)
            longest = max(longest, second - born.pop(work, second))
    left = max((1500 - second for second in born.values()), default=0)
    print(max(longest, left), file=open("longest", "w"))
END
  python3 oracle.py "$@"
}

# taken STORE - the numbers of the work that the store gives for the script.
taken() {
  tool queue "$1" <script >out
  if grep -E '^(error|lost|failed)' out >&2; then
    return 1
  fi
  sed -n 's/^\([0-9]*\) [abc] running.*/\1/p' out
}

each_store() {
  local store
  rm -f queue.db*
  redis_start
  for store in memory "$PWD/queue.db" "$REDIS"; do
    taken "$store" >got || return 1
    cmp want got || {
      diff want got | head -n 5 >&2
      echo "by $store" >&2
      return 1
    }
  done
}

@test "queue: work is taken as a heap of it says, for each handler and over all" {
  oracle random 1
  (($(lines want) > 500))
  each_store
}

@test "queue: under a load of priority 9, priority 0 waits no longer than it is worth" {
  oracle aged 1
  each_store
  # Nine steps of a minute each, and the hundred that were before all.
  local aged
  aged=$(<longest)
  ((aged > 500 && aged <= 9 * 60 + 100))
  # In strict order it would wait for as long as the others come.
  oracle strict 1
  each_store
  (($(<longest) > aged + 300))
}
