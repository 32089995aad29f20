-- The tables of a store, version 1; schema_2.sql brings them to version 2.
-- Instants are milliseconds since the epoch.
-- What has ended lies in run, what has not in live: a start writes one small
-- page of live alone, and no end has to look for what it may not touch.

-- A job's state, which outlives its runs. Its watermark and its fence are the
-- greatest of those here and of those in its rows of live; a run that ends
-- brings its own here.
CREATE TABLE job(
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	kind,                   -- as run.kind
	watermark INTEGER,      -- the last instant claimed or skipped
	fence INTEGER NOT NULL DEFAULT 0, -- grows with each run that begins
	-- Ids of the run that ended last, of the last success and of the last
	-- failure: those rows are never pruned.
	last BLOB, success BLOB, failure BLOB,
	successful INTEGER NOT NULL DEFAULT 0,
	failed INTEGER NOT NULL DEFAULT 0,
	skipped INTEGER NOT NULL DEFAULT 0,
	cancelled INTEGER NOT NULL DEFAULT 0,
	lost INTEGER NOT NULL DEFAULT 0,
	-- Durations of the successful and the failed.
	total INTEGER NOT NULL DEFAULT 0,
	shortest INTEGER, longest INTEGER,
	strip INTEGER NOT NULL DEFAULT 0, -- 3 bits a run: its status + 1
	kept INTEGER NOT NULL DEFAULT 0,  -- rows of run, save skips
	kept_skips INTEGER NOT NULL DEFAULT 0,
	-- The skip that the next one of the same reason joins, unless a run
	-- has begun since, which the fence tells; and the id of the one that
	-- joined last.
	skip BLOB, skip_reason INTEGER, skip_fence INTEGER, skip_last BLOB
);

CREATE TABLE worker(
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);

-- Runs and skips that have ended. Rows of a job lie side by side, oldest
-- first. The columns from status to attempts are the same in run and live;
-- what is usual takes no byte: NULL, 0 and 1. With M the instant within the
-- id, scheduled is M - late, started is M + start, and completed is started
-- (or M) + duration + rest.
CREATE TABLE run(
	job INTEGER NOT NULL, id BLOB NOT NULL,
	status INTEGER NOT NULL,
	duration INTEGER, rest INTEGER, start INTEGER, late INTEGER,
	"trigger" INTEGER NOT NULL, reason INTEGER NOT NULL,
	attempt INTEGER NOT NULL, exit_code INTEGER, signal INTEGER,
	worker INTEGER, user_us INTEGER, system_us INTEGER, max_rss INTEGER,
	output_bytes INTEGER NOT NULL, count INTEGER NOT NULL,
	fence INTEGER NOT NULL,
	kind,                   -- a number for the known ones, else the name
	error TEXT, metadata TEXT, attempts TEXT,
	PRIMARY KEY(job, id)
) WITHOUT ROWID;
CREATE INDEX run_id ON run(id);
CREATE INDEX run_skip ON run(job) WHERE status = 4;

CREATE TABLE live(
	job INTEGER NOT NULL, id BLOB NOT NULL,
	status INTEGER NOT NULL,
	duration INTEGER, rest INTEGER, start INTEGER, late INTEGER,
	"trigger" INTEGER NOT NULL, reason INTEGER NOT NULL,
	attempt INTEGER NOT NULL, exit_code INTEGER, signal INTEGER,
	worker INTEGER, user_us INTEGER, system_us INTEGER, max_rss INTEGER,
	output_bytes INTEGER NOT NULL, count INTEGER NOT NULL,
	fence INTEGER NOT NULL,
	kind,
	error TEXT, metadata TEXT, attempts TEXT,
	retry_at INTEGER,
	owner_pid INTEGER, owner_start INTEGER, owner_boot TEXT,
	leader_pid INTEGER, leader_start INTEGER, leader_boot TEXT,
	claim INTEGER,          -- the instant it has claimed
	PRIMARY KEY(job, id)
) WITHOUT ROWID;

CREATE TABLE output(
	run BLOB PRIMARY KEY,
	head BLOB, tail BLOB
);

CREATE TABLE once(
	one INTEGER PRIMARY KEY CHECK(one = 1),
	id BLOB NOT NULL
);
