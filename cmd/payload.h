#ifndef WJOBS_PAYLOAD_H
#define WJOBS_PAYLOAD_H

#include "lib/base/err.h"
#include "lib/base/str.h"

/*
 * The bytes that `--payload` names: the text itself, the file behind a `@`, or
 * standard input for `-`. More than WORK_PAYLOAD_MAX is ERR_USAGE, and no more
 * of it is read than shows that.
 */
bool payload_read(
    const char *option, struct str *payload, struct err *err) MUST_CHECK;

#endif
