/* SPDX-License-Identifier: Apache-2.0 */
/* A path: one SQLite file that holds vectors and ledger. See local.h for how it is cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "store/backends.h"
#include "store/local.h"

static bool local_takes(const char *spec)
{
    return *spec != '\0';
}

/* "DIR/NAME" with DIR resolved: the store's own name need not exist yet. */
static mr_status resolve_new(const char *spec, char **out, mr_error *err)
{
    const char *slash = strrchr(spec, '/'), *base = slash ? slash + 1 : spec;
    char *dir = slash ? strndup(spec, slash == spec ? 1 : (size_t)(slash - spec)) : strdup(".");
    char *resolved = NULL;
    mr_status status = MR_OK;
    mr__buf path;

    mr__buf_init(&path, 8192);
    if (!dir)
        return mr__error_no_memory(err, "path");
    if (!*base) {
        status = mr__error_set(err, MR_E_INVALID, "%s names a directory, not a file", spec);
        goto done;
    }
    resolved = realpath(dir, NULL);
    if (!resolved) {
        status = mr__error_errno(err, MR_E_ENV, errno, "directory %s (create it first)", dir);
        goto done;
    }
    if (!mr__buf_addf(&path, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved, base)) {
        status = mr__error_set(err, MR_E_INVALID, "path too long");
        goto done;
    }
    *out = path.data;
    path.data = NULL;
done:
    mr__buf_fini(&path);
    free(resolved);
    free(dir);
    return status;
}

/* Absolute and free of links, so that two names of one store share its lock, and so that the host
 * may change its directory. */
static mr_status resolve(const char *spec, const mr_store_options *options, char **out,
                         mr_error *err)
{
    struct stat st;

    if (stat(spec, &st) != 0) {
        if (errno != ENOENT)
            return mr__error_errno(err, MR_E_ENV, errno, "%s", spec);
        if (options->read_only || options->must_exist)
            return mr__error_set(err, MR_E_NOT_FOUND, "there is no store at %s", spec);
        return resolve_new(spec, out, err);
    }
    if (!S_ISREG(st.st_mode))
        return mr__error_set(err, MR_E_ENV, "%s is not a regular file; give the path of a file",
                             spec);
    *out = realpath(spec, NULL);
    if (!*out)
        return mr__error_errno(err, MR_E_ENV, errno, "%s", spec);
    return MR_OK;
}

static void local_close(mr_store *store)
{
    mr__local *local = (mr__local *)store;
    int i;

    mr__vectors_unmap(&local->vectors);
    (void)sqlite3_finalize(local->fact);
    (void)sqlite3_finalize(local->owner);
    for (i = 0; i < MR__LOCAL_STMTS; i++)
        (void)sqlite3_finalize(local->stmts[i]);
    /* the writer last: the last connection to go tidies up the log, and a reader may not write */
    (void)sqlite3_close(local->reader);
    (void)sqlite3_close(local->writer);
    mr__local_unlock(local->path, &local->lock_fd);
    (void)pthread_mutex_destroy(&local->fact_lock);
    free(local->path);
    free(local);
}

static mr_status local_open(const char *spec, const mr_store_options *options, mr_store **out,
                            mr_error *err)
{
    mr__local *local = calloc(1, sizeof *local);
    mr_status status;

    if (!local)
        return mr__error_no_memory(err, "store");
    local->lock_fd = -1;
    if (pthread_mutex_init(&local->fact_lock, NULL) != 0) {
        free(local);
        return mr__error_no_memory(err, "lock");
    }
    status = mr__cpu_level_detect(getenv("MILLRACE_CPU"), &local->level, err);
    if (status == MR_OK)
        status = resolve(spec, options, &local->path, err);
    if (status == MR_OK && !options->read_only) {
        status = mr__local_lock(local->path, &local->lock_fd, err);
        if (status == MR_OK)
            status = mr__local_connect_writer(local->path, &local->writer, err);
    }
    if (status == MR_OK)
        status = mr__local_connect_reader(local->path, &local->reader, err);
    if (status != MR_OK) {
        local_close(&local->base);
        return status;
    }
    *out = &local->base;
    return MR_OK;
}

const mr__store_ops mr__store_local = {
    .name = "local",
    .takes = local_takes,
    .open = local_open,
    .begin = mr__local_begin,
    .commit = mr__local_commit,
    .finish = mr__local_finish,
    .fact = mr__local_fact,
    .id_owner = mr__local_id_owner,
    .report = mr__local_report,
    .collection = mr__local_collection,
    .list = mr__local_list,
    .vector = mr__local_vector,
    .search = mr__local_search,
    .close = local_close,
    .create = mr__local_create,
    .drop = mr__local_drop,
    .load = mr__local_load,
    .release = mr__local_release,
    .flush = mr__local_flush,
    .remove = mr__local_remove,
    .remove_where = mr__local_remove_where,
    .health = mr__local_health,
};
