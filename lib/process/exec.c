#include "lib/process/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define DEFAULT_SHELL "/bin/sh"

static bool
start_at(const struct exec *exec, const char *path, const char *const *argv,
    pid_t *pid, enum spawn_step *step, struct err *err)
{
	struct spawn spawn = {
		.path = path,
		.argv = argv,
		.envp = exec->command->envp,
		.dir = exec->command->dir,
		.fd = { exec->fd[0], exec->fd[1], exec->fd[2] },
		.death_signal = exec->command->death_signal,
	};

	return spawn_start(&spawn, pid, step, err);
}

/* Where the program kept in mind is gone, it is looked up once more. */
static bool
start_argv(const struct exec *exec, const char *const *argv, pid_t *pid,
    enum spawn_step *step, struct err *err)
{
	const struct proc_command *command = exec->command;
	char *path, *old = NULL;
	bool ok = false;

	for (;;) {
		*step = SPAWN_EXEC;
		path = mem_strdup(program_find(exec->programs, exec->mono_ms,
		    argv[0], command->path_env, command->dir, err));
		if (path == NULL || (old != NULL && strcmp(old, path) == 0))
			break;
		ok = start_at(exec, path, argv, pid, step, err);
		if (ok || *step != SPAWN_EXEC || old != NULL)
			break;
		program_forget(exec->programs, argv[0], command->path_env);
		old = path;
	}
	free(path);
	free(old);
	return ok;
}

/*
 * A text that begins with - or + is a command all the same, and no option: a
 * blank before it changes nothing else.
 */
static bool
start_shell(
    const struct exec *exec, pid_t *pid, enum spawn_step *step, struct err *err)
{
	const char *text = exec->command->text;
	const char *shell = exec->command->shell;
	char *padded = NULL;
	const char *argv[4] = { shell != NULL ? shell : DEFAULT_SHELL, "-c",
		text, NULL };
	bool ok;

	if (text[0] == '-' || text[0] == '+')
		argv[2] = padded = mem_printf(" %s", text);
	ok = start_argv(exec, argv, pid, step, err);
	free(padded);
	return ok;
}

bool
exec_start(
    const struct exec *exec, pid_t *pid, enum spawn_step *step, struct err *err)
{
	const struct proc_command *command = exec->command;
	bool is_sh = command->shell == NULL ||
	    strcmp(command->shell, DEFAULT_SHELL) == 0;
	char **word;
	bool ok;

	if (command->argv != NULL)
		return start_argv(exec, command->argv, pid, step, err);
	if (is_sh && program_is_plain(command->text, &word)) {
		ok = start_argv(
		    exec, (const char *const *)word, pid, step, err);
		free(word);
		if (ok || *step != SPAWN_EXEC)
			return ok;
	}
	return start_shell(exec, pid, step, err);
}
