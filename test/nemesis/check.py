#!/usr/bin/env python3
"""check.py DIR [--offsets WORKER=MS,...] - did the schedulers keep their word?

What is read, in DIR:

  jobs     NAME PERIOD_MS KIND: allow, forbid, queue, rerun, or local (every
           instance runs it)
  runs     what the jobs wrote themselves; see job.c
  faults   NS begin|end KIND SUBJECT: what the nemesis did, to `all` or to one
           worker; `life` begins and ends with the worker's scheduler
  records  `wjobs history --json` when all was over

What must hold:

  once     no instant of a job was started twice, nor an attempt
  punctual every instant inside a healthy window was started within a second,
           and none before its time
  alone    two runs of a job that forbids it never overlapped, unless the
           scheduler of the first was frozen
  fences   grow with the instants, and with the starts where runs are alone
  ended    each run that was started has an end, or is lost or abandoned, in
           the record, and nothing is recorded as run that never was
  leases   no scheduler is taken for dead, and no run stopped for that, while
           the store could be reached
  counted  every instant ran, or a record says why it did not

Exits with 1 and a line for each complaint where one does not.
"""
import collections
import datetime
import json
import os
import sys

MS = 1000000
HEAL = 7000 * MS     # so long after a fault promises hold again
LEASE = 30000 * MS   # so long a dead scheduler's runs may be in the way
LATE = 1000 * MS
SETTLE = 2000 * MS   # around what befalls one scheduler alone
SHOWN = 60           # complaints; the rest is told by its number
FINAL = {"completed", "failed", "skipped", "cancelled", "lost"}

Start = collections.namedtuple(
    "Start", "what job due id fence attempt worker pid at more")


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
        self.jobs = {}
        for name, period, kind in self.lines("jobs"):
            self.jobs[name] = (int(period) * MS, kind)
        self.starts, self.beside, self.ends = [], [], {}
        for fields in self.lines("runs"):
            self.read_run(fields)
        self.starts.sort(key=lambda s: s.at)
        self.read_faults()
        self.history = {}
        with open(os.path.join(top, "records"), encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                self.history[record["id"]] = record

    def lines(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.split()

    def read_run(self, fields):
        what, job, due, rid, fence, attempt, worker, pid, at, *more = fields
        entry = Start(what, job, instant(due), rid,
                      0 if fence == "-" else int(fence), int(attempt), worker,
                      int(pid), int(at), more[0] if more else None)
        if what == "end":
            self.ends[rid, entry.attempt, entry.pid] = entry.at
            return
        if what == "beside":
            self.beside.append(entry)
        else:
            self.starts.append(entry)

    def read_faults(self):
        """Spans as (from, to, kind, subject); what never ended goes on."""
        self.spans, open_spans = [], {}
        for at, what, kind, subject, *_ in self.lines("faults"):
            key = kind, subject
            if what == "begin":
                open_spans[key] = int(at)
            elif key in open_spans:
                self.spans.append((open_spans.pop(key), int(at)) + key)
        for key, at in open_spans.items():
            self.spans.append((at, 1 << 62) + key)

    def lives(self, worker=None):
        return [(a, b) for a, b, kind, who in self.spans
                if kind == "life" and worker in (None, who)]

    def shared(self):
        for job, (period, kind) in sorted(self.jobs.items()):
            if kind != "local":
                yield job, period, kind

    def of(self, job):
        return [s for s in self.starts if s.job == job]

    def end_of(self, start):
        """When its process ended; None where it did not live to say so."""
        return self.ends.get((start.id, start.attempt, start.pid))


def overlaps(a, b, spans):
    return any(a < to and begin < b for begin, to in spans)


def sick_spans(log):
    """When nothing is promised to be on time."""
    spans = []
    for a, b, kind, who in log.spans:
        if kind == "life":
            # A scheduler's death takes what it had just claimed with it.
            spans.append((b - SETTLE, b + SETTLE))
        elif kind == "stall":
            spans.append((a - LATE, b + LATE))
        elif who == "all":
            spans.append((a - LATE, b + HEAL))
        else:
            spans.append((a - SETTLE, a + SETTLE))
            spans.append((b - LATE, b + SETTLE))
    return spans


def frozen_spans(log, worker):
    return [(a, b) for a, b, kind, who in log.spans
            if kind == "freeze" and who == worker]


def death_of(log, start):
    """When the scheduler of a run that told no end was ended or cut off."""
    ended = [min(b, start.at + LEASE) if kind == "life" else a
             for a, b, kind, who in log.spans
             if who == start.worker and b >= start.at
             and (kind == "life" or a >= start.at)]
    return min(ended, default=start.at)


def busy_spans(log, job):
    """When a run of the job was there, or counted as there."""
    spans = []
    for start in log.of(job):
        end = log.end_of(start)
        if end is None:
            end = death_of(log, start) + LEASE + HEAL
        spans.append((start.at, end + LATE))
    # A run that waits for its next attempt is in the way too.
    by_id = collections.defaultdict(list)
    for start in log.of(job):
        by_id[start.id].append(start.at)
    spans += [(min(at), max(at)) for at in by_id.values()]
    for record in log.history.values():
        # One that was claimed and then died before it began.
        if record["job"] == job and record["status"] == "lost":
            spans.append((instant(record["scheduled_at"]) or 0,
                          instant(record["completed_at"]) + LATE))
    return spans


def check_once(log):
    seen = {}
    for s in log.starts:
        period, kind = log.jobs[s.job]
        what = (s.job, s.due, s.worker if kind == "local" else None)
        first = seen.setdefault(what, s)
        if first.id == s.id:
            continue
        old = log.history.get(first.id, {})
        if kind == "rerun" and old.get("status") == "lost":
            seen[what] = s
            continue
        yield (f"{s.job} {s.due // MS} was started twice: as {first.id} by "
               f"{first.worker} and as {s.id} by {s.worker}")
    attempts = collections.Counter((s.id, s.attempt) for s in log.starts)
    for (rid, attempt), n in attempts.items():
        if n > 1:
            yield f"attempt {attempt} of {rid} was started {n} times"


def check_early(log, offsets):
    for s in log.starts:
        kind = log.jobs[s.job][1]
        if s.due is None:
            continue
        due = s.due - (offsets.get(s.worker, 0) if kind == "local" else 0)
        if s.at < due:
            yield (f"{s.job} {s.due // MS} was started "
                   f"{(due - s.at) / MS:.1f} ms early by {s.worker}")


def instants(period, begin, end):
    due = -(-begin // period) * period
    while due <= end:
        yield due
        due += period


def check_shared(log, counts):
    lives = log.lives()
    if not lives:
        return
    begin = min(a for a, _ in lives) + HEAL
    # When stopping begins, the last word has been said.
    end = min([a for a, _, kind, _ in log.spans if kind == "stop"],
              default=max(b for _, b in lives)) - LATE - HEAL // 7
    sick = sick_spans(log)
    for job, period, kind in log.shared():
        started = {s.due: s for s in reversed(log.of(job)) if s.attempt == 1}
        busy = busy_spans(log, job) if kind != "allow" else []
        for due in instants(period, begin, end):
            if overlaps(due, due + LATE, sick):
                counts["in faults"] += 1
                continue
            counts["healthy"] += 1
            s = started.get(due)
            if s is not None and s.at - due <= LATE:
                continue
            if overlaps(due, due + LATE, busy):
                continue
            how = "never" if s is None else f"{(s.at - due) // MS} ms late"
            yield f"{job} {due // MS} was due in health and started {how}"


def check_local(log, counts, offsets):
    """Jobs of one host do not care how the store is."""
    for job, (period, kind) in log.jobs.items():
        if kind != "local":
            continue
        started = {(s.due, s.worker): s for s in log.of(job)}
        for a, b, what, worker in log.spans:
            if what != "life":
                continue
            skew = offsets.get(worker, 0)
            sick = [(x - LATE, y + LATE) for x, y, fault, who in log.spans
                    if fault == "stall" or fault == "freeze" and who == worker]
            for due in instants(period, a + skew + 3 * LATE,
                                min(b, end_of_all(log)) + skew - 2 * LATE):
                if overlaps(due - skew, due - skew + LATE, sick):
                    continue
                counts["local"] += 1
                s = started.get((due, worker))
                if s is not None and s.at - (due - skew) <= LATE:
                    continue
                how = ("never" if s is None
                       else f"{(s.at - due + skew) // MS} ms late")
                yield f"{job} {due // MS} of {worker} was started {how}"


def end_of_all(log):
    return min((a for a, _, kind, _ in log.spans if kind == "stop"),
               default=1 << 62)


def check_alone(log, counts):
    worker_of = {s.id: s.worker for s in log.starts}
    worker_of.update({s.id: s.worker for s in log.beside})
    start_of = {s.id: s.at for s in log.starts}
    for s in log.beside:
        if log.jobs[s.job][1] in ("allow", "local"):
            continue
        holder = worker_of.get(s.more)
        if holder is not None and overlaps(
                start_of.get(s.more, 0), s.at, frozen_spans(log, holder)):
            counts["beside a frozen one"] += 1
            continue
        yield (f"{s.job} {s.id} ran beside {s.more}: {s.worker} began while "
               f"{holder} had not ended")


def check_fences(log):
    for job, _, kind in log.shared():
        starts = [s for s in log.of(job) if s.attempt == 1]
        orders = [("instants", sorted(starts, key=lambda s: (s.due, s.at)))]
        if kind in ("forbid", "queue"):
            orders.append(("starts", starts))
        for what, order in orders:
            for a, b in zip(order, order[1:]):
                if a.fence < b.fence or a.id == b.id or overlaps(
                        a.at, b.at, frozen_spans(log, b.worker)):
                    continue
                yield (f"{job}: fence {b.fence} of {b.id} after {a.fence} of "
                       f"{a.id}, by {what}")


def died_unheard(log, start):
    """A job of one host begins without its store, which then heard nothing."""
    deaths = [b for a, b in log.lives(start.worker) if a < start.at < b]
    return log.jobs[start.job][1] == "local" and any(
        who in ("all", start.worker) and kind not in ("life", "stop", "stall")
        and a < death and b + SETTLE > start.at
        for death in deaths for a, b, kind, who in log.spans)


def check_ended(log):
    started, stopped = {s.id for s in log.starts}, end_of_all(log)
    for s in {s.id: s for s in log.starts}.values():
        record = log.history.get(s.id)
        if record is None:
            if not died_unheard(log, s):
                yield (f"{s.job} {s.id} was started by {s.worker} and is not "
                       f"in the record")
        elif record["status"] == "pending" and s.at > stopped - SETTLE:
            continue     # it keeps its place for who comes next
        elif record["status"] not in FINAL:
            yield f"{s.job} {s.id} is {record['status']} for ever"
        elif record["status"] == "skipped":
            yield (f"{s.job} {s.id} was started and is recorded as skipped: "
                   f"{record['reason']}")
    for rid, record in log.history.items():
        if record["status"] not in FINAL and rid not in started:
            yield (f"{record['job']} {rid} never began and is "
                   f"{record['status']} for ever")
        if record["status"] == "completed" and rid not in started:
            yield f"{record['job']} {rid} is recorded as run and never was"


def check_leases(log):
    for rid, record in log.history.items():
        if record["status"] != "lost" and record["reason"] != "lost_lease":
            continue
        # When it began is told by a clock that is off.
        begun = instant(record["scheduled_at"]) or 0
        ended = max(begun, instant(record["completed_at"])) + SETTLE
        if any(kind == "life" and begun - SETTLE < b < ended
               or kind not in ("oom", "flush", "step", "stop", "life")
               and min(b, ended) - a > LEASE // 3 and begun < b
               for a, b, kind, who in log.spans
               if who in ("all", record["worker"])):
            continue
        yield (f"{record['job']} {rid} is {record['status']} "
               f"({record['reason']}) though {record['worker']} lived and "
               f"could reach the store")


def check_counted(log):
    for job, period, kind in log.shared():
        records = [r for r in log.history.values() if r["job"] == job
                   and r["scheduled_at"] is not None]
        ran = {instant(r["scheduled_at"]) for r in records
               if r["status"] != "skipped"}
        skips = [r for r in records if r["status"] == "skipped"]
        if not ran or len(skips) >= 100:
            continue     # no more than a hundred skips are kept
        first, last = min(ran), max(ran)
        skipped = sum(r["count"] or 1 for r in skips
                      if first < instant(r["scheduled_at"]) < last)
        wanted = (last - first) // period + 1
        if len(ran) + skipped != wanted:
            yield (f"{job}: of {wanted} instants {len(ran)} ran and {skipped} "
                   f"are recorded as skipped")


def main(argv):
    if len(argv) not in (2, 4):
        print(__doc__, file=sys.stderr)
        return 2
    offsets = {}
    if len(argv) == 4:
        for item in argv[3].split(","):
            worker, _, ms = item.partition("=")
            offsets[worker] = int(ms) * MS
    log = Log(argv[1])
    counts = collections.Counter(starts=len(log.starts))
    complaints = []
    for name, found in (
            ("once", check_once(log)),
            ("punctual", check_early(log, offsets)),
            ("punctual", check_shared(log, counts)),
            ("punctual", check_local(log, counts, offsets)),
            ("alone", check_alone(log, counts)),
            ("fences", check_fences(log)),
            ("ended", check_ended(log)),
            ("leases", check_leases(log)),
            ("counted", check_counted(log))):
        complaints += [f"{name}: {text}" for text in found]
    if len(complaints) > SHOWN:
        shown = complaints[:SHOWN] + [f"and {len(complaints) - SHOWN} more"]
    else:
        shown = complaints
    print("\n".join(shown + [
        ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) +
        f", {len(complaints)} complaints"]))
    return 1 if complaints else 0


sys.exit(main(sys.argv))
