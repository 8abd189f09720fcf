/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes files as the worker would and writes their pixels, for decode_oracle.py to compare.
 *
 * Each line of stdin is `X0 Y0 X1 Y1 PATH`; all four 0 mean the whole picture. The answer on stdout
 * is one line, either
 *   ok FORMAT MODE WIDTH HEIGHT ORIENTATION SCANS TRANSPARENCY DECODE_BYTES X0 WIDTH PALETTE BYTES
 * followed by PALETTE entries of RGBA and BYTES of pixels, or
 *   fail CODE MESSAGE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

typedef struct output {
    uint8_t *data;
    size_t n, cap;
} output;

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "decode_dump: %s\n", what);
    exit(2);
}

static void append(output *out, const mr__strip *strip, uint32_t i, const mr__rows *rows)
{
    const mr__strip_span span = {i, 0, rows->width, rows->pixel_bytes};
    const size_t n = (size_t)rows->width * rows->pixel_bytes;

    if (n > out->cap - out->n) {
        out->cap = (out->cap + n) * 2;
        out->data = realloc(out->data, out->cap);
        if (out->data == NULL)
            die("out of memory");
    }
    mr__strip_copy(strip, &span, out->data + out->n);
    out->n += n;
}

/* The file in memory of exactly its size, so that a sanitizer sees a read past its end. */
static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
        die(path);
    rewind(f);
    *n = (size_t)size;
    data = malloc(*n == 0 ? 1 : *n);
    if (data == NULL || fread(data, 1, *n, f) != *n)
        die(path);
    (void)fclose(f);
    return data;
}

static mr_status decode(mr__decoder *decoder, const uint8_t *bytes, size_t n, mr__region region,
                        output *out)
{
    static const mr__decode_limits limits = {.max_pixels = 178956970};
    mr__picture pic;
    mr_error err = {0};
    mr__rows rows;
    mr__strip strip;
    uint32_t total = 0;
    mr_status st;

    out->n = 0;
    st = mr__probe(bytes, n, &limits, &pic, &err);
    if (st == MR_OK) {
        if (region.x1 == 0)
            region = (mr__region){0, 0, pic.width, pic.height, 0};
        st = mr__decoder_begin(decoder, bytes, n, &pic, &region, &rows, &err);
    }
    while (st == MR_OK && (st = mr__decoder_read(decoder, &strip, &err)) == MR_OK) {
        for (uint32_t i = 0; i < strip.n_rows; i++)
            append(out, &strip, i, &rows);
        total += strip.n_rows;
    }
    if (st == MR_EOF)
        st = mr__decoder_finish(decoder, &err);
    if (st == MR_OK && total != region.y1 - region.y0)
        die("wrong number of rows");
    if (st != MR_OK) {
        (void)printf("fail %s %s\n", st == MR_E_ITEM ? mr_code_name(err.code) : "INTERNAL",
                     err.message);
        return st;
    }
    (void)printf("ok %s %d %u %u %u %u %d %zu %u %u %u %zu\n",
                 mr__format_name((uint32_t)pic.format), (int)pic.mode, pic.width, pic.height,
                 (unsigned)pic.orientation, pic.n_scans, (int)pic.has_transparency,
                 pic.decode_bytes, rows.x0, rows.width, pic.palette.n, out->n);
    for (uint32_t i = 0; i < pic.palette.n; i++) {
        (void)fwrite(pic.palette.rgb[i], 1, 3, stdout);
        (void)fwrite(&pic.palette.alpha[i], 1, 1, stdout);
    }
    (void)fwrite(out->data, 1, out->n, stdout);
    return MR_OK;
}

int main(void)
{
    char line[4096], path[4096];
    mr__decoder *decoder;
    output out = {0};
    mr__decode_options options = {0};
    mr_error err;

    if (mr__cpu_level_detect(getenv("MILLRACE_CPU"), &options.level, &err) != MR_OK ||
        mr__jpeg_choice_parse(getenv("MILLRACE_JPEG"), &options.jpeg, &err) != MR_OK ||
        mr__decoder_open(&options, &decoder, &err) != MR_OK ||
        mr__decoder_warm_up(decoder, &err) != MR_OK)
        die(err.message);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        mr__region region;
        uint8_t *bytes;
        size_t n;

        if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %4095[^\n]", &region.x0,
                   &region.y0, &region.x1, &region.y1, path) != 5)
            die("bad line");
        bytes = read_file(path, &n);
        (void)decode(decoder, bytes, n, region, &out);
        (void)fflush(stdout);
        free(bytes);
    }
    free(out.data);
    mr__decoder_close(&decoder);
    return 0;
}
