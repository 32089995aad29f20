/*
 * `wjobs pool` as a whole program, from its start to its end, beside those that
 * people use for it and beside bare loops of vfork and posix_spawn: commands of
 * a file, one a line, four at a time. All take turns.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "test/bench/lib/daemon.h"
#include "test/bench/lib/turns.h"

#define ROUNDS 15

/* One of the files of `write_lines`, in full. */
static double
run_lines(int n, const char *name)
{
	return turns_script("cd \"${BENCH_DIR:-.}\" && "
			    "\"${WJOBS:-build/wjobs}\" pool -j 4 %s.%d",
	    name, n);
}

static double
run_plain(int n)
{
	return run_lines(n, "plain");
}

/* The same through the shell: as it runs where a character asks for it. */
static double
run_shell(int n)
{
	return run_lines(n, "shell");
}

static double
run_ordered(int n)
{
	return turns_script(
	    "cd \"${BENCH_DIR:-.}\" && \"${WJOBS:-build/wjobs}\" "
	    "pool -j 4 --keep-order plain.%d",
	    n);
}

static void
write_lines(const char *name, const char *line, int n)
{
	char *path, *file;
	FILE *f;
	int i;

	file = mem_printf("%s.%d", name, n);
	path = bench_path(file);
	f = fopen(path, "w");
	if (f == NULL)
		bench_die("cannot write '%s'", path);
	for (i = 0; i < n; i++)
		fputs(line, f);
	fclose(f);
	free(path);
	free(file);
}

enum {
	PLAIN,
	SHELL,
	ORDERED,
	VFORK,
	SPAWN,
	XARGS,
	XARGS_SHELL,
	MAKE,
	PARALLEL,
	MOREUTILS,
	CONTESTANTS
};

static struct turn contestant[CONTESTANTS] = {
	[PLAIN] = { run_plain, 1000, 1 },
	[VFORK] = { turns_vfork, 1000, 1 },
	[SPAWN] = { turns_posix_spawn, 1000, 1 },
	[XARGS] = { turns_xargs, 1000, 2 },
	[MAKE] = { turns_make, 1000, 4 },
	[MOREUTILS] = { turns_moreutils, 1000, 4 },
	[SHELL] = { run_shell, 600, 4 },
	[XARGS_SHELL] = { turns_xargs_shell, 600, 4 },
	[ORDERED] = { run_ordered, 1000, 4 },
	[PARALLEL] = { turns_parallel, 150, 8 },
};

static void
print_ratio(const char *what, int ours, const char *limit, int theirs,
    const char *target)
{
	turns_print(
	    what, &contestant[ours], limit, &contestant[theirs], target);
}

int
main(void)
{
	write_lines("plain", "/bin/true\n", 1000);
	write_lines("shell", "/bin/true;\n", 600);
	turns_warn_if_busy("pool");
	turns_run(contestant, CONTESTANTS, ROUNDS);
	print_ratio("pool -j 4", PLAIN, "vfork", VFORK, ">= 0.85");
	print_ratio("pool -j 4", PLAIN, "posix_spawn", SPAWN, ">= 0.92");
	print_ratio("pool -j 4, in order", ORDERED, "vfork", VFORK, "-");
	print_ratio("pool -j 4", PLAIN, "xargs -P4", XARGS, ">= 1.5");
	print_ratio("pool -j 4, sh -c", SHELL, "xargs -P4 sh -c", XARGS_SHELL,
	    ">= 1.3");
	print_ratio("pool -j 4", PLAIN, "GNU parallel -j4", PARALLEL, ">= 6");
	print_ratio("pool -j 4", PLAIN, "make -j4", MAKE, ">= 1.2");
	print_ratio(
	    "pool -j 4", PLAIN, "moreutils parallel -j4", MOREUTILS, ">= 1.05");
	print_ratio(
	    "pool -j 4, plain line", PLAIN, "through sh", SHELL, ">= 1.8");
	return 0;
}
