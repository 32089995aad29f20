#ifndef WJOBS_PRINTER_H
#define WJOBS_PRINTER_H

#include "lib/process/mux.h"
#include "lib/process/proc.h"
#include "lib/process/spill.h"

/*
 * What many commands write, on our own standard output and standard error:
 * whole lines as they come, or ordered, each command's all at once, in the
 * order in which they began. Then what is ahead of its turn is set aside.
 */
struct print; /* one command's */

struct printer {
	struct ev_loop *loop;
	bool is_ordered;
	bool is_one;        /* both are one and the same */
	bool is_dropped[2]; /* it is /dev/null: nobody need care */
	struct mux out[2];
	struct print *first, *last; /* ordered: whose turn is not over */
	size_t n, n_files;
	char *buf;
	/* There may be room again, or an end. From the loop. */
	void (*room)(void *data);
	/* Something is about to be written. */
	void (*before)(void *data);
	void *data;
};

/* room, before and data are to be set; the rest is zeroed. */
void
printer_open(struct printer *printer, struct ev_loop *loop, bool is_ordered);
void printer_close(struct printer *printer); /* drops what is left */
/* How the commands' output is to be had. */
void
printer_prepare(const struct printer *printer, struct proc_command *command);
/* Nothing new should begin now. */
bool printer_is_full(const struct printer *printer);
bool printer_is_busy(const struct printer *printer);
/* The errno by which 1 or 2 (*fd) was lost; 0: none was. */
int printer_error(const struct printer *printer, int *fd);
/* Nobody waits for the rest. */
void printer_cut(struct printer *printer);
/* A line was begun on the terminal, or what else they are. */
bool printer_is_mid(const struct printer *printer);
/* What is written next on standard error begins a line. */
void printer_begin_line(const struct printer *printer);

/* tag is put before each line; copied; NULL: none. */
struct print *print_new(struct printer *printer, const char *tag);
/* An attempt is about to be started. */
void print_begin(struct print *print, struct proc *proc);
/* It has ended. */
void print_end(struct print *print);
/* The last attempt has, and the proc may be gone. */
void print_close(struct print *print);

#endif
