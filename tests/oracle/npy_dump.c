/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores rows as npy: `npy-dump PATH DTYPE LAYOUT C H W ROWS BATCH [STOP]`. DTYPE f32 or u8, LAYOUT
 * nchw or nhwc, or vector: float32 [C]. Byte b of row r is (r * 31 + b * 7) % 251, or that number
 * as a float. STOP: the process ends after so many batches without closing anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

static mr_error err;

static void check(mr_status status)
{
    if (status == MR_OK)
        return;
    (void)fprintf(stderr, "npy-dump: %s\n", err.message);
    exit(1);
}

static void fill(unsigned char *row, const mr_row_shape *shape, unsigned long number)
{
    size_t i, n = shape->dtype == MR_DTYPE_U8 ? shape->bytes : shape->bytes / sizeof(float);

    for (i = 0; i < n; i++) {
        unsigned char value = (unsigned char)((number * 31 + i * 7) % 251);
        float real = (float)value;
        if (shape->dtype == MR_DTYPE_U8)
            row[i] = value;
        else
            memcpy(row + i * sizeof real, &real, sizeof real);
    }
}

static void commit(mr_store *store, const mr_row_shape *shape, unsigned long first, unsigned long n)
{
    unsigned char *data = calloc(n, shape->bytes);
    mr__row *rows = calloc(n, sizeof *rows);
    char(*ids)[32] = calloc(n, sizeof *ids);
    mr__commit batch = {.rows = rows, .n_rows = n};
    unsigned long i;

    if (!data || !rows || !ids)
        exit(2);
    for (i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "i%lu", first + i);
        fill(data + i * shape->bytes, shape, first + i);
        rows[i] = (mr__row){ids[i], ids[i], "{}", data + i * shape->bytes};
    }
    check(mr__store_commit(store, &batch, &err));
    free(data);
    free(rows);
    free(ids);
}

int main(int argc, char **argv)
{
    mr__collection_spec spec = {.name = "default"};
    unsigned long rows, batch, at, stop, done = 0;
    char name[4096];
    mr_store *store;

    if (argc < 9)
        return 2;
    spec.row.dtype = strcmp(argv[2], "u8") == 0 ? MR_DTYPE_U8 : MR_DTYPE_F32;
    spec.row.layout = strcmp(argv[3], "nhwc") == 0 ? MR_LAYOUT_NHWC : MR_LAYOUT_NCHW;
    spec.row.channels = (uint32_t)strtoul(argv[4], NULL, 10);
    spec.row.height = (uint32_t)strtoul(argv[5], NULL, 10);
    spec.row.width = (uint32_t)strtoul(argv[6], NULL, 10);
    spec.row.bytes = (size_t)spec.row.channels * spec.row.height * spec.row.width *
                     (spec.row.dtype == MR_DTYPE_U8 ? 1 : sizeof(float));
    spec.dim = strcmp(argv[3], "vector") == 0 ? spec.row.channels : 0;
    rows = strtoul(argv[7], NULL, 10);
    batch = strtoul(argv[8], NULL, 10);
    stop = argc > 9 ? strtoul(argv[9], NULL, 10) : 0;
    (void)snprintf(name, sizeof name, "npy:%s", argv[1]);
    check(mr_store_open(name, NULL, &store, &err));
    check(mr__store_begin(store, &spec, &err));
    for (at = 0; at < rows; at += batch) {
        if (stop > 0 && done++ == stop)
            _exit(0);
        commit(store, &spec.row, at, rows - at < batch ? rows - at : batch);
    }
    check(mr__store_finish(store, &err));
    mr_store_close(&store);
    return 0;
}
