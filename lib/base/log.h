#ifndef WJOBS_LOG_H
#define WJOBS_LOG_H

#include <stddef.h>

#include "lib/base/err.h"

/*
 * The log: one line an event on standard error, in logfmt (time, level, msg,
 * then key=value) or as JSON. Never blocks and never fails: what a slow reader
 * does not take waits in a bounded buffer, what does not fit there is dropped
 * and counted, and a line says how many once there is room. Values are made
 * visible, so that no text forges a line or a terminal's state.
 */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct ev_loop;

void log_setup(enum log_level level, enum log_format format);
/* With a loop, what waits is written when the reader reads again. */
void log_attach(struct ev_loop *loop);
void log_detach(void); /* a last try, without blocking */

/*
 * log_event(LOG_INFO, "run ended", "job", name, "status", status, NULL): a
 * message, then pairs of texts. A pair whose value is NULL is left out.
 */
void
log_event(enum log_level level, const char *msg, ...) __attribute__((sentinel));
/* The same for a single formatted message. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Who prints: "job" or "handler", and its name; both NULL: nobody in it. */
struct log_source {
	const char *key, *name;
};
/* Output, a line at a time, tagged; data need not end in newline. */
void log_output(struct log_source source, const char *run, int stream,
    const char *data, size_t n);
/*
 * Output of a job as it is, to our standard output: `output: passthrough`.
 * Waits in a buffer of its own and is dropped like the rest, never blocks.
 */
void log_pass(const char *data, size_t n);
unsigned long long log_dropped(void);

#endif
