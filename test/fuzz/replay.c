/*
 * The fuzzers' main without a fuzzer: each file named is one input. So the
 * seeds, and whatever a fuzzer once found, are tests of every build.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data = NULL, *exact;
		size_t size = 0, got;

		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		do {
			data = realloc(data, size + 65536);
			if (data == NULL)
				return 1;
			got = fread(data + size, 1, 65536, file);
			size += got;
		} while (got > 0);
		fclose(file);
		/* No byte to spare, so that a sanitizer sees one too many. */
		exact = malloc(size > 0 ? size : 1);
		if (exact == NULL)
			return 1;
		memcpy(exact, data, size);
		free(data);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	return 0;
}
