-- From version 1 to version 2: incidents, and the queue.

-- Failures with no success since; and when people were told of them last,
-- NULL where they were not.
ALTER TABLE job ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN told INTEGER;
