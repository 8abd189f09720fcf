/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, ending and reaping one worker process: see process.h. */
#include "proc/process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/size.h"
#include "base/text.h"
#include "ring/layout.h"

/* Directory of a path, with its slash. */
static void directory_of(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash)
        slash[1] = '\0';
    else
        path[0] = '\0';
}

static bool runs(const char *dir, const char *name, char *out, size_t size)
{
    return mr__text_copy(out, size, dir) && mr__text_append(out, size, name) &&
           access(out, X_OK) == 0;
}

mr_status mr__process_find(const char *path, char *out, size_t size, mr_error *err)
{
    const char *name = "millrace-worker";
    char program[512] = "";
    char library[512] = "";
    Dl_info info;
    ssize_t n;

    if (!path)
        path = secure_getenv("MILLRACE_WORKER");
    if (path) {
        if (runs(path, "", out, size))
            return MR_OK;
        return mr__error_errno(err, MR_E_ENV, errno, "worker %s", path);
    }
    n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
    directory_of(program);
    if (program[0] && runs(program, name, out, size))
        return MR_OK;
    if (dladdr((const void *)&mr__process_exec, &info) != 0 && info.dli_fname)
        (void)mr__text_copy(library, sizeof library, info.dli_fname);
    directory_of(library);
    if (library[0] && runs(library, name, out, size))
        return MR_OK;
    if (runs(MR_WORKER_INSTALLED, "", out, size))
        return MR_OK;
    return mr__error_set(err, MR_E_ENV,
                         "%s: not found in %s, %s or as %s; set MILLRACE_WORKER to its path", name,
                         program, library, MR_WORKER_INSTALLED);
}

#define ENV_MAX 8

/* How to find its libraries, and what sanitizers and tests read. */
static bool env_passes(const char *entry)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                        "TSAN_OPTIONS=", "MILLRACE_FAILPOINTS="};
    size_t k;

    for (k = 0; k < sizeof names / sizeof names[0]; k++)
        if (strncmp(entry, names[k], strlen(names[k])) == 0)
            return true;
    return false;
}

mr_status mr__process_strings(const char *const *from, char ***out, mr_error *err)
{
    size_t n, i, bytes = sizeof(char *);
    char **strings, *text;
    bool fits = true;

    for (n = 0; from && from[n]; n++)
        fits = fits && mr__size_add(&bytes, bytes, strlen(from[n]) + 1 + sizeof(char *));
    *out = strings = fits ? calloc(1, bytes) : NULL;
    if (!strings)
        return mr__error_no_memory(err, "arguments of the workers");
    text = (char *)(strings + n + 1);
    for (i = 0; i < n; i++) {
        size_t n_text = strlen(from[i]) + 1;

        strings[i] = text;
        memcpy(text, from[i], n_text);
        text += n_text;
    }
    return MR_OK;
}

mr_status mr__process_env(bool all, char ***out, mr_error *err)
{
    const char *from[ENV_MAX + 1] = {NULL};
    size_t n = 0, i;

    if (all)
        return mr__process_strings((const char *const *)environ, out, err);
    for (i = 0; environ && environ[i] && n < ENV_MAX; i++)
        if (env_passes(environ[i]))
            from[n++] = environ[i];
    return mr__process_strings(from, out, err);
}

#define MR__FILES (MR__FD_END - MR__FD_CONTROL)

/*
 * Moves the descriptors to their numbers. Two steps, since a source may sit on another's number:
 * first all to numbers above the protocol's, then down.
 */
static int file_actions(posix_spawn_file_actions_t *actions, const mr__process_files *files,
                        bool prints, int *lifted)
{
    const int from[MR__FILES] = {files->control, files->slab, files->slots, files->event,
                                 files->data};
    int n = files->data >= 0 ? MR__FILES : MR__FILES - 1, i, rc;

    rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0 && prints && fcntl(2, F_GETFD) >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, 2, 1);
    else if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    for (i = 0; i < n && rc == 0; i++) {
        lifted[i] = fcntl(from[i], F_DUPFD_CLOEXEC, MR__FD_END + 8);
        rc = lifted[i] < 0
                 ? errno
                 : posix_spawn_file_actions_adddup2(actions, lifted[i], MR__FD_CONTROL + i);
    }
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, MR__FD_CONTROL + n);
    return rc;
}

/* A program of somebody else's is not interrupted while it starts: it is the host that is meant. */
static int attributes(posix_spawnattr_t *attr, bool foreign)
{
    sigset_t none, all;
    int rc;

    (void)sigemptyset(&none);
    if (foreign)
        (void)sigaddset(&none, SIGINT);
    (void)sigfillset(&all);
    rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    return rc;
}

static mr_status exec_start(const mr__process_program *program, const mr__process_files *files,
                            mr__process *out, mr_error *err)
{
    const char *path = program->path;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int lifted[MR__FILES] = {-1, -1, -1, -1, -1}, rc, i;
    char name[] = "millrace-worker", parent[16];
    char *own[] = {name, parent, NULL};
    pid_t pid = -1;

    *out = (mr__process){.fd = -1};
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    rc = file_actions(&actions, files, program->argv != NULL, lifted);
    if (rc == 0)
        rc = attributes(&attr, program->argv != NULL);
    if (rc == 0)
        rc = posix_spawn(&pid, path, &actions, &attr, program->argv ? program->argv : own,
                         program->env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    for (i = 0; i < MR__FILES; i++)
        if (lifted[i] >= 0)
            (void)close(lifted[i]);
    if (rc != 0)
        return mr__error_errno(err, MR_E_ENV, rc, "start %s", path);
    out->pid = (int)pid;
    out->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (out->fd >= 0)
        return MR_OK;
    rc = errno;
    /* ESRCH: it has ended and is reaped, by a host that does so; the number may be another's now */
    if (rc != ESRCH) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return mr__error_errno(err, MR_E_ENV, rc, "start %s: pidfd_open", path);
}

static void exec_kill(mr__process *process)
{
    if (process->fd >= 0)
        (void)syscall(SYS_pidfd_send_signal, process->fd, SIGKILL, NULL, 0);
}

static mr__process_end exec_reap(mr__process *process)
{
    mr__process_end end = {0};
    siginfo_t info = {0};

    /* ECHILD: the host ignores SIGCHLD, or reaped it; then nothing is known but that it is gone */
    if (waitid(P_PIDFD, (id_t)process->fd, &info, WEXITED) == 0 && info.si_pid != 0) {
        end.known = true;
        end.by_signal = info.si_code != CLD_EXITED;
        end.value = info.si_status;
    }
    (void)close(process->fd);
    *process = (mr__process){.fd = -1};
    return end;
}

const mr__process_ops mr__process_exec = {
    .start = exec_start,
    .kill = exec_kill,
    .reap = exec_reap,
};
