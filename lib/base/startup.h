#ifndef WJOBS_STARTUP_H
#define WJOBS_STARTUP_H

/*
 * What main does before anything else, whatever the caller left us with:
 * - 0, 1 and 2 that are closed become /dev/null, so that no file of ours gets
 *   their number and some message its contents;
 * - SIGPIPE is ignored, SIGCHLD is not, and no signal is blocked.
 * Children get default dispositions again: lib/process/spawn.
 */
void startup_tidy(void);

#endif
