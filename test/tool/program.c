/* Says of each argument whether it may go to exec as it is: its words, or sh. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/process/program.h"

int
main(int argc, char **argv)
{
	char **word;
	int i, k;

	for (i = 1; i < argc; i++) {
		if (!program_is_plain(argv[i], &word)) {
			puts("sh");
			continue;
		}
		for (k = 0; word[k] != NULL; k++)
			printf("<%s>", word[k]);
		putchar('\n');
		free(word);
	}
	return 0;
}
