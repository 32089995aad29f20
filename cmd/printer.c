#include "cmd/printer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

/*
 * Ordered, what comes ahead of its turn goes into the command's spill, as
 * pieces that say which stream they are of: so both keep the order in which
 * they came. A command whose spill takes no more is paused until its turn.
 */
#define PRINT_CHUNK (64 * 1024)
/* Of a spill in one turn of the loop. */
#define PRINT_TURN 64
/* So many commands may be ahead, and so many of them with a file. */
#define PRINT_AHEAD 50000
#define PRINT_FILES 200

struct piece {
	unsigned char stream; /* 1 or 2; 0: the end of an attempt */
	uint32_t len;
};

struct print {
	struct printer *printer;
	struct proc *proc; /* NULL: no attempt is under way */
	struct mux_source lines[2];
	char *tag;
	struct spill spill;
	struct piece piece; /* of the spill: the one that is printed now */
	bool has_file, is_stuck, is_over;
	struct print *next;
};

static void printer_turn(struct printer *printer);

static bool
is_null_device(int fd)
{
	struct stat st, null;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 &&
	    S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev;
}

static bool
is_same_file(int a, int b)
{
	struct stat one, two;

	return fstat(a, &one) == 0 && fstat(b, &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static void
printer_on_before(void *data)
{
	struct printer *printer = data;

	printer->before(printer->data);
}

static void
printer_on_room(void *data)
{
	struct printer *printer = data;

	printer_turn(printer);
	printer->room(printer->data);
}

void
printer_open(struct printer *printer, struct ev_loop *loop, bool is_ordered)
{
	int i;

	printer->loop = loop;
	printer->is_ordered = is_ordered;
	printer->is_one = is_same_file(STDOUT_FILENO, STDERR_FILENO);
	printer->buf = mem_alloc(PRINT_CHUNK);
	for (i = 0; i < 2; i++) {
		printer->is_dropped[i] = is_null_device(i + 1);
		mux_init(&printer->out[i], loop, i + 1);
		printer->out[i].before = printer_on_before;
		printer->out[i].room = printer_on_room;
		printer->out[i].data = printer;
	}
}

void
printer_prepare(const struct printer *printer, struct proc_command *command)
{
	if (printer->is_dropped[0] && printer->is_dropped[1]) {
		command->output = PROC_DISCARD;
		return;
	}
	command->output = PROC_CAPTURE;
	command->output_limit = 0;
	command->split_stderr = !printer->is_one;
	command->own_stdout = printer->is_dropped[0];
	command->own_stderr = printer->is_dropped[1];
}

bool
printer_is_full(const struct printer *printer)
{
	return mux_is_full(&printer->out[0]) || mux_is_full(&printer->out[1]) ||
	    printer->n >= PRINT_AHEAD || printer->n_files >= PRINT_FILES;
}

bool
printer_is_busy(const struct printer *printer)
{
	return mux_is_busy(&printer->out[0]) || mux_is_busy(&printer->out[1]) ||
	    printer->first != NULL;
}

int
printer_error(const struct printer *printer, int *fd)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (printer->out[i].sys == 0)
			continue;
		*fd = i + 1;
		return printer->out[i].sys;
	}
	return 0;
}

bool
printer_is_mid(const struct printer *printer)
{
	return printer->out[0].is_mid || printer->out[1].is_mid;
}

void
printer_begin_line(const struct printer *printer)
{
	if (printer->out[printer->is_one ? 0 : 1].is_mid &&
	    write(STDERR_FILENO, "\n", 1) < 0)
		return; /* what follows will not get there either */
}

/* One command's */

static void
print_pause(struct mux_source *lines, bool is_paused)
{
	struct print *print = lines->data;

	if (print->proc == NULL || (!is_paused && print->is_stuck))
		return;
	proc_pause(print->proc, lines == &print->lines[0] ? 1 : 2, is_paused);
}

static bool
print_has_turn(const struct print *print)
{
	return !print->printer->is_ordered || print->printer->first == print;
}

/* Its spill takes no more, or takes some again. */
static void
print_stick(struct print *print, bool is_stuck)
{
	print->is_stuck = is_stuck;
	if (print->proc == NULL)
		return;
	proc_pause(print->proc, 1, is_stuck);
	if (!print->printer->is_one)
		proc_pause(print->proc, 2, is_stuck);
}

static void
print_set_aside(struct print *print, int stream, const char *data, size_t n)
{
	struct piece piece;
	bool fits;

	memset(&piece, 0, sizeof piece); /* padding is written too */
	piece.stream = (unsigned char)stream;
	piece.len = (uint32_t)n;
	fits = spill_add(&print->spill, (const char *)&piece, sizeof piece);
	if (n > 0)
		fits = spill_add(&print->spill, data, n) && fits;
	if (print->spill.has_file && !print->has_file) {
		print->has_file = true;
		print->printer->n_files++;
	}
	if (!fits && !print->is_stuck)
		print_stick(print, true);
}

static void
print_on_output(struct proc *proc, int stream, const char *data, size_t n)
{
	struct print *print = proc->data;

	if (print_has_turn(print) && spill_is_empty(&print->spill) &&
	    print->piece.len == 0)
		mux_add(&print->lines[stream - 1], data, n);
	else
		print_set_aside(print, stream, data, n);
}

struct print *
print_new(struct printer *printer, const char *tag)
{
	struct print *print = mem_zalloc(1, sizeof *print);
	int i;

	print->printer = printer;
	print->tag = tag != NULL ? mem_printf("%s\t", tag) : NULL;
	for (i = 0; i < 2; i++) {
		print->lines[i].out = &printer->out[i];
		print->lines[i].tag = print->tag;
		print->lines[i].pause = print_pause;
		print->lines[i].data = print;
	}
	if (!printer->is_ordered)
		return print;
	printer->n++;
	if (printer->last != NULL)
		printer->last->next = print;
	else
		printer->first = print;
	printer->last = print;
	return print;
}

void
print_begin(struct print *print, struct proc *proc)
{
	print->proc = proc;
	proc->data = print;
	proc->output = print_on_output;
}

static void
print_end_lines(struct print *print)
{
	mux_end(&print->lines[0]);
	mux_end(&print->lines[1]);
}

void
print_end(struct print *print)
{
	print->proc = NULL;
	print->is_stuck = false;
	if (print_has_turn(print) && spill_is_empty(&print->spill) &&
	    print->piece.len == 0)
		print_end_lines(print);
	else if (!spill_is_empty(&print->spill) || print->piece.len > 0)
		print_set_aside(print, 0, NULL, 0);
}

static void
print_free(struct print *print)
{
	print_end_lines(print);
	if (print->has_file)
		print->printer->n_files--;
	spill_release(&print->spill);
	free(print->tag);
	free(print);
}

void
print_close(struct print *print)
{
	print->is_over = true;
	if (!print->printer->is_ordered)
		print_free(print);
	else
		printer_turn(print->printer);
}

/* Turns */

static bool
take_piece(struct print *print)
{
	size_t n = 0, got;

	while (n < sizeof print->piece) {
		got = spill_take(&print->spill, (char *)&print->piece + n,
		    sizeof print->piece - n);
		if (got == 0) {
			print->piece.len = 0;
			return false;
		}
		n += got;
	}
	return true;
}

/* Some of what was set aside. False where there is no more. */
static bool
print_some(struct print *print)
{
	struct piece *piece = &print->piece;
	size_t n;

	if (piece->len == 0 && !take_piece(print))
		return false;
	if (piece->stream == 0) {
		print_end_lines(print);
		return true;
	}
	n = piece->len < PRINT_CHUNK ? piece->len : PRINT_CHUNK;
	n = spill_take(&print->spill, print->printer->buf, n);
	if (n == 0)
		return false; /* the file cannot be read any more */
	piece->len -= (uint32_t)n;
	mux_add(&print->lines[piece->stream - 1], print->printer->buf, n);
	return true;
}

/* True once nothing is set aside. */
static bool
print_all(struct print *print)
{
	int turns = PRINT_TURN;

	while (!print->lines[0].is_paused && !print->lines[1].is_paused) {
		if (turns-- == 0) {
			ev_timer_start(
			    print->printer->loop, &print->printer->out[0].soon);
			return false;
		}
		if (!print_some(print)) {
			print->piece.len = 0;
			if (print->is_stuck)
				print_stick(print, false);
			return true;
		}
	}
	return false;
}

/* From whose turn it is on, as far as there is room. */
static void
printer_turn(struct printer *printer)
{
	struct print *print;

	while ((print = printer->first) != NULL && print_all(print) &&
	    print->is_over) {
		printer->first = print->next;
		if (printer->first == NULL)
			printer->last = NULL;
		printer->n--;
		print_free(print);
	}
}

void
printer_cut(struct printer *printer)
{
	mux_cut(&printer->out[0]);
	mux_cut(&printer->out[1]);
}

void
printer_close(struct printer *printer)
{
	struct print *print;

	if (printer->loop == NULL)
		return;
	while ((print = printer->first) != NULL) {
		printer->first = print->next;
		print_free(print);
	}
	mux_release(&printer->out[0]);
	mux_release(&printer->out[1]);
	free(printer->buf);
}
