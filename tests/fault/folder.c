/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of pictures on the disk: see folder.h. */
#include "folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../proc/pictures.h"

#define HANG_S 20

static char base[] = "/tmp/millrace-fault-XXXXXX";

const char *folder_make(void)
{
    char name[128];
    unsigned i;

    if (!mkdtemp(base))
        return NULL;
    (void)snprintf(name, sizeof name, "%s/pictures", base);
    if (mkdir(name, 0700) != 0)
        return NULL;
    for (i = 0; i < FOLDER_PICTURES; i++) {
        picture p = picture_jpeg(40 + i * 9, 30 + i * 7, i, false);
        FILE *out;

        (void)snprintf(name, sizeof name, "%s/pictures/%u.jpg", base, i);
        out = fopen(name, "wb");
        if (!out || fwrite(p.bytes, 1, p.n, out) != p.n || fclose(out) != 0)
            return NULL;
        picture_free(&p);
    }
    return base;
}

void folder_remove_store(const char *name)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-lock", "-journal"};
    char path[160];
    size_t i;

    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", base, name, parts[i]);
        (void)unlink(path);
    }
}

void folder_remove(void)
{
    char name[128];
    unsigned i;

    for (i = 0; i < FOLDER_PICTURES; i++) {
        (void)snprintf(name, sizeof name, "%s/pictures/%u.jpg", base, i);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof name, "%s/pictures", base);
    (void)rmdir(name);
    (void)rmdir(base);
}

static char watched[96];

static void hangs(int signal)
{
    (void)signal;
    (void)!write(STDERR_FILENO, watched, strlen(watched));
    _exit(1);
}

void folder_watch(const char *what, unsigned long nth)
{
    (void)alarm(0);
    (void)snprintf(watched, sizeof watched, "# %s number %lu: it hangs\n", what, nth);
    (void)signal(SIGALRM, hangs);
    (void)alarm(HANG_S);
}

void folder_assert_clean(size_t files, const char *what, unsigned long nth)
{
    size_t now = open_files();
    pid_t left = waitpid(-1, NULL, WNOHANG);

    (void)alarm(0);
    if (now != files || left != -1)
        fail_msg("%s number %lu: %zu descriptors, %zu before; child %d", what, nth, now, files,
                 (int)left);
}
