"""Those who put work into the queue, as users do: one piece at a time, with a
key that is used again where the outcome is not known, or many lines at once.

What they tell, in the file `asks`:

  piece NS SEQ HANDLER PRIORITY DELAY_MS KIND COUNT SHA1 KEY   before the first
  ask   NS SEQ                        each time that it is asked for
  ack   NS SEQ ID                     `wjobs enqueue` printed the id
"""
import hashlib
import random
import subprocess
import threading
import time

# NAME: of a hundred pieces, how many; and how many at a time in one process
HANDLERS = {"quick": (85, 0), "slow": (10, 0), "narrow": (5, 1)}
RETRIES = 3
TIMEOUT_S = 1
AGING_S = 1
PRIORITIES = (0, 0, 0, 1, 1, 2, 4)
PATIENCE_S = 20


class Piece:
    """A piece of work, made of the dice of its number alone."""

    def __init__(self, seed, seq, poison):
        dice = random.Random(f"{seed}/{seq}")
        self.seq = seq
        self.handler = dice.choices(
            list(HANDLERS), [share for share, _ in HANDLERS.values()])[0]
        self.priority = dice.choice(PRIORITIES)
        self.kind, self.count = "ok", 0
        luck = dice.random()
        if seq in poison:
            self.kind, self.count = "kill", 1000000
        elif luck < 0.03:
            self.kind, self.count = "fail", dice.choice((1, 2))
        elif luck < 0.04:
            self.kind, self.count = "fail", 1000000
        elif luck < 0.045:
            self.kind, self.count = "hang", 1
        elif luck < 0.047:
            self.kind, self.count = "deaf", 1
        elif luck < 0.049:
            self.kind, self.count = "kill", 1
        self.ms = dice.choice((0, 0, 0, 1, 5))
        if self.kind == "fail":
            # Long enough for what is told of the attempt before to come late.
            self.ms = dice.choice((0, 1, 5, 600))
        if self.handler == "slow":
            self.ms = dice.choice((10, 20, 50))
        self.delay_ms = 0
        self.single = dice.random() < 0.2
        if self.single and dice.random() < 0.1:
            self.delay_ms = dice.choice((300, 1500))
        self.size = dice.choices((0, 300, 4000, 70000, 1 << 20),
                                 (60, 25, 10, 4, 1))[0]

    def payload(self):
        """Any bytes; a line of its own has no newline in it."""
        head = f"{self.seq} {self.kind} {self.count} {self.ms}".encode()
        rest = max(0, self.size - len(head) - 1)
        if self.single:
            return head + b"\n" + random.Random(self.seq).randbytes(rest)
        return head + b" " + b"\xff\xc0x"[:rest] * (rest % 500)

    def key(self):
        return f"key:{self.seq}" if self.single else "-"

    def sha1(self):
        return hashlib.sha1(self.payload()).hexdigest()


class Book:
    """The file `asks`, of which each line is whole."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def tell(self, what, *fields):
        with self.lock:
            print(what, time.time_ns(), *fields, file=self.file, flush=True)


class Producer(threading.Thread):
    """Puts its pieces in, until each has been acknowledged."""

    def __init__(self, command, around, pieces, book, seed, patient_until):
        super().__init__(daemon=True)
        self.command, self.around, self.book = command, around, book
        self.waiting = list(pieces)
        self.dice = random.Random(f"{seed}/producer/{pieces[0].seq}")
        self.patient_until = patient_until
        self.broken = None

    def run(self):
        for piece in self.waiting:
            self.book.tell("piece", piece.seq, piece.handler, piece.priority,
                           piece.delay_ms, piece.kind, piece.count,
                           piece.sha1(), piece.key())
        while self.waiting and self.broken is None:
            if time.monotonic() > self.patient_until:
                self.broken = f"{len(self.waiting)} pieces were never taken"
            elif self.waiting[0].single:
                self.put_one(self.waiting[0])
            else:
                self.put_lines()

    def enqueue(self, args, payload):
        """The status and the ids; some lose patience, or are killed."""
        args = self.command + ["enqueue", f"--block={PATIENCE_S}s"] + args
        limit = None
        if self.dice.random() < 0.05:
            limit = self.dice.choice((0.002, 0.004, 0.01, 0.05))
        with subprocess.Popen(args, env=self.around, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            try:
                out, told = process.communicate(payload, limit)
            except subprocess.TimeoutExpired:
                process.kill()
                out, told = process.communicate()
        status = process.returncode
        # Full, unreachable, killed: it may have been done, or not.
        if status not in (0, 4, 75, -9):
            self.broken = f"{args} ended with {status}: {told!r}"
        if status in (4, 75):
            time.sleep(0.1)
        return status, out.decode("ascii").splitlines()

    def options(self, piece):
        args = [piece.handler, "--priority", str(piece.priority)]
        if piece.delay_ms:
            args += ["--delay", f"{piece.delay_ms}ms"]
        return args

    def put_one(self, piece):
        self.book.tell("ask", piece.seq)
        status, ids = self.enqueue(
            self.options(piece) + ["--id", piece.key(), "--payload", "-"],
            piece.payload())
        if status != 0:
            return
        if len(ids) != 1:
            self.broken = f"an enqueue that succeeded printed {ids}"
            return
        self.book.tell("ack", piece.seq, ids[0])
        self.waiting.pop(0)

    def put_lines(self):
        """Those that may go together: what was acknowledged is done with."""
        first, many = self.waiting[0], []
        for piece in self.waiting:
            if not piece.single and piece.handler == first.handler and \
                    piece.priority == first.priority:
                many.append(piece)
            if len(many) == 250:
                break
        for piece in many:
            self.book.tell("ask", piece.seq)
        status, ids = self.enqueue(
            self.options(first) + ["--lines"],
            b"".join(piece.payload() + b"\n" for piece in many))
        if len(ids) > len(many) or status == 0 and len(ids) != len(many):
            self.broken = f"{len(many)} lines were answered by {len(ids)} ids"
            return
        done = set()
        for piece, work in zip(many, ids):
            if work:
                self.book.tell("ack", piece.seq, work)
                done.add(piece.seq)
        self.waiting = [p for p in self.waiting if p.seq not in done]
