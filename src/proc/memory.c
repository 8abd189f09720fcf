/* SPDX-License-Identifier: Apache-2.0 */
/* What host and workers occupy, shared memory counted once. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc/pool.h"

/* Sum of the lines `key` of a /proc file, in bytes; false if the file cannot be read or has none.
 */
static bool proc_kib(const char *path, const char *key, uint64_t *out)
{
    FILE *f = fopen(path, "re");
    char line[256];
    bool found = false;

    if (!f)
        return false;
    while (fgets(line, sizeof line, f)) {
        const char *number = line + strlen(key);
        char *end;
        uint64_t kib;

        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        kib = strtoull(number, &end, 10);
        if (end == number)
            continue;
        *out += kib << 10;
        found = true;
    }
    (void)fclose(f);
    return found;
}

uint64_t mr__memory_pss(const int *pids, size_t n)
{
    char path[64];
    uint64_t total = 0;
    size_t i;

    if (!proc_kib("/proc/self/smaps_rollup", "Pss:", &total))
        (void)proc_kib("/proc/self/status", "VmRSS:", &total);
    for (i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
        if (proc_kib(path, "Pss:", &total))
            continue;
        /* a worker is not dumpable, so only root may see its PSS: then what it alone has, the rest
         * being ours */
        (void)snprintf(path, sizeof path, "/proc/%d/status", pids[i]);
        (void)proc_kib(path, "RssAnon:", &total);
    }
    return total;
}
