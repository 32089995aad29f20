#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/time/tzrule.h"
#include "lib/time/zone_data.h"

/*
 * Where zones come from: files below one folder, $TZ, /etc/localtime; and the
 * zones read so far, which are kept, since others hold pointers to them.
 */
#define ZONE_DIR      "/usr/share/zoneinfo"
#define LOCALTIME     "/etc/localtime"
#define FILE_SIZE_MAX (1 << 20) /* the largest real ones have 4 kB */

static struct zone *kept;

static const char *
zone_dir(void)
{
	const char *dir = getenv("TZDIR");

	return dir != NULL && *dir != '\0' ? dir : ZONE_DIR;
}

static struct zone *
find_kept(const char *key)
{
	struct zone *zone = kept;

	while (zone != NULL && strcmp(zone->key, key) != 0)
		zone = zone->next;
	return zone;
}

static const struct zone *
keep(struct zone *zone, const char *key)
{
	if (zone == NULL)
		return NULL;
	zone->key = mem_strdup(key);
	zone->next = kept;
	kept = zone;
	return zone;
}

void
zone_forget_all(void)
{
	while (kept != NULL) {
		struct zone *next = kept->next;

		zone_free(kept);
		kept = next;
	}
}

/* A zone that is a rule alone. */
static struct zone *
zone_from_rule(const char *name, const struct tzrule *rule)
{
	struct zone *zone = zone_new(name);
	int i;

	zone->text = mem_dup(rule->name, sizeof rule->name);
	zone->type = mem_zalloc(2, sizeof *zone->type);
	for (i = 0; i < 2; i++)
		zone->type[i] = (struct zone_type){ rule->offset_s[i], i == 1,
			zone->text + i * TZRULE_NAME_SIZE };
	tzrule_apply(rule, zone, 0);
	return zone;
}

static struct zone *
zone_utc(void)
{
	static const struct tzrule utc = { .name = { "UTC" } };

	return zone_from_rule("UTC", &utc);
}

/* Up to size bytes of what fd reads; the number read, or -1. */
static ssize_t
read_all(int fd, uint8_t *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size && (got = read(fd, buf + n, size - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static struct zone *
read_fd(int fd, const char *name, const char *path, struct err *err)
{
	struct zone *zone = NULL;
	struct stat st;
	uint8_t *buf;
	ssize_t n;

	if (fstat(fd, &st) != 0) {
		err_sys(err, errno, "cannot read '%s'", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX) {
		err_set(err, ERR_RANGE, "'%s' is not the file of a time zone",
		    path);
		return NULL;
	}
	/* it may grow meanwhile: one byte more than allowed tells */
	buf = mem_alloc((size_t)st.st_size + 1);
	n = read_all(fd, buf, (size_t)st.st_size + 1);
	if (n < 0)
		err_sys(err, errno, "cannot read '%s'", path);
	else
		zone = zone_from_bytes(name, buf, (size_t)n, err);
	free(buf);
	return zone;
}

/* Read a file. Where there is none, *missing is set and err is not. */
static struct zone *
read_path(const char *path, const char *name, bool *missing, struct err *err)
{
	/* a fifo must not block */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct zone *zone;

	*missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (fd < 0) {
		if (!*missing)
			err_sys(err, errno, "cannot open '%s'", path);
		return NULL;
	}
	zone = read_fd(fd, name, path, err);
	close(fd);
	return zone;
}

/* Letters, digits and "_+-./", in parts that are neither "" nor begin ".". */
static bool
is_name(const char *name)
{
	const char *p = name;

	if (strlen(name) > 200)
		return false;
	for (; *p != '\0'; p++) {
		bool begins = p == name || p[-1] == '/';

		if (begins && (*p == '/' || *p == '.'))
			return false;
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
			   "xyz0123456789_+-./",
			*p) == NULL)
			return false;
	}
	return p > name && p[-1] != '/';
}

/* The names below a folder, for one to be suggested. */
struct names {
	char **name;
	size_t n;
};

static bool
is_listed(const struct dirent *entry)
{
	return entry->d_name[0] >= 'A' && entry->d_name[0] <= 'Z' &&
	    strchr(entry->d_name, '.') == NULL;
}

static void
list_names(const char *dir, const char *prefix, int depth, struct names *list)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL && list->n < 5000) {
		char *path, *name;

		if (!is_listed(entry))
			continue;
		if (entry->d_type != DT_DIR) {
			list->name = mem_grow(
			    list->name, list->n + 1, sizeof *list->name);
			list->name[list->n++] = mem_printf(
			    "%s%s", prefix, entry->d_name);
		} else if (depth < 2) {
			path = mem_printf("%s/%s", dir, entry->d_name);
			name = mem_printf("%s%s/", prefix, entry->d_name);
			list_names(path, name, depth + 1, list);
			free(path);
			free(name);
		}
	}
	closedir(d);
}

/* The name meant: in another case, its last part alone, or nearly so. */
static const char *
nearest_name(const char *name, const struct names *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		const char *slash = strrchr(list->name[i], '/');

		if (strcasecmp(name, list->name[i]) == 0 ||
		    (slash != NULL && strcasecmp(name, slash + 1) == 0))
			return list->name[i];
	}
	return str_nearest(name, (const char *const *)list->name, list->n);
}

static void
unknown(const char *name, struct err *err)
{
	struct names list = { 0 };
	const char *nearest;
	size_t i;

	list_names(zone_dir(), "", 0, &list);
	nearest = nearest_name(name, &list);
	if (nearest != NULL)
		err_set(err, ERR_RANGE, "no time zone '%s'; did you mean %s?",
		    name, nearest);
	else
		err_set(err, ERR_RANGE, "no time zone '%s' in '%s'%s", name,
		    zone_dir(),
		    list.n == 0 ? ", which holds none: is tzdata installed?"
				: "");
	for (i = 0; i < list.n; i++)
		free(list.name[i]);
	free(list.name);
}

/* The zone of a name that is_name, or NULL and *missing. */
static const struct zone *
find_named(const char *name, bool *missing, struct err *err)
{
	struct zone *zone = find_kept(name);
	char *path;

	*missing = false;
	if (zone != NULL)
		return zone;
	if (strcmp(name, "UTC") == 0)
		return keep(zone_utc(), name);
	path = mem_printf("%s/%s", zone_dir(), name);
	zone = read_path(path, name, missing, err);
	free(path);
	return keep(zone, name);
}

const struct zone *
zone_find(const char *name, struct err *err)
{
	const struct zone *zone;
	bool missing;

	if (!is_name(name)) {
		err_set(err, ERR_SYNTAX,
		    "'%s' is not the name of a time zone such as Europe/Berlin",
		    name);
		return NULL;
	}
	zone = find_named(name, &missing, err);
	if (zone == NULL && missing)
		unknown(name, err);
	return zone;
}

/* "/usr/share/zoneinfo/Europe/Berlin" to "Europe/Berlin", else NULL. */
static const char *
name_in_path(const char *path)
{
	const char *p = strstr(path, "/zoneinfo/");

	if (p == NULL)
		return NULL;
	p += strlen("/zoneinfo/");
	if (str_starts(p, "posix/"))
		p += strlen("posix/");
	return is_name(p) ? p : NULL;
}

/* The zone of a file outside, under the name that its path tells. */
static const struct zone *
find_path(
    const char *path, const char *fallback, bool *missing, struct err *err)
{
	struct zone *zone = find_kept(path);
	char *real;
	const char *name;

	*missing = false;
	if (zone != NULL)
		return zone;
	real = realpath(path, NULL);
	name = name_in_path(path);
	if (name == NULL && real != NULL)
		name = name_in_path(real);
	zone = read_path(path, name != NULL ? name : fallback, missing, err);
	free(real);
	return keep(zone, path);
}

/*
 * The link's own text names the zone as the administrator did: realpath would
 * make Europe/Amsterdam Europe/Brussels where one file stands for both.
 */
static const struct zone *
find_localtime(struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(LOCALTIME, target, sizeof target - 1);
	const struct zone *zone;
	const char *name;
	bool missing;

	if (n > 0) {
		target[n] = '\0';
		name = name_in_path(target);
		zone = name != NULL ? find_named(name, &missing, err) : NULL;
		if (zone != NULL)
			return zone;
	}
	zone = find_path(LOCALTIME, "localtime", &missing, err);
	if (zone == NULL && missing)
		return zone_find("UTC", err);
	return zone;
}

const struct zone *
zone_default(struct err *err)
{
	const char *tz = getenv("TZ");
	const struct zone *zone = NULL;
	struct tzrule rule;
	bool missing = true;

	if (tz == NULL)
		return find_localtime(err);
	if (*tz == ':')
		tz++;
	if (*tz == '\0')
		return zone_find("UTC", err);
	if (*tz == '/')
		zone = find_path(tz, tz, &missing, err);
	else if (is_name(tz))
		zone = find_named(tz, &missing, err);
	if (zone == NULL && missing && tzrule_parse(tz, strlen(tz), &rule)) {
		zone = find_kept(tz);
		return zone != NULL ? zone
				    : keep(zone_from_rule(tz, &rule), tz);
	}
	if (zone == NULL) {
		if (missing)
			unknown(tz, err);
		err_prefix(err, "TZ");
	}
	return zone;
}
