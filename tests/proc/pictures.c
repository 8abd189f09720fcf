/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures made on the spot: see pictures.h. */
#include "pictures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static unsigned char shade(unsigned x, unsigned y, unsigned c, unsigned seed)
{
    unsigned wave = (x * (3 + seed % 5) + y * (2 + seed % 7) + c * 40 + seed * 13) & 255;
    unsigned block = ((x >> 3) ^ (y >> 3) ^ seed) & 31;

    return (unsigned char)((wave * 3 + block * 8) / 4);
}

picture picture_jpeg(unsigned width, unsigned height, unsigned seed, bool progressive)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *row = calloc(width, 3), *rows[1];
    unsigned long size = 0;
    picture p = {0};
    unsigned x, c;

    rows[0] = row;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &p.bytes, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 85, TRUE);
    if (progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < height) {
        for (x = 0; x < width; x++)
            for (c = 0; c < 3; c++)
                row[x * 3 + c] = shade(x, info.next_scanline, c, seed);
        (void)jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    free(row);
    p.n = size;
    return p;
}

void picture_free(picture *p)
{
    free(p->bytes);
    *p = (picture){0};
}

pictures pictures_make(size_t n)
{
    pictures set = {.items = calloc(n, sizeof(picture)), .n = n};
    size_t i;

    for (i = 0; i < n; i++)
        set.items[i] = picture_jpeg(8 + (unsigned)(i * 37 % 300), 8 + (unsigned)(i * 53 % 280),
                                    (unsigned)i, i % 5 == 4);
    return set;
}

void pictures_free(pictures *set)
{
    size_t i;

    for (i = 0; i < set->n; i++)
        picture_free(&set->items[i]);
    free(set->items);
    *set = (pictures){0};
}

static mr_status feed_next(void *cookie, mr_item *item, mr_error *err)
{
    static const char text[] = "this is no image";
    feed *f = cookie;

    (void)err;
    if (f->next == f->total)
        return MR_EOF;
    (void)snprintf(f->id, sizeof f->id, "item-%06zu", f->next);
    item->id = f->id;
    if (f->bad_every > 0 && f->next % f->bad_every == f->bad_every - 1) {
        item->bytes = text;
        item->n_bytes = sizeof text - 1;
    } else {
        item->bytes = f->set->items[f->next % f->set->n].bytes;
        item->n_bytes = f->set->items[f->next % f->set->n].n;
    }
    f->next++;
    return MR_OK;
}

mr_source *feed_open(feed *f)
{
    mr_source *source = NULL;
    mr_error err = {0};

    if (mr_source_from_callback(feed_next, NULL, NULL, f, &source, &err) != MR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return source;
}

void taken_init(taken *t, size_t total)
{
    *t = (taken){.total = total, .last = -1};
    t->hash = calloc(total, sizeof t->hash[0]);
    t->times = calloc(total, sizeof t->times[0]);
    t->code = calloc(total, sizeof t->code[0]);
    t->state = calloc(total, sizeof t->state[0]);
    t->attempts = calloc(total, sizeof t->attempts[0]);
}

void taken_fini(taken *t)
{
    free(t->hash);
    free(t->times);
    free(t->code);
    free(t->state);
    free(t->attempts);
    *t = (taken){0};
}

static uint64_t fnv(const unsigned char *bytes, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    size_t i;

    for (i = 0; i < n; i++)
        h = (h ^ bytes[i]) * UINT64_C(1099511628211);
    return h ? h : 1;
}

static size_t number_of(const taken *t, const char *id)
{
    size_t n = strtoul(id + 5, NULL, 10);

    if (strncmp(id, "item-", 5) != 0 || n >= t->total)
        abort();
    return n;
}

void taken_add(taken *t, const mr_batch *batch)
{
    uint32_t i;

    t->n_batches++;
    for (i = 0; i < batch->n_ok; i++) {
        size_t n = number_of(t, batch->items[i].id);
        t->hash[n] =
            fnv((const unsigned char *)batch->data + i * batch->row_bytes, batch->row_bytes);
        t->times[n]++;
        t->attempts[n] = batch->items[i].attempts;
        t->out_of_order += (long)n < t->last;
        t->last = (long)n;
        t->n_ok++;
    }
    for (i = 0; i < batch->n_failed; i++) {
        size_t n = number_of(t, batch->failures[i].id);
        t->times[n]++;
        t->code[n] = batch->failures[i].code;
        t->state[n] = batch->failures[i].state;
        t->attempts[n] = batch->failures[i].attempts;
        t->n_failed++;
    }
}

mr_status taken_drain(taken *t, mr_stream *stream, mr_error *err)
{
    mr_batch *batch;
    mr_status s;

    while ((s = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        taken_add(t, batch);
        mr_batch_release(&batch);
    }
    return s;
}

size_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

const char *testing_worker(void)
{
    return getenv("MILLRACE_TESTING_WORKER");
}
