/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decode-only limit: what a program that decodes with libjpeg-turbo cannot beat, whatever it
 * does afterwards. N processes, each with one decoder object that is reused; ISLOW, fancy
 * upsampling, whole pictures as rows of RGB. Nothing else: the files are in memory before the
 * clock starts, and no row is looked at.
 *
 *     decode-limit PROCESSES DIRECTORY        prints {"items":N,"seconds":S,"items_per_s":R}
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include "race.h"

#define STRIP 16 /* rows asked for at a time: those of one row of blocks of 4:2:0 */

typedef struct file {
    const unsigned char *bytes;
    size_t n;
} file;

typedef struct limit {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    file *files;
    unsigned char *rows;
} limit;

static file open_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *p;

    if (fd < 0 || fstat(fd, &st) != 0)
        bench_give_up(path);
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED)
        bench_give_up(path);
    (void)close(fd);
    return (file){.bytes = p, .n = (size_t)st.st_size};
}

static void *prepare(const bench_share *share, char **options)
{
    limit *l = calloc(1, sizeof *l);

    (void)options;
    if (!l || !(l->files = calloc(share->n_paths, sizeof l->files[0])))
        bench_give_up("memory");
    for (size_t i = share->first; i < share->n_paths; i += share->step)
        l->files[i] = open_file(share->paths[i]);
    l->rows = bench_memory((size_t)STRIP * 3 * 65536);
    l->jpeg.err = jpeg_std_error(&l->errors); /* an error ends the process with a message */
    jpeg_create_decompress(&l->jpeg);
    return l;
}

static int run(void *state, const bench_share *share)
{
    limit *l = state;
    struct jpeg_decompress_struct *jpeg = &l->jpeg;

    for (size_t i = share->first; i < share->n_paths; i += share->step) {
        JSAMPROW rows[STRIP];

        jpeg_mem_src(jpeg, l->files[i].bytes, l->files[i].n);
        (void)jpeg_read_header(jpeg, TRUE);
        jpeg->out_color_space = JCS_RGB;
        jpeg->dct_method = JDCT_ISLOW;
        jpeg->do_fancy_upsampling = TRUE;
        (void)jpeg_start_decompress(jpeg);
        share->totals->pixels += (uint64_t)jpeg->output_width * jpeg->output_height;
        for (size_t y = 0; y < STRIP; y++)
            rows[y] = l->rows + y * jpeg->output_width * 3;
        while (jpeg->output_scanline < jpeg->output_height)
            (void)jpeg_read_scanlines(jpeg, rows, STRIP);
        (void)jpeg_finish_decompress(jpeg);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const bench_runner runner = {.prepare = prepare, .run = run};
    bench_result result;
    unsigned long n;

    if (argc != 3 || (n = strtoul(argv[1], NULL, 10)) == 0) {
        (void)fprintf(stderr, "usage: decode-limit PROCESSES DIRECTORY\n");
        return 2;
    }
    if (bench_race(&runner, n, argv[2], NULL, &result) != 0)
        return 1;
    (void)printf("{\"items\":%zu,\"seconds\":%.4f,\"items_per_s\":%.1f,\"pixels\":%llu}\n",
                 result.items, result.seconds, (double)result.items / result.seconds,
                 (unsigned long long)result.totals.pixels);
    return 0;
}
