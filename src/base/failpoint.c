/* SPDX-License-Identifier: Apache-2.0 */
/* Named places at which a test makes this process die: see failpoint.h. */
#include "base/failpoint.h"

#ifdef MR_TESTING
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_POINTS 8

/* Test builds only: the one place where state hangs off the process, as the environment that feeds
 * it does. */
static struct {
    pthread_mutex_t lock;
    bool parsed;
    int n;
    char names[MAX_POINTS][48];
    unsigned long left[MAX_POINTS];
} points = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void parse(void)
{
    const char *p = getenv("MILLRACE_FAILPOINTS");

    points.parsed = true;
    while (p && *p && points.n < MAX_POINTS) {
        size_t len = strcspn(p, ":,");
        if (len < sizeof points.names[0]) {
            memcpy(points.names[points.n], p, len);
            points.left[points.n] = p[len] == ':' ? strtoul(p + len + 1, NULL, 10) : 1;
            points.n++;
        }
        p += strcspn(p, ",");
        p += *p == ',';
    }
}

bool mr__failpoint_hit(const char *name)
{
    bool hit = false;
    int i;

    pthread_mutex_lock(&points.lock);
    if (!points.parsed)
        parse();
    for (i = 0; i < points.n; i++)
        if (strcmp(points.names[i], name) == 0 && points.left[i] > 0 && --points.left[i] == 0)
            hit = true;
    pthread_mutex_unlock(&points.lock);
    return hit;
}

void mr__failpoint_die(const char *name)
{
    if (mr__failpoint_hit(name))
        (void)raise(SIGKILL); /* tgkill: what the sandbox lets a worker do to itself */
}
#else
/* ISO C wants a declaration in every translation unit */
typedef int mr__failpoint_unused;
#endif
