/*
 * `live write FILE LIMIT TOTAL PIECE` writes numbered 8-byte words in pieces,
 * `live read FILE` follows them and prints how many it read and skipped; a
 * word that is not the one that belongs there is an error.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/process/live.h"

/* The other side is there: FILE.seen, made by the reader. */
static void
meet(const char *path, bool is_reader)
{
	char *seen = mem_printf("%s.seen", path);
	int fd, tries;

	if (is_reader) {
		fd = open(seen, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
	}
	for (tries = 0; tries < 50000 && access(seen, F_OK) != 0; tries++)
		usleep(200);
	if (!is_reader)
		unlink(seen);
	free(seen);
}

/* Wait for the file, though not for ever. */
static void
open_reader(struct live_reader *reader, const char *path)
{
	struct err err;
	int tries;

	for (tries = 0; tries < 10000; tries++) {
		if (live_open(reader, path, &err))
			return;
		usleep(1000);
	}
	printf("error=%s\n", err.msg);
	exit(1);
}

static int
write_words(const char *path, uint64_t limit, uint64_t total, size_t piece)
{
	uint64_t *word = mem_alloc(piece), at = 0;
	struct live live;
	struct err err;
	size_t i;

	if (!live_create(&live, path, limit, 0, &err)) {
		printf("error=%s\n", err.msg);
		return 1;
	}
	meet(path, false);
	while (at < total) {
		for (i = 0; i < piece / 8; i++)
			word[i] = at++;
		live_add(&live, (const char *)word, piece);
	}
	printf("written=%" PRIu64 "\n", at * 8);
	live_end(&live);
	free(word);
	return 0;
}

static bool
check_words(const struct str *text, uint64_t at)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + 8 <= text->len; i += 8) {
		memcpy(&word, text->s + i, 8);
		if (word != at / 8 + i / 8)
			return false;
	}
	return true;
}

static int
read_words(const char *path)
{
	uint64_t skipped, all_skipped = 0, all_read = 0;
	struct live_reader reader;
	struct str text = { 0 };
	enum live_state state;

	open_reader(&reader, path);
	meet(path, true);
	do {
		str_clear(&text);
		state = live_read(&reader, &text, &skipped);
		all_skipped += skipped;
		if (!check_words(&text, all_read + all_skipped)) {
			printf("a wrong word after %" PRIu64 "\n",
			    all_read + all_skipped);
			return 1;
		}
		all_read += text.len;
	} while (state == LIVE_GOING);
	printf("state=%s\nread=%" PRIu64 "\nskipped=%" PRIu64 "\n",
	    state == LIVE_ENDED ? "ended" : "broken", all_read, all_skipped);
	live_close(&reader);
	str_release(&text);
	return 0;
}

/* As `logs -F` does it: wait, then print what comes. */
static int
follow(const char *path)
{
	struct live_reader reader;
	struct str text = { 0 };
	enum live_state state;
	uint64_t skipped;

	open_reader(&reader, path);
	do {
		usleep(1000);
		str_clear(&text);
		state = live_read(&reader, &text, &skipped);
		if (skipped > 0)
			printf("[%" PRIu64 " bytes skipped]\n", skipped);
		fwrite(str_text(&text), 1, text.len, stdout);
		fflush(stdout);
	} while (state == LIVE_GOING);
	puts(state == LIVE_ENDED ? "[ended]" : "[broken]");
	live_close(&reader);
	str_release(&text);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "write") == 0)
		return write_words(argv[2], strtoull(argv[3], NULL, 10),
		    strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "read") == 0)
		return read_words(argv[2]);
	if (argc == 3 && strcmp(argv[1], "follow") == 0)
		return follow(argv[2]);
	return 2;
}
