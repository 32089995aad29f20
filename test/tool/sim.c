#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/duration.h"
#include "lib/time/stamp.h"
#include "test/world/world.h"

/*
 * sim script KEY=VALUE... - one job in a simulated world, printing what
 * happens; sim random SEED COUNT - worlds with random jobs, faults and
 * clocks, checking what must always hold.
 *
 * What must hold, whatever happens: each due instant is claimed by one run or
 * counted in one skip, never both and never twice; none starts early; jobs
 * that may not overlap do not; the pool is never over its size; a stop ends;
 * nothing spins.
 */

static uint64_t seed;

static uint64_t
random_next(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return hash_bytes(&seed, sizeof seed, 0);
}

static int64_t
random_below(int64_t n)
{
	return (int64_t)(random_next() % (uint64_t)n);
}

static void
die(const char *what, const char *text)
{
	fprintf(stderr, "sim: %s: %s\n", what, text);
	exit(2);
}

static int64_t
read_ms(const char *text)
{
	struct err err;
	int64_t ms;

	if (!duration_parse(text, (struct place){ 0 }, &ms, &err))
		die(err.msg, text);
	return ms;
}

static int64_t
read_time(const char *text)
{
	struct err err;
	int64_t ms;

	if (!stamp_parse(text, (struct place){ 0 }, zone_find("UTC", &err), 0,
		STAMP_BACK, &ms, &err))
		die(err.msg, text);
	return ms;
}

static void
set_cron(struct job *job, const char *text)
{
	struct cron_parsed parsed;
	struct err err;

	if (!cron_parse(text, job->name, (struct place){ 0 }, &parsed, &err))
		die(err.msg, text);
	job->kind = JOB_CRON;
	job->when.kind = WHEN_CRON;
	job->when.cron = mem_dup(&parsed.cron, sizeof parsed.cron);
	job->when.n = 1;
	if (job->when.zone == NULL)
		job->when.zone = zone_find("UTC", &err);
}

static void
set_interval(struct job *job, int64_t ms)
{
	job->kind = JOB_INTERVAL;
	job->when.kind = WHEN_INTERVAL;
	job->when.interval_ms = ms;
}

/* A script */

struct script {
	int64_t from_ms, until_ms, lasts_ms;
	int fails; /* so many attempts of each run */
	struct action {
		int64_t at_ms;
		const char *what;
	} action[16];
	size_t n;
	uint64_t most_fired;
};

static int64_t
script_duration(struct world *world, const struct job *job)
{
	(void)job;
	return ((struct script *)world->data)->lasts_ms;
}

static int
script_exit(struct world *world, const struct job *job, int attempt)
{
	(void)job;
	return attempt <= ((struct script *)world->data)->fails ? 1 : 0;
}

static void
script_print(struct world *world, const struct world_event *event)
{
	char at[STAMP_TEXT_SIZE], due[STAMP_TEXT_SIZE];
	const char *reason = record_reason_name(event->reason);
	char count[32] = "";

	(void)world;
	stamp_rfc3339(event->at_ms, NULL, at);
	stamp_rfc3339(event->due_ms, NULL, due);
	if (event->count > 1)
		snprintf(
		    count, sizeof count, " x%lld", (long long)event->count);
	switch (event->what) {
	case WORLD_START:
		printf("%s start %s %s %d\n", at, due,
		    record_trigger_name(event->trigger), event->attempt);
		break;
	case WORLD_END:
		break;
	case WORLD_RECORD:
		printf("%s %s %s %s%s\n", at, record_status_name(event->status),
		    due, reason != NULL ? reason : "-", count);
		break;
	}
}

static bool
set_policy(struct job *job, const char *key, const char *value)
{
	static const char *const overlaps[] = { "forbid", "queue", "replace",
		"allow" };
	static const char *const catch_ups[] = { "none", "once", "all" };
	int i;

	for (i = 0; i < 4 && strcmp(key, "overlap") == 0; i++)
		if (strcmp(value, overlaps[i]) == 0)
			job->overlap = (enum job_overlap)i;
	for (i = 0; i < 3 && strcmp(key, "catch_up") == 0; i++)
		if (strcmp(value, catch_ups[i]) == 0)
			job->catch_up = (enum job_catch_up)i;
	return strcmp(key, "overlap") == 0 || strcmp(key, "catch_up") == 0;
}

static bool
set_job(struct job *job, const char *key, const char *value)
{
	struct err err;

	if (strcmp(key, "cron") == 0)
		set_cron(job, value);
	else if (strcmp(key, "zone") == 0)
		job->when.zone = zone_find(value, &err);
	else if (strcmp(key, "interval") == 0)
		set_interval(job, read_ms(value));
	else if (strcmp(key, "jitter") == 0)
		job->jitter_ms = read_ms(value);
	else if (strcmp(key, "deadline") == 0)
		job->start_deadline_ms = read_ms(value);
	else if (strcmp(key, "timeout") == 0)
		job->timeout_ms = read_ms(value);
	else if (strcmp(key, "retry") == 0)
		job->retry.max = atoi(value);
	else if (strcmp(key, "retry_delay") == 0)
		job->retry.delay_ms = read_ms(value);
	else if (strcmp(key, "immediately") == 0)
		job->run_immediately = true;
	else
		return set_policy(job, key, value);
	return true;
}

static void
set_script(struct script *script, struct world *world, const char *key,
    const char *value)
{
	if (strcmp(key, "lasts") == 0)
		script->lasts_ms = read_ms(value);
	else if (strcmp(key, "fails") == 0)
		script->fails = atoi(value);
	else if (strcmp(key, "pool") == 0)
		world->pool.size = atoi(value);
	else if (strcmp(key, "store_delay") == 0)
		world->store_delay_ms = read_ms(value);
	else if (strcmp(key, "until") == 0)
		script->until_ms = read_time(value);
	else if (strcmp(key, "fired") == 0)
		script->most_fired = strtoull(value, NULL, 10);
	else
		die("no such key", key);
}

/* "crash:10m", "stop:1h", "step:-1h", "freeze:90s", "store:down". */
static void
script_act(struct world *world, const char *what)
{
	const char *value = strchr(what, ':') + 1;
	int64_t now = clock_wall_ms(world->clock);

	if (str_starts(what, "crash:")) {
		world_crash(world);
		simclock_run(world->clock, now + read_ms(value));
		world_begin(world);
	} else if (str_starts(what, "stop:")) {
		world_stop(world);
		simclock_run(world->clock, now + read_ms(value));
		world_begin(world);
	} else if (str_starts(what, "freeze:")) {
		simclock_freeze(world->clock, read_ms(value));
	} else if (str_starts(what, "step:")) {
		simclock_step(world->clock,
		    *value == '-' ? -read_ms(value + 1) : read_ms(value));
	} else if (str_starts(what, "store:")) {
		world->store_is_down = strcmp(value, "down") == 0;
	} else {
		die("no such action", what);
	}
}

static int
script_run(int argc, char **argv)
{
	struct script script = { .lasts_ms = 1000 };
	struct world world;
	struct job *job;
	size_t i;
	int k;

	for (k = 0; k < argc; k++)
		if (str_starts(argv[k], "from="))
			script.from_ms = read_time(argv[k] + 5);
	world_open(&world, script.from_ms);
	world.data = &script;
	world.duration_ms = script_duration;
	world.exit_code = script_exit;
	world.event = script_print;
	job = world_add_job(&world, "job");
	for (k = 0; k < argc; k++) {
		char *value = strchr(argv[k], '=');

		if (value == NULL)
			die("no value", argv[k]);
		*value++ = '\0';
		if (argv[k][0] == '@')
			script.action[script.n++] = (struct action){
				read_time(argv[k] + 1), value
			};
		else if (strcmp(argv[k], "from") != 0 &&
		    !set_job(job, argv[k], value))
			set_script(&script, &world, argv[k], value);
	}
	world_begin(&world);
	for (i = 0; i < script.n; i++) {
		simclock_run(world.clock, script.action[i].at_ms);
		script_act(&world, script.action[i].what);
	}
	simclock_run(world.clock, script.until_ms);
	if (script.most_fired != 0 &&
	    simclock_fired(world.clock) > script.most_fired)
		world_fault(&world, "%llu timers fired",
		    (unsigned long long)simclock_fired(world.clock));
	world_close(&world);
	zone_forget_all();
	if (world.faults != 0)
		printf("fault: %s\n", world.fault);
	return world.faults != 0;
}

/* Random worlds */

static int64_t
chance_duration(struct world *world, const struct job *job)
{
	(void)world;
	(void)job;
	return random_below(4) != 0 ? random_below(3000) : random_below(400000);
}

static int
chance_exit(struct world *world, const struct job *job, int attempt)
{
	(void)world;
	(void)job;
	(void)attempt;
	return random_below(5) == 0;
}

static int64_t
chance_late(void *data)
{
	(void)data;
	return random_below(3) == 0 ? random_below(300) : 0;
}

static void
chance_job(struct world *world, int i)
{
	static const char *const crons[] = { "* * * * *", "*/7 * * * *",
		"*/20 * * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 1 * *",
		"5 * * * *", "0 3 * * 0" };
	static const char *const zones[] = { "UTC", "Europe/Berlin",
		"America/New_York", "Australia/Lord_Howe", "Asia/Kolkata" };
	char name[16];
	struct job *job;
	struct err err;

	snprintf(name, sizeof name, "job%d", i);
	job = world_add_job(world, name);
	job->when.zone = zone_find(zones[random_below(5)], &err);
	if (random_below(3) == 0)
		set_interval(job, 1000 + random_below(600000));
	else
		set_cron(job, crons[random_below(8)]);
	job->overlap = (enum job_overlap)random_below(4);
	job->catch_up = (enum job_catch_up)random_below(3);
	job->priority = (int)random_below(3);
	job->retry.max = (int)random_below(4);
	if (random_below(4) == 0)
		job->jitter_ms = random_below(20000);
	if (random_below(4) == 0)
		job->start_deadline_ms = random_below(30000);
	if (random_below(4) == 0)
		job->run_immediately = true;
}

static void
chance_event(struct world *world)
{
	int64_t now = clock_wall_ms(world->clock);

	if (now > world->latest_ms)
		world->latest_ms = now;
	switch (random_below(7)) {
	case 0:
		world_crash(world);
		simclock_run(world->clock, now + random_below(7200000));
		world_begin(world);
		break;
	case 1:
		world_stop(world);
		simclock_run(world->clock, now + random_below(7200000));
		world_begin(world);
		break;
	case 2:
		simclock_freeze(world->clock, random_below(600000));
		break;
	case 3:
		simclock_step(world->clock, random_below(10000000));
		break;
	case 4: /* back, but by less than three hours */
		simclock_step(world->clock, -random_below(10000000));
		break;
	case 5:
		world->store_is_down = !world->store_is_down;
		break;
	default:
		world->store_delay_ms = random_below(3) * 60;
	}
}

/* The store's account of each job against the schedule's own. */
static void
chance_check(struct world *world)
{
	size_t i;

	for (i = 0; i < world->file.n; i++) {
		const struct job *job = &world->file.job[i];
		int64_t first = world_first_ms(world, job->name);
		int64_t last = world_watermark_ms(world, job->name);
		int64_t want, have = world_settled(world, job->name);

		if (first == CLOCK_NONE)
			continue;
		want = when_count(&job->when, first, last);
		if (want != have)
			world_fault(world,
			    "%s: %lld instants due, %lld accounted for",
			    job->name, (long long)want, (long long)have);
	}
}

static bool
chance_run(uint64_t number)
{
	int64_t n, i, steps = 5 + random_below(20);
	struct world world;
	bool ok;

	world_open(&world,
	    INT64_C(1700000000000) + random_below(INT64_C(60) * 86400000));
	world.duration_ms = chance_duration;
	world.exit_code = chance_exit;
	world.pool.size = 1 + (int)random_below(4);
	simclock_set_lateness(world.clock, chance_late, NULL);
	n = 1 + random_below(5);
	for (i = 0; i < n; i++)
		chance_job(&world, (int)i);
	world_begin(&world);
	for (i = 0; i < steps; i++) {
		simclock_run(world.clock,
		    clock_wall_ms(world.clock) + random_below(10800000));
		chance_event(&world);
	}
	world.store_is_down = false;
	simclock_run(world.clock, clock_wall_ms(world.clock) + 600000);
	world_stop(&world);
	chance_check(&world);
	ok = world.faults == 0;
	if (!ok)
		printf("world %llu: %s (%zu faults)\n",
		    (unsigned long long)number, world.fault, world.faults);
	world_close(&world);
	return ok;
}

static int
chance_all(const char *first, const char *count)
{
	uint64_t number = strtoull(first, NULL, 10), n, bad = 0;

	for (n = strtoull(count, NULL, 10); n > 0; n--, number++) {
		seed = number;
		bad += !chance_run(number);
	}
	zone_forget_all();
	printf("%s worlds, %llu bad\n", count, (unsigned long long)bad);
	return bad != 0;
}

int
main(int argc, char **argv)
{
	log_setup(
	    getenv("SIM_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
	if (argc > 2 && strcmp(argv[1], "script") == 0)
		return script_run(argc - 2, argv + 2);
	if (argc == 4 && strcmp(argv[1], "random") == 0)
		return chance_all(argv[2], argv[3]);
	fprintf(stderr, "usage: sim script KEY=VALUE... | random SEED COUNT\n");
	return 2;
}
