/*
 * floor sqlite DB | redis SOCKET - the least that a process can do to put work
 * into a queue: open the store, write one row or one element, and end. The
 * database is one that somebody else holds open, with WAL, as a daemon does.
 */
#include <hiredis/hiredis.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int
floor_sqlite(const char *path)
{
	sqlite3 *db;
	int rc;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		return 1;
	sqlite3_busy_timeout(db, 5000);
	rc = sqlite3_exec(db,
	    "PRAGMA synchronous = NORMAL;"
	    "INSERT INTO work(handler, due, state, payload)"
	    " VALUES('noop', 1750000000000, 0, 'a payload')",
	    NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
	sqlite3_close(db);
	return rc != SQLITE_OK;
}

static int
floor_redis(const char *socket)
{
	redisContext *redis = redisConnectUnix(socket);
	redisReply *reply;

	if (redis == NULL || redis->err != 0)
		return 1;
	reply = redisCommand(redis, "LPUSH work %s", "noop a payload");
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		return 1;
	freeReplyObject(reply);
	redisFree(redis);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	return strcmp(argv[1], "redis") == 0 ? floor_redis(argv[2])
					     : floor_sqlite(argv[2]);
}
