#include "lib/engine/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

bool
metadata_is_pair(const char *line, size_t n)
{
	size_t key = 0, i;

	while (key < n &&
	    (line[key] == '_' || line[key] == '-' || line[key] == '.' ||
		(line[key] >= '0' && line[key] <= '9') ||
		(line[key] >= 'a' && line[key] <= 'z') ||
		(line[key] >= 'A' && line[key] <= 'Z')))
		key++;
	if (key == 0 || key == n || line[key] != '=')
		return false;
	for (i = key; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	return true;
}

/* Copy the lines of `text` but the one whose key is that of `pair`. */
static void
metadata_add_others(struct str *out, const char *text, const char *pair)
{
	size_t key = strcspn(pair, "=") + 1, n;

	for (; text != NULL && *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (strncmp(text, pair, key) == 0)
			continue;
		str_addn(out, text, n);
		str_push(out, '\n');
	}
}

void
metadata_put(char **all, const char *line, size_t n)
{
	char *pair = mem_strndup(line, n);
	struct str text = { 0 };

	metadata_add_others(&text, *all, pair);
	str_add(&text, pair);
	free(*all);
	*all = str_take(&text);
	free(pair);
}

void
metadata_put_lines(char **all, const char *text)
{
	size_t n;

	for (; text != NULL && *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n != 0)
			metadata_put(all, text, n);
	}
}

char *
metadata_join(const char *const *items)
{
	struct str text = { 0 };

	if (items == NULL || items[0] == NULL)
		return NULL;
	for (; *items != NULL; items++) {
		if (text.len != 0)
			str_push(&text, '\n');
		str_add(&text, *items);
	}
	return str_take(&text);
}
