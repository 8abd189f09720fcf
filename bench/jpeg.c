/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own JPEG decoder against libjpeg, in one process: each file in turn by the one and by the
 * other, as often as asked, the best time of each counts. Whole pictures, or with a third argument
 * their middle square alone, as a plan that crops wants it.
 *
 *     jpeg-loop ROUNDS DIRECTORY [square]
 *         prints {"files":N,"bytes":B,"pixels":P,"libjpeg_ms":M,"own_ms":M,"ratio":R,
 *                 "not_own":N,"continued":N}
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "decode/decode.h"

#define ROUNDS_MAX 1000

typedef struct file {
    uint8_t *bytes;
    size_t n;
    mr__picture picture;
    mr__region region;
    uint64_t best[2]; /* ns, by choice */
} file;

typedef struct totals {
    size_t files;
    uint64_t bytes, pixels, best[2];
} totals;

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "jpeg-loop: %s: %s\n", what, why);
    exit(1);
}

static void read_file(const char *path, file *out)
{
    FILE *f = fopen(path, "rb");
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) <= 0)
        give_up(path, "cannot be read");
    rewind(f);
    out->n = (size_t)size;
    out->bytes = malloc(out->n);
    if (out->bytes == NULL || fread(out->bytes, 1, out->n, f) != out->n)
        give_up(path, "cannot be read");
    (void)fclose(f);
}

static void choose_region(file *f, bool square)
{
    uint32_t w = f->picture.width, h = f->picture.height, side = w < h ? w : h;

    f->region = (mr__region){0, 0, w, h, 0};
    if (square)
        f->region = (mr__region){(w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2, 0};
}

/* Nanoseconds that one picture takes. */
static uint64_t decode(mr__decoder *decoder, const file *f, mr_error *err)
{
    const uint64_t start = mr__clock_ns();
    mr__rows rows;
    mr__strip strip;
    mr_status st = mr__decoder_begin(decoder, f->bytes, f->n, &f->picture, &f->region, &rows, err);

    while (st == MR_OK)
        st = mr__decoder_read(decoder, &strip, err);
    if (st == MR_EOF)
        st = mr__decoder_finish(decoder, err);
    if (st != MR_OK)
        give_up("decode", err->message);
    return mr__clock_ns() - start;
}

static void measure(mr__decoder *const decoders[2], file *f, unsigned long rounds, totals *t)
{
    mr_error err = {0};

    f->best[0] = f->best[1] = UINT64_MAX;
    for (unsigned long i = 0; i < rounds; i++) {
        for (int k = 0; k < 2; k++) {
            uint64_t ns = decode(decoders[k], f, &err);

            f->best[k] = ns < f->best[k] ? ns : f->best[k];
        }
    }
    t->files++;
    t->bytes += f->n;
    t->pixels += (uint64_t)f->picture.width * f->picture.height;
    t->best[0] += f->best[0];
    t->best[1] += f->best[1];
}

static void open_decoders(mr__decoder *decoders[2])
{
    mr__decode_options options = {.jpeg = MR__JPEG_LIBJPEG};
    mr_error err = {0};

    if (mr__cpu_level_detect(getenv("MILLRACE_CPU"), &options.level, &err) != MR_OK ||
        mr__decoder_open(&options, &decoders[0], &err) != MR_OK)
        give_up("decoder", err.message);
    options.jpeg = MR__JPEG_EITHER;
    if (mr__decoder_open(&options, &decoders[1], &err) != MR_OK)
        give_up("decoder", err.message);
}

static void measure_folder(const char *folder, unsigned long rounds, bool square)
{
    static const mr__decode_limits limits = {.max_pixels = 178956970};
    mr__decoder *decoders[2];
    mr__decode_counts counts;
    DIR *d = opendir(folder);
    struct dirent *entry;
    totals t = {0};
    char path[4096];

    if (d == NULL)
        give_up(folder, "cannot be opened");
    open_decoders(decoders);
    while ((entry = readdir(d)) != NULL) {
        file f = {0};

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path))
            give_up(folder, "a name too long");
        read_file(path, &f);
        if (mr__probe(f.bytes, f.n, &limits, &f.picture, NULL) == MR_OK &&
            f.picture.format == MR__FORMAT_JPEG) {
            choose_region(&f, square);
            measure(decoders, &f, rounds, &t);
        }
        free(f.bytes);
    }
    (void)closedir(d);
    counts = mr__decoder_counts(decoders[1]);
    (void)printf("{\"files\":%zu,\"bytes\":%llu,\"pixels\":%llu,\"libjpeg_ms\":%.3f,"
                 "\"own_ms\":%.3f,\"ratio\":%.3f,\"not_own\":%llu,\"continued\":%llu}\n",
                 t.files, (unsigned long long)t.bytes, (unsigned long long)t.pixels,
                 (double)t.best[0] * 1e-6, (double)t.best[1] * 1e-6,
                 (double)t.best[0] / (double)t.best[1], (unsigned long long)counts.jpeg_not_own,
                 (unsigned long long)counts.jpeg_continued);
    mr__decoder_close(&decoders[0]);
    mr__decoder_close(&decoders[1]);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    bool square = argc == 4 && strcmp(argv[3], "square") == 0;

    if (rounds == 0 || rounds > ROUNDS_MAX || (argc != 3 && !square)) {
        (void)fprintf(stderr, "usage: jpeg-loop ROUNDS DIRECTORY [square]\n");
        return 2;
    }
    measure_folder(argv[2], rounds, square);
    return 0;
}
