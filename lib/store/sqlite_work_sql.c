#include "lib/store/sqlite_work.h"

/* States in these texts are enum work_state; a partial index has each. */
_Static_assert(WORK_READY == 0 && WORK_DELAYED == 1 && WORK_RUNNING == 2 &&
	WORK_BURIED == 3 && WORK_DONE == 4 && WORK_CANCELLED == 5,
    "states are stored as numbers");

/* Who ran it no longer does. */
#define NOBODYS                                         \
	"told = NULL, worker = NULL, owner_pid = NULL," \
	" owner_start = NULL, owner_boot = NULL"
#define ROWS      "SELECT " SQLITE_WORK_COLUMNS " FROM work"
#define AT(which) [SQL_##which - SQL_WORK_FIRST]

const char *const sqlite_work_sql[] = {
	AT(WORK_PUT) =
	    "INSERT INTO work(id, handler, state, score, due, created,"
	    " priority, retry_max, retry_delay, timeout, attempts, own, take,"
	    " taken, fence, worker, owner_pid, owner_start, owner_boot, key,"
	    " digest) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
	    "?15,?16,?17,?18,?19,?20,?21)",
	AT(WORK_HAS) = "SELECT 1 FROM work WHERE id = ?1",
	AT(WORK_FIND) = ROWS " WHERE id = ?1",
	AT(WORK_BY_KEY) = "SELECT id, handler, digest FROM work WHERE key = ?1",
	AT(WORK_ENDED) = "UPDATE work SET state = ?2, ended = ?3, " NOBODYS
			 " WHERE seq = ?1",
	AT(WORK_WAITS) = "UPDATE work SET state = ?2, due = ?3,"
			 " score = ?3 - (due - score), " NOBODYS
			 " WHERE seq = ?1",
	AT(WORK_RELEASED) = "UPDATE work SET state = 0,"
			    " attempts = attempts - 1, " NOBODYS
			    " WHERE seq = ?1",
	AT(WORK_CRASHED) = "UPDATE work SET take = NULL,"
			   " crashes = ifnull(crashes, 0) + 1 WHERE seq = ?1",
	AT(WORK_TOLD) = "UPDATE work SET told = 1 WHERE seq = ?1",
	AT(WORK_REVIVED) = "UPDATE work SET state = 0, run = ?2, due = ?3,"
			   " score = ?3 - (due - score), attempts = NULL,"
			   " crashes = NULL, take = NULL, ended = NULL"
			   " WHERE seq = ?1",
	AT(WORK_DROP) = "DELETE FROM work WHERE seq = ?1",

	AT(PAYLOAD_PUT) = "INSERT INTO payload(work, bytes) VALUES(?1, ?2)",
	AT(PAYLOAD_OF) = "SELECT bytes FROM payload WHERE work = ?1",
	AT(PAYLOAD_DROP) = "DELETE FROM payload WHERE work = ?1",

	AT(OUTCOME_PUT) =
	    "INSERT OR REPLACE INTO outcome(" SQLITE_COLUMNS ",output)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"
	    "?17,?18,?19,?20,?21,?22,?23,?24)",
	/* in the form of live, with the flag behind it */
	AT(OUTCOME_OF) = "SELECT " SQLITE_COLUMNS
			 ",NULL,NULL,NULL,NULL,NULL,NULL,NULL,output"
			 " FROM outcome WHERE id = ?1",
	AT(OUTCOME_DROP) = "DELETE FROM outcome WHERE id = ?1",
	AT(OUTCOME_MUTE) = "UPDATE outcome SET output = NULL WHERE id = ?1",
	AT(OUTCOME_OUTPUTS) = "SELECT id FROM outcome WHERE output = 1"
			      " ORDER BY id LIMIT ?1",
	AT(OUTCOME_FORGET) = "DELETE FROM output WHERE run = ?1 AND NOT EXISTS"
			     " (SELECT 1 FROM run WHERE id = ?1)",

	AT(QUEUE_COUNT) = "SELECT ready, delayed, running, buried, done,"
			  " cancelled, outputs FROM queue",
	AT(QUEUE_MOVED) = "UPDATE queue SET ready = ready + ?1,"
			  " delayed = delayed + ?2, running = running + ?3,"
			  " buried = buried + ?4, done = done + ?5,"
			  " cancelled = cancelled + ?6,"
			  " outputs = outputs + ?7",

	AT(WORK_TAKEN_BY) = ROWS " WHERE state = 2 AND take = ?1"
				 " ORDER BY score, seq",
	AT(WORK_PROMOTE) = "UPDATE work SET state = 0 WHERE seq IN"
			   " (SELECT seq FROM work WHERE state = 1"
			   " AND due <= ?1 ORDER BY due LIMIT ?2)",
	AT(WORK_NEXT_DUE) = "SELECT min(due) FROM work WHERE state = 1",
	AT(WORK_BEST) = "SELECT seq, score FROM work WHERE state = 0"
			" AND handler = ?1 ORDER BY score, seq LIMIT ?2",
	AT(WORK_TAKE) = "UPDATE work SET state = 2,"
			" attempts = ifnull(attempts, 0) + 1, take = ?2,"
			" taken = ?3, fence = ?4, worker = ?5, owner_pid = ?6,"
			" owner_start = ?7, owner_boot = ?8 WHERE seq = ?1"
			" RETURNING " SQLITE_WORK_COLUMNS,
	AT(WORK_FENCE) = "UPDATE job SET fence = fence + 1 WHERE id = ?1"
			 " RETURNING fence",
	AT(WORK_ASKED) = "UPDATE job SET asked = ?2 WHERE id = ?1",
	/* from one handler to the next, whatever lies between */
	AT(WORK_HANDLERS) =
	    "WITH RECURSIVE h(x) AS"
	    " (SELECT min(handler) FROM work WHERE state = 0 UNION ALL"
	    " SELECT (SELECT min(handler) FROM work WHERE state = 0"
	    " AND handler > x) FROM h WHERE x IS NOT NULL)"
	    " SELECT x FROM h JOIN job ON job.id = x"
	    " WHERE ifnull(asked < ?1, 1) AND NOT EXISTS"
	    " (SELECT 1 FROM work WHERE state = 2 AND handler = x)",
	AT(WORK_UNASKED) = ROWS " WHERE state = 0 AND handler = ?1"
				" AND due <= ?2 LIMIT ?3",

	AT(WORK_RUNNING) = ROWS " WHERE state = 2"
				" AND (?1 IS NULL OR handler = ?1)"
				" ORDER BY taken, seq LIMIT ?2",
	/* as the one before, of the few that are to end */
	AT(WORK_ALL_TOLD) = ROWS " WHERE state = 2 AND told = 1"
				 " AND (?1 IS NULL OR handler = ?1)"
				 " ORDER BY taken, seq LIMIT ?2",
	AT(WORK_READY) = ROWS " WHERE state = 0"
			      " AND (?1 IS NULL OR handler = ?1)"
			      " ORDER BY score, seq LIMIT ?2",
	AT(WORK_DELAYED) = ROWS " WHERE state = 1"
				" AND (?1 IS NULL OR handler = ?1)"
				" ORDER BY due, seq LIMIT ?2",
	AT(WORK_BURIED) = ROWS " WHERE state = 3"
			       " AND (?1 IS NULL OR handler = ?1)"
			       " ORDER BY ended DESC, seq DESC LIMIT ?2",
	AT(WORK_DONE) = ROWS " WHERE state > 3 AND state = 4"
			     " AND (?1 IS NULL OR handler = ?1)"
			     " ORDER BY ended DESC, seq DESC LIMIT ?2",
	AT(WORK_CANCELLED) = ROWS " WHERE state > 3 AND state = 5"
				  " AND (?1 IS NULL OR handler = ?1)"
				  " ORDER BY ended DESC, seq DESC LIMIT ?2",
	AT(WORK_OLD_BURIED) = ROWS " WHERE state = 3 AND ended < ?1"
				   " ORDER BY ended LIMIT ?2",
	AT(WORK_OLD) = ROWS " WHERE state > 3 AND ended < ?1"
			    " ORDER BY ended LIMIT ?2",
	AT(WORK_COUNT) = "SELECT state, count(*) FROM work WHERE handler = ?1"
			 " GROUP BY state",
	AT(WORK_BETWEEN) = ROWS " WHERE id BETWEEN ?1 AND ?2 LIMIT 2",
	AT(WORK_RUN_BETWEEN) = ROWS " WHERE run IS NOT NULL"
				    " AND run BETWEEN ?1 AND ?2 LIMIT 2",
};
