/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "npy:PATH": rows as one NumPy array, and PATH.ids.jsonl that says what each row is.
 *
 * Written in place. The header has room for the longest shape and is rewritten after the rows and
 * the ids of each batch, so that the file can be loaded at any moment, also after a kill: it shows
 * the batches that were complete. Ids beyond its last row belong to a batch that was not. A commit
 * hands its bytes to the system, which keeps them whatever happens to the process; `finish` also
 * waits for the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/size.h"
#include "store/backends.h"
#include "store/lock.h"

#define HEADER_BYTES 128
#define MAX_LINES    (256u << 20) /* of one batch: 4096 ids and URIs are far below */

typedef struct npy_file {
    int fd;
    char *path;
    uint64_t end; /* of what is acknowledged */
} npy_file;

typedef struct npy_store {
    mr_store base;
    npy_file data, ids;
    mr_row_shape row;
    size_t row_bytes;
    uint32_t dim;
    uint64_t n;
} npy_store;

static bool npy_takes(const char *spec)
{
    return strncmp(spec, "npy:", 4) == 0;
}

static void file_close(npy_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file->path);
    *file = (npy_file){.fd = -1};
}

static void npy_close(mr_store *store)
{
    npy_store *npy = (npy_store *)store;

    file_close(&npy->data);
    file_close(&npy->ids);
    free(npy);
}

static mr_status npy_open(const char *spec, const mr_store_options *options, mr_store **out,
                          mr_error *err)
{
    const char *path = spec + 4;
    npy_store *npy;
    mr__buf ids;

    if (!*path)
        return mr__error_set(err, MR_E_INVALID, "npy: needs a path: npy:vectors.npy");
    if (options->read_only || options->must_exist)
        return mr__error_set(err, MR_E_UNSUPPORTED, "%s is written anew, never read", spec);
    npy = calloc(1, sizeof *npy);
    if (!npy)
        return mr__error_no_memory(err, "store");
    npy->data.fd = npy->ids.fd = -1;
    mr__buf_init(&ids, 8192);
    npy->data.path = strdup(path);
    if (!npy->data.path || !mr__buf_addf(&ids, "%s.ids.jsonl", path)) {
        mr__buf_fini(&ids);
        npy_close(&npy->base);
        return mr__error_set(err, MR_E_INVALID, "path too long");
    }
    npy->ids.path = ids.data;
    *out = &npy->base;
    return MR_OK;
}

static mr_status write_failed(const npy_file *file, int failure, mr_error *err)
{
    if (failure == ENOSPC || failure == EDQUOT || failure == EFBIG)
        return mr__error_errno(err, MR_E_IO, failure,
                               "write %s: free space and run again; the rows before this batch are "
                               "complete",
                               file->path);
    return mr__error_errno(err, MR_E_IO, failure, "write %s", file->path);
}

static mr_status write_at(const npy_file *file, const void *bytes, size_t n, uint64_t at,
                          mr_error *err)
{
    const char *p = bytes;

    while (n > 0) {
        ssize_t done = pwrite(file->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return write_failed(file, done < 0 ? errno : EIO, err);
        p += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return MR_OK;
}

/* Opens the file for writing, alone. Nothing of an older content is touched yet. */
static mr_status file_open(npy_file *file, mr_error *err)
{
    struct stat st;
    int failure;

    if (stat(file->path, &st) == 0 && !S_ISREG(st.st_mode))
        return mr__error_set(err, MR_E_INVALID,
                             "%s is not a regular file, and the header is written last",
                             file->path);
    failure = mr__lock_file(file->path, true, &file->fd);
    if (failure == EAGAIN)
        return mr__error_set(err, MR_E_BUSY,
                             "another process is writing to %s; wait for it, or give another path",
                             file->path);
    if (failure != 0)
        return mr__error_errno(err, MR_E_ENV, failure, "cannot write %s", file->path);
    return MR_OK;
}

static const char *descr_of(mr_dtype dtype)
{
    switch (dtype) {
    case MR_DTYPE_F32:
        return "<f4";
    case MR_DTYPE_U8:
        return "|u1";
    case MR_DTYPE_F16:
        return "<f2";
    case MR_DTYPE_BF16:
        return NULL;
    }
    return NULL;
}

/* NPY format 1.0: magic, version, length of the rest, a dict padded with spaces, newline. */
static mr_status write_header(const npy_store *npy, uint64_t n, mr_error *err)
{
    const mr_row_shape *row = &npy->row;
    char text[HEADER_BYTES + 1], shape[80];
    unsigned char header[HEADER_BYTES];
    unsigned long long rows = n;
    int used;

    if (npy->dim > 0)
        (void)snprintf(shape, sizeof shape, "%llu, %u", rows, npy->dim);
    else if (row->layout == MR_LAYOUT_NHWC)
        (void)snprintf(shape, sizeof shape, "%llu, %u, %u, %u", rows, row->height, row->width,
                       row->channels);
    else
        (void)snprintf(shape, sizeof shape, "%llu, %u, %u, %u", rows, row->channels, row->height,
                       row->width);
    used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                    descr_of(row->dtype), shape);
    if (used < 0 || used > HEADER_BYTES - 11)
        return mr__error_set(err, MR_E_INTERNAL, "npy header of %d bytes", used);
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - 10;
    header[9] = 0;
    memcpy(header + 10, text, (size_t)used);
    header[HEADER_BYTES - 1] = '\n';
    return write_at(&npy->data, header, sizeof header, 0, err);
}

static mr_status check_shape(npy_store *npy, const mr__collection_spec *spec, mr_error *err)
{
    npy->row = spec->row;
    npy->dim = spec->dim;
    if (!descr_of(spec->row.dtype))
        return mr__error_set(err, MR_E_UNSUPPORTED, "NumPy has no bfloat16; choose another dtype");
    if (spec->dim > 0) {
        npy->row.dtype = MR_DTYPE_F32;
        npy->row_bytes = spec->dim * sizeof(float);
    } else {
        npy->row_bytes = spec->row.bytes;
    }
    if (npy->row_bytes == 0)
        return mr__error_set(err, MR_E_INVALID, "npy: rows of no bytes");
    return MR_OK;
}

static mr_status npy_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err)
{
    npy_store *npy = (npy_store *)store;
    mr_status status = check_shape(npy, spec, err);

    if (status == MR_OK && npy->data.fd < 0)
        status = file_open(&npy->data, err);
    if (status == MR_OK && npy->ids.fd < 0)
        status = file_open(&npy->ids, err);
    if (status != MR_OK)
        return status;
    if (ftruncate(npy->data.fd, 0) != 0)
        return write_failed(&npy->data, errno, err);
    if (ftruncate(npy->ids.fd, 0) != 0)
        return write_failed(&npy->ids, errno, err);
    npy->n = 0;
    npy->data.end = HEADER_BYTES;
    npy->ids.end = 0;
    return write_header(npy, 0, err);
}

/* One line of the ids file; takes over `object`. */
static bool add_line(mr__buf *lines, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    bool ok = text && mr__buf_addf(lines, "%s\n", text);

    free(text);
    json_decref(object);
    return ok;
}

static mr_status make_lines(const npy_store *npy, const mr__commit *commit, mr__buf *lines,
                            mr_error *err)
{
    bool ok = true;
    size_t i;

    for (i = 0; ok && i < commit->n_rows; i++) {
        const mr__row *row = &commit->rows[i];
        ok = add_line(lines, json_pack("{s:I, s:s, s:s}", "row", (json_int_t)npy->n + (json_int_t)i,
                                       "id", row->id, "uri", row->uri ? row->uri : ""));
    }
    for (i = 0; ok && i < commit->n_entries; i++) {
        const mr_ledger_entry *entry = &commit->entries[i];
        if (strcmp(entry->state, "stored") == 0)
            continue;
        ok = add_line(lines, json_pack("{s:n, s:s, s:s}", "row", "id", entry->id ? entry->id : "",
                                       "code", mr_code_name(entry->code)));
    }
    return ok ? MR_OK
              : mr__error_set(err, MR_E_INTERNAL, "ids of the batch: not UTF-8, or out of memory");
}

static mr_status write_rows(const npy_store *npy, const mr__commit *commit, mr_error *err)
{
    mr_status status = MR_OK;
    size_t i, run;

    /* rows that lie one after the other in memory, as those of a batch do, go in one call */
    for (i = 0; status == MR_OK && i < commit->n_rows; i += run) {
        const char *first = commit->rows[i].data;
        for (run = 1; i + run < commit->n_rows; run++)
            if ((const char *)commit->rows[i + run].data != first + run * npy->row_bytes)
                break;
        status = write_at(&npy->data, first, run * npy->row_bytes,
                          npy->data.end + i * npy->row_bytes, err);
    }
    return status;
}

static mr_status npy_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    npy_store *npy = (npy_store *)store;
    size_t bytes;
    mr__buf lines;
    mr_status status;

    if (npy->data.fd < 0)
        return mr__error_set(err, MR_E_INTERNAL, "commit before begin");
    if (!mr__size_mul(&bytes, commit->n_rows, npy->row_bytes))
        return mr__error_set(err, MR_E_INTERNAL, "batch too large");
    mr__buf_init(&lines, MAX_LINES);
    status = make_lines(npy, commit, &lines, err);
    if (status == MR_OK)
        status = write_rows(npy, commit, err);
    if (status == MR_OK && lines.len > 0)
        status = write_at(&npy->ids, lines.data, lines.len, npy->ids.end, err);
    if (status == MR_OK && commit->n_rows > 0)
        status = write_header(npy, npy->n + commit->n_rows, err);
    if (status == MR_OK) {
        npy->n += commit->n_rows;
        npy->data.end += bytes;
        npy->ids.end += lines.len;
    } else {
        /* what was written of the batch goes; if even that fails, the header still hides it */
        if (ftruncate(npy->data.fd, (off_t)npy->data.end) != 0 ||
            ftruncate(npy->ids.fd, (off_t)npy->ids.end) != 0)
            errno = 0;
    }
    mr__buf_fini(&lines);
    return status;
}

static mr_status npy_finish(mr_store *store, mr_error *err)
{
    npy_store *npy = (npy_store *)store;

    if (npy->data.fd < 0)
        return MR_OK;
    if (fdatasync(npy->data.fd) != 0)
        return write_failed(&npy->data, errno, err);
    if (fdatasync(npy->ids.fd) != 0)
        return write_failed(&npy->ids, errno, err);
    return MR_OK;
}

const mr__store_ops mr__store_npy = {
    .name = "npy",
    .takes = npy_takes,
    .open = npy_open,
    .begin = npy_begin,
    .commit = npy_commit,
    .finish = npy_finish,
    .close = npy_close,
};
