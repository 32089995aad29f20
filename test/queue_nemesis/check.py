#!/usr/bin/env python3
"""check.py DIR SLOTS SIZE [PATIENCE] - did the queue keep its word?

What is read, in DIR:

  asks     what the producers asked for and what they were told; see produce.py
  runs     what the handlers wrote themselves; see work.c
  faults   NS begin|end KIND SUBJECT PID: what the nemesis did, to `all` or to
           one worker; `life` begins and ends with the process of a worker, and
           `kill` and `term` are why it ended. NS wrong WHAT SUBJECT PID: what
           the nemesis itself saw. NS full: nothing has been taken so far, and
           the queue is full
  samples  FROM TO N: so many waited, asked and answered at these instants
  queue    `wjobs queue --json` of each state, when all was over
  records  `wjobs history --json` then

What must hold:

  kept     what was acknowledged has been done, is buried, or is still there,
           and what was done says so itself
  once     a key is one piece of work, a piece has one record, and an attempt
           begins once
  reason   each attempt but the first follows a failure, a timeout, the end of
           a worker or of its lease, or was given back by one that stops; what is buried failed as often as its
           handler allows, or took three workers with it
  payload  each handler read what its producer gave, byte for byte
  bounds   no worker had more at a time than its slots, or than the handler
           allows; no more waited than the queue's size, retries apart
  alone    no two attempts of a piece at a time, unless the first one's worker
           was killed, frozen or cut off
  order    among the work of a handler none begins while other work waits that
           is due earlier, less what its priority is worth
  workers  none ended by itself, and each stopped when it was told to

Exits with 1 and a line for each complaint where one does not.
"""
import bisect
import collections
import datetime
import heapq
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import produce  # noqa: E402

MS = 1000000
SETTLE = 1000 * MS   # what all may take
HEAL = 2500 * MS     # the same, after one of the store or of its lines
LEASE = 900 * MS     # so long without its store: a worker may doubt its lease
CRASHES = 3
PACE = 500 * MS      # so long after its taking work begins, in health
SHOWN = 12           # complaints of a kind; the rest is told by its number

Run = collections.namedtuple(
    "Run", "id handler attempt pid worker_pid worker at created priority")
Piece = collections.namedtuple(
    "Piece", "seq handler priority delay kind count sha1 key")


def instant(text):
    """RFC 3339 to nanoseconds; None where there is none."""
    if text in (None, "-"):
        return None
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(round(when.timestamp() * 1000)) * MS


class Log:
    """All that was written, sorted into what the checks ask for."""

    def __init__(self, top):
        self.top = top
        self.read_asks()
        self.read_runs()
        self.read_faults()
        self.queue = {work["id"]: work for work in self.objects("queue")}
        self.records = list(self.objects("records"))
        self.history = {record["id"]: record for record in self.records}
        self.samples = [tuple(map(int, f)) for f in self.lines("samples")]

    def lines(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.split()

    def objects(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def read_asks(self):
        self.pieces, self.acks = {}, {}
        self.asks = collections.Counter()
        for what, at, seq, *more in self.lines("asks"):
            seq = int(seq)
            if what == "piece":
                handler, priority, delay, kind, count, sha1, key = more
                self.pieces[seq] = Piece(seq, handler, int(priority),
                                         int(delay) * MS, kind, int(count),
                                         sha1, key)
            elif what == "ask":
                self.asks[seq] += 1
            else:
                self.acks.setdefault(seq, []).append((more[0], int(at)))

    def read_runs(self):
        self.runs, self.ends, self.reads = [], {}, {}
        self.kills = {}
        for what, rid, handler, attempt, pid, ppid, worker, at, *more in \
                self.lines("runs"):
            mark = rid, int(attempt), int(pid)
            if what == "begin":
                self.runs.append(Run(rid, handler, int(attempt), int(pid),
                                     int(ppid), worker, int(at),
                                     instant(more[0]), int(more[1])))
            elif what == "read":
                self.reads[mark] = more[0], int(more[1])
            elif what == "kill":
                self.kills.setdefault((worker, int(ppid)), int(at))
            else:
                self.ends[mark] = int(at), more[0]
        self.runs.sort(key=lambda run: run.at)
        self.of = collections.defaultdict(list)
        for run in self.runs:
            self.of[run.id].append(run)
        # Which piece a work is: as its producer was told, or as it read.
        self.seq_of = {work: seq for seq, told in self.acks.items()
                       for work, _ in told}
        for (rid, _, _), (_, seq) in self.reads.items():
            self.seq_of.setdefault(rid, seq)

    def read_faults(self):
        """Spans as (from, to, kind, subject); what never ended goes on."""
        self.spans, self.wrong, self.deaths = [], [], {}
        self.terms = {}
        self.full_at = None
        open_spans = {}
        for at, what, kind, subject, pid in self.lines("faults"):
            key = kind, subject
            life = subject, int(pid) if pid.isdigit() else 0
            if what == "wrong":
                self.wrong.append(f"{subject} {pid}: {kind}")
            elif what == "full":
                self.full_at = int(at)
            elif kind == "life" and what == "begin":
                continue
            elif kind == "life" and what == "term":
                self.terms[life] = int(at)
            elif kind == "life":
                self.deaths.setdefault(life, int(at))
            elif what == "begin":
                open_spans[key] = int(at)
            elif key in open_spans:
                self.spans.append((open_spans.pop(key), int(at)) + key)
        for key, at in open_spans.items():
            self.spans.append((at, 1 << 62) + key)
        for life, at in self.kills.items():
            self.deaths[life] = min(at, self.deaths.get(life, at))

    def end_of(self, run):
        """When and how it ended; None where it did not live to say so."""
        return self.ends.get((run.id, run.attempt, run.pid))

    def death_of(self, run):
        """When its worker's process ended; for ever where it did not."""
        return self.deaths.get((run.worker, run.worker_pid), 1 << 62)

    def told_to_stop(self, run):
        """When its worker was told to, for ever where it was not."""
        return self.terms.get((run.worker, run.worker_pid), 1 << 62)

    def piece_of(self, work):
        return self.pieces.get(self.seq_of.get(work))

    def lost_lease(self, run, until):
        """Its worker was without its store, or stood still, for long."""
        return any(min(b, until) - max(a, run.at - HEAL) > LEASE
                   for a, b, kind, who in self.spans
                   if who in ("all", run.worker) and kind != "stop")

    def lives_until(self, run):
        """As far as is known: less, where it was killed and told nothing."""
        end = self.end_of(run)
        if end is not None:
            return end[0]
        piece = self.piece_of(run.id)
        if piece is not None and piece.kind in ("hang", "deaf"):
            return max(run.at, min(run.at + produce.TIMEOUT_S * 1000 * MS,
                                   self.death_of(run), self.told_to_stop(run)))
        return run.at


# ---- kept

def is_kept(log, work):
    """Complaints about what became of a piece of work that must be there."""
    record, there = log.history.get(work), log.queue.get(work)
    status = record["status"] if record else None
    state = there["state"] if there else None
    if status is None and state is None:
        return "is nowhere"
    if status is None and state in ("buried", "done", "cancelled"):
        return f"is {state} and has no record"
    if status is not None and state in ("ready", "delayed", "running"):
        return f"has ended as {status} and is {state}"
    if status not in (None, "completed", "failed"):
        return f"is recorded as {status}"
    if status == "completed" and not any(
            (log.end_of(run) or (0, ""))[1] == "ok" for run in log.of[work]):
        return "is recorded as done and never was"
    if status == "failed" and state not in ("buried", None):
        return f"is recorded as failed and is {state}"
    return None


def check_kept(log, counts):
    for seq, told in log.acks.items():
        for work, _ in told[:1]:
            why = is_kept(log, work)
            if why:
                yield f"piece {seq}, {work}, was acknowledged and {why}"
            state = log.queue.get(work, {}).get("state", "done")
            counts["acknowledged"] += 1
            counts["buried" if state == "buried" else
                   "done" if state == "done" else "still there"] += 1
    for seq in log.pieces:
        if seq not in log.acks:
            counts["never acknowledged"] += 1
    for work in {**log.queue, **log.history, **log.of}:
        if work not in log.seq_of and work in log.of:
            continue     # it never lived to read what it was
        why = is_kept(log, work)
        if why:
            yield f"{work} {why}"
    for work, there in log.queue.items():
        if there["state"] in ("ready", "delayed", "running"):
            yield f"{work} was {there['state']} when all was over"


def check_once(log, counts):
    known = collections.defaultdict(set)
    for seq, told in log.acks.items():
        known[seq].update(work for work, _ in told)
    for work, seq in log.seq_of.items():
        known[seq].add(work)
    for seq, works in known.items():
        piece = log.pieces.get(seq)
        if piece is None:
            yield f"{sorted(works)} read {seq}, which nobody asked for"
        elif piece.key != "-" and len(works) > 1:
            yield f"{piece.key} is {len(works)} pieces of work: {sorted(works)}"
        elif len(works) > log.asks[seq]:
            yield (f"piece {seq} was asked for {log.asks[seq]} times and is "
                   f"{len(works)} pieces of work")
        counts["asked for again"] += log.asks[seq] > 1
    everything = set(log.queue) | set(log.history) | set(log.of)
    if len(everything) > sum(log.asks.values()):
        yield (f"{len(everything)} pieces of work came of "
               f"{sum(log.asks.values())} questions")
    twice = collections.Counter(record["id"] for record in log.records)
    for work, n in twice.items():
        if n > 1:
            yield f"{work} has {n} records"
    seen = {}
    for run in log.runs:
        first = seen.setdefault((run.id, run.attempt), run)
        if first is run:
            continue
        # Told to stop, or in doubt of its lease, a worker gives it back.
        if log.told_to_stop(first) < run.at or log.lost_lease(first, run.at):
            seen[run.id, run.attempt] = run
            continue
        yield f"attempt {run.attempt} of {run.id} began twice"


# ---- repeats

def reason(log, a, b):
    """Why attempt b followed a; None where there was no reason."""
    end, piece = log.end_of(a), log.piece_of(a.id)
    if end is not None and end[1] == "fail":
        return "after a failure"
    if log.death_of(a) < b.at:
        return "after a worker's end"
    if log.told_to_stop(a) < b.at:
        return "after it was given back"
    if log.lost_lease(a, b.at):
        return "after a lost lease"
    told = end is not None and end[1] == "term"
    if not told and (piece is None or piece.kind != "deaf"):
        return None
    is_long = b.at - a.at >= produce.TIMEOUT_S * 1000 * MS
    return "after a timeout" if is_long else None


def check_reason(log, counts):
    for work, runs in log.of.items():
        for a, b in zip(runs, runs[1:]):
            why = reason(log, a, b)
            if why is not None:
                counts["again " + why] += 1
                continue
            end = log.end_of(a)
            yield (f"{work} began again after {(b.at - a.at) / MS:.0f} ms "
                   f"though attempt {a.attempt} of {a.worker} "
                   f"{'ended as ' + end[1] if end else 'told no end'}")
    for work, record in log.history.items():
        if record["status"] == "failed":
            yield from why_buried(log, work, record)


def why_buried(log, work, record):
    runs, piece = log.of[work], log.piece_of(work)
    ends = [log.end_of(run) for run in runs]
    failures = sum(end is None or end[1] != "ok" for end in ends)
    killed = sum(log.death_of(run) < (end or (1 << 61,))[0] + SETTLE or
                 log.lost_lease(run, run.at + 2 * HEAL)
                 for run, end in zip(runs, ends))
    if record["reason"] == "crash":
        if piece is not None and piece.kind == "kill" and len(runs) > CRASHES:
            yield (f"{work} kills its workers and began {len(runs)} times, by "
                   f"which {killed} ended")
        return
    if failures < produce.RETRIES + 1:
        yield (f"{work} is buried ({record['reason']}) after {failures} "
               f"failures of {len(runs)} attempts")


# ---- what was read, and how many at a time

def check_payload(log):
    for (work, attempt, _), (sha1, seq) in log.reads.items():
        piece = log.piece_of(work)
        if piece is None or piece.seq != seq or piece.sha1 != sha1:
            yield (f"attempt {attempt} of {work} read {sha1} of piece {seq}, "
                   f"and was given {piece}")
    for run in log.runs:
        piece = log.piece_of(run.id)
        if piece is not None and (piece.handler, piece.priority) != (
                run.handler, run.priority):
            yield (f"{run.id} ran as {run.handler} with priority "
                   f"{run.priority}, and is {piece}")


def at_a_time(log, runs):
    """The most that lived at once, and when."""
    steps = []
    for run in runs:
        steps += [(run.at, 1), (log.lives_until(run), -1)]
    n = most = at = 0
    for when, step in sorted(steps):
        n += step
        if n > most:
            most, at = n, when
    return most, at


def check_bounds(log, slots, size, counts):
    by_worker = collections.defaultdict(list)
    for run in log.runs:
        by_worker[run.worker, run.worker_pid].append(run)
    for (worker, pid), runs in by_worker.items():
        most, at = at_a_time(log, runs)
        counts["at most in a worker"] = max(counts["at most in a worker"], most)
        if most > slots:
            yield f"{worker} ({pid}) had {most} pieces at a time at {at}"
        for handler, (_, bound) in produce.HANDLERS.items():
            most, at = at_a_time(log, [r for r in runs if r.handler == handler])
            if bound and most > bound:
                yield f"{worker} ({pid}) had {most} of {handler} at {at}"
    yield from check_size(log, size, counts)


def check_size(log, size, counts):
    """What had been taken before waits beside the queue's size."""
    firsts = sorted(runs[0].at for runs in log.of.values())
    lasts = sorted(log.lives_until(runs[-1]) for runs in log.of.values())
    for begin, end, waiting in log.samples:
        again = bisect.bisect_left(firsts, end) - bisect.bisect_left(
            lasts, begin - SETTLE)
        if log.full_at is not None and begin < log.full_at + SETTLE and not (
                firsts and firsts[0] < end):
            again = 0
        counts["at most waiting"] = max(counts["at most waiting"], waiting)
        if waiting > size + again:
            yield (f"{waiting} waited at {begin}, of which at most {again} "
                   f"had been taken before; {size} may")


# ---- alone

def check_alone(log):
    for work, runs in log.of.items():
        for a, b in zip(runs, runs[1:]):
            until = log.lives_until(a)
            if until <= b.at or log.death_of(a) < b.at or log.lost_lease(
                    a, b.at):
                continue
            yield (f"attempt {b.attempt} of {work} began "
                   f"{(until - b.at) / MS:.0f} ms before {a.attempt} ended")


# ---- order

def sick_spans(log):
    """When what was taken may begin late; sorted, and one where they touch."""
    spans = [(a, b + HEAL) for a, b, kind, _ in log.spans if kind != "stop"]
    joined = []
    for a, b in sorted(spans):
        if joined and a <= joined[-1][1]:
            joined[-1][1] = max(b, joined[-1][1])
        else:
            joined.append([a, b])
    return joined


def check_order(log, pace, counts):
    sick = sick_spans(log)
    begins = [a for a, _ in sick]

    def is_sick(a, b):
        i = bisect.bisect_left(begins, b) - 1
        return i >= 0 and sick[i][1] > a

    for handler in produce.HANDLERS:
        waits = []
        for runs in log.of.values():
            first, piece = runs[0], log.piece_of(runs[0].id)
            if piece is None or first.handler != handler or first.attempt != 1:
                continue
            due = first.created + piece.delay
            waits.append((due, due - first.priority * produce.AGING_S *
                          1000 * MS, first))
        yield from order_of(sorted(waits, key=lambda w: w[0]), pace, is_sick,
                            counts)


def order_of(waits, pace, is_sick, counts):
    """Each that begins, beside the best that has been waiting for long."""
    waiting, i = [], 0
    for _, score, run in sorted(waits, key=lambda w: w[2].at):
        while i < len(waits) and waits[i][0] < run.at - pace:
            heapq.heappush(waiting, (waits[i][1], waits[i][2].at, waits[i][2]))
            i += 1
        # It may have been taken before, and have begun a little later.
        while waiting and waiting[0][1] <= run.at + pace:
            heapq.heappop(waiting)
        if is_sick(run.at - pace, run.at + pace):
            counts["not in order's sight"] += 1
            continue
        counts["in order"] += 1
        if waiting and waiting[0][0] + pace < score:
            better = waiting[0][2]
            yield (f"{run.id} began {(better.at - run.at) / MS:.0f} ms before "
                   f"{better.id} ({run.handler}), which was "
                   f"{(score - waiting[0][0]) / MS:.0f} ms ahead of it")


def check_workers(log):
    yield from log.wrong


def main(argv):
    if len(argv) not in (4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    log = Log(argv[1])
    slots, size = int(argv[2]), int(argv[3])
    pace = int(PACE * float(argv[4])) if len(argv) > 4 else PACE
    counts = collections.Counter(begun=len(log.runs))
    shown, complaints = [], 0
    for name, found in (
            ("kept", check_kept(log, counts)),
            ("once", check_once(log, counts)),
            ("reason", check_reason(log, counts)),
            ("payload", check_payload(log)),
            ("bounds", check_bounds(log, slots, size, counts)),
            ("alone", check_alone(log)),
            ("order", check_order(log, pace, counts)),
            ("workers", check_workers(log))):
        found = [f"{name}: {text}" for text in found]
        complaints += len(found)
        shown += found[:SHOWN]
    print("\n".join(shown + [
        ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) +
        f", {complaints} complaints"]))
    return 1 if complaints else 0


sys.exit(main(sys.argv))
