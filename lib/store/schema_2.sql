-- From version 1 to version 2: incidents, and the queue.

-- Failures with no success since; and when people were told of them last,
-- NULL where they were not.
ALTER TABLE job ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN told INTEGER;
-- When people were told that it is late, NULL where they were not since its
-- last success.
ALTER TABLE job ADD COLUMN late INTEGER;
-- When a worker asked for this handler's work, to the minute or so.
ALTER TABLE job ADD COLUMN asked INTEGER;

-- Work, by order of coming. State 0 ready, 1 delayed, 2 running, 3 buried,
-- 4 done, 5 cancelled.
CREATE TABLE work(
	seq INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE,
	run BLOB,               -- its record's id, where that is another
	handler INTEGER NOT NULL, -- of job
	state INTEGER NOT NULL,
	score INTEGER NOT NULL, -- due less what the priority is worth
	due INTEGER NOT NULL,
	created INTEGER NOT NULL,
	priority INTEGER, retry_max INTEGER, retry_delay INTEGER,
	timeout INTEGER,
	attempts INTEGER, crashes INTEGER,
	own INTEGER,            -- no worker's: only who put it runs it
	told INTEGER,           -- to end, while it runs
	-- By whom it was taken last, and when; who and where, while it runs.
	take BLOB, taken INTEGER, fence INTEGER, worker INTEGER,
	owner_pid INTEGER, owner_start INTEGER, owner_boot TEXT,
	ended INTEGER,
	key TEXT, digest BLOB   -- --id, and what else it stands for
);
CREATE INDEX work_ready ON work(handler, score) WHERE state = 0;
CREATE INDEX work_delayed ON work(due) WHERE state = 1;
CREATE INDEX work_running ON work(handler) WHERE state = 2;
CREATE INDEX work_buried ON work(ended) WHERE state = 3;
CREATE INDEX work_over ON work(ended) WHERE state > 3;
CREATE INDEX work_run ON work(run) WHERE run IS NOT NULL;
CREATE UNIQUE INDEX work_key ON work(key) WHERE key IS NOT NULL;

-- What may yet be tried: not of what is done or cancelled.
CREATE TABLE payload(
	work INTEGER PRIMARY KEY,
	bytes BLOB NOT NULL
);

-- What is known of a piece of work's run before its end, and after it for as
-- long as the work is kept; columns as in run.
CREATE TABLE outcome(
	job INTEGER NOT NULL, id BLOB PRIMARY KEY,
	status INTEGER NOT NULL,
	duration INTEGER, rest INTEGER, start INTEGER, late INTEGER,
	"trigger" INTEGER NOT NULL, reason INTEGER NOT NULL,
	attempt INTEGER NOT NULL, exit_code INTEGER, signal INTEGER,
	worker INTEGER, user_us INTEGER, system_us INTEGER, max_rss INTEGER,
	output_bytes INTEGER NOT NULL, count INTEGER NOT NULL,
	fence INTEGER NOT NULL,
	kind,
	error TEXT, metadata TEXT, attempts TEXT,
	output INTEGER          -- 1: its row of output is not to be dropped
) WITHOUT ROWID;
CREATE INDEX outcome_output ON outcome(id) WHERE output = 1;

-- How many there are in each state, and of outcomes with output: counted with
-- what changes them, since a put has to know.
CREATE TABLE queue(
	one INTEGER PRIMARY KEY CHECK(one = 1),
	ready INTEGER NOT NULL, delayed INTEGER NOT NULL,
	running INTEGER NOT NULL, buried INTEGER NOT NULL,
	done INTEGER NOT NULL, cancelled INTEGER NOT NULL,
	outputs INTEGER NOT NULL
);
INSERT INTO queue VALUES(1, 0, 0, 0, 0, 0, 0, 0);
