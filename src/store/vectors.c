/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector cache: a header page, row numbers [n], vectors float32 [n, dim].
 *
 * It is written under "PATH-new", which is locked while one process fills it (a second one reads
 * the table instead of doing the same work), and renamed when it is whole: a cache that somebody
 * has mapped is never written to. Nothing is flushed to the disk: after a power cut the sum over
 * the content does not match, and the cache is made anew.
 */
#include "store/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/size.h"
#include "store/lock.h"

#define HEADER_BYTES 4096u
#define BUFFER_BYTES (1u << 20)
#define PRIME        UINT64_C(0x9e3779b97f4a7c15)

static const char magic[8] = "MRVEC\1\r\n";

typedef struct header {
    char magic[8];
    mr__vectors_key key;
    uint32_t row_bytes;
    uint64_t n;
    uint64_t size; /* of the file */
    uint64_t sum;  /* over the content */
    uint64_t header_sum;
} header;

_Static_assert(sizeof(header) <= HEADER_BYTES, "the header fits into its page");

/* Not cryptographic: it tells torn and damaged files, not forged ones. */
static uint64_t sum_bytes(uint64_t seed, const void *bytes, size_t n)
{
    uint64_t lanes[4] = {seed, seed ^ 1, seed ^ 2, seed ^ 3}, words[4] = {0};
    const unsigned char *p = bytes;
    int j;

    for (; n >= sizeof words; n -= sizeof words, p += sizeof words) {
        memcpy(words, p, sizeof words);
        for (j = 0; j < 4; j++)
            lanes[j] = (lanes[j] ^ words[j]) * PRIME;
    }
    memset(words, 0, sizeof words);
    memcpy(words, p, n);
    for (j = 0; j < 4; j++) {
        lanes[j] = (lanes[j] ^ words[j]) * PRIME;
        lanes[j] ^= lanes[j] >> 29;
    }
    return ((lanes[0] * PRIME + lanes[1]) * PRIME + lanes[2]) * PRIME + lanes[3];
}

static bool same_key(const mr__vectors_key *a, const mr__vectors_key *b)
{
    return a->collection == b->collection && a->generation == b->generation &&
           a->stamp == b->stamp && a->dim == b->dim;
}

static uint64_t sum_of_header(const header *h)
{
    return sum_bytes(PRIME, h, offsetof(header, header_sum));
}

/* Size of the file of `n` rows; false if no file can be that large. */
static bool file_size(uint64_t n, uint32_t dim, size_t *out)
{
    size_t row;

    return n <= SIZE_MAX && mr__size_mul(&row, dim, sizeof(float)) &&
           mr__size_add(&row, row, sizeof(int64_t)) && mr__size_mul(out, row, (size_t)n) &&
           mr__size_add(out, *out, HEADER_BYTES) && *out <= INT64_MAX;
}

/* Is the map what its header says, and of `key`? */
static bool whole(const mr__vectors *v, const mr__vectors_key *key)
{
    const unsigned char *content = (const unsigned char *)v->map + HEADER_BYTES;
    size_t expected, row_bytes = key->dim * sizeof(float), i;
    uint64_t sum = 0;
    header h;

    memcpy(&h, v->map, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.header_sum != sum_of_header(&h) ||
        !same_key(&h.key, key) || h.row_bytes != row_bytes)
        return false;
    if (!file_size(h.n, key->dim, &expected) || expected != v->map_size || h.size != expected)
        return false;
    for (i = 0; i < h.n; i++) {
        sum = sum_bytes(sum, content + i * sizeof(int64_t), sizeof(int64_t));
        sum = sum_bytes(sum, content + h.n * sizeof(int64_t) + i * row_bytes, row_bytes);
    }
    return sum == h.sum;
}

bool mr__vectors_map(const char *path, const mr__vectors_key *key, mr__vectors *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    header h;

    *out = (mr__vectors){0};
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)HEADER_BYTES)
        goto done;
    out->map_size = (size_t)st.st_size;
    out->map = mmap(NULL, out->map_size, PROT_READ, MAP_SHARED, fd, 0);
    if (out->map == MAP_FAILED) {
        out->map = NULL;
        goto done;
    }
    if (!whole(out, key)) {
        mr__vectors_unmap(out);
        goto done;
    }
    memcpy(&h, out->map, sizeof h);
    out->key = *key;
    out->n = h.n;
    out->rows = (const int64_t *)((const unsigned char *)out->map + HEADER_BYTES);
    out->data = (const float *)(out->rows + h.n);
done:
    (void)close(fd);
    return out->map != NULL;
}

void mr__vectors_unmap(mr__vectors *vectors)
{
    if (vectors->map)
        (void)munmap(vectors->map, vectors->map_size);
    *vectors = (mr__vectors){0};
}

static mr_status failed(const mr__vectors_writer *writer, mr_error *err)
{
    return mr__error_errno(err, MR_E_IO, errno, "write vector cache %s", writer->temporary);
}

/* The streams of row numbers and of vectors, each at its place. */
static bool open_streams(mr__vectors_writer *writer)
{
    off_t data = (off_t)(HEADER_BYTES + writer->expected * sizeof(int64_t));

    writer->rows = fopen(writer->temporary, "r+e");
    writer->data = fopen(writer->temporary, "r+e");
    return writer->rows && writer->data && setvbuf(writer->data, NULL, _IOFBF, BUFFER_BYTES) == 0 &&
           fseeko(writer->rows, (off_t)HEADER_BYTES, SEEK_SET) == 0 &&
           fseeko(writer->data, data, SEEK_SET) == 0;
}

mr_status mr__vectors_create(mr__vectors_writer *writer, const char *path,
                             const mr__vectors_key *key, uint64_t n, mr_error *err)
{
    mr__buf name;
    int failure;

    *writer = (mr__vectors_writer){.key = *key, .expected = n, .fd = -1};
    if (!file_size(n, key->dim, &writer->size))
        return mr__error_set(err, MR_E_ENV, "vector cache: %llu rows are too many",
                             (unsigned long long)n);
    mr__buf_init(&name, 8192);
    if (!mr__buf_addf(&name, "%s-new", path))
        return mr__error_no_memory(err, "vector cache");
    writer->temporary = name.data;
    writer->path = strdup(path);
    if (!writer->path)
        return mr__error_no_memory(err, "vector cache");
    failure = mr__lock_file(writer->temporary, false, &writer->fd);
    if (failure == EAGAIN)
        return mr__error_set(err, MR_E_BUSY, "another process writes %s", writer->temporary);
    if (failure != 0) {
        writer->fd = -1;
        errno = failure;
        return failed(writer, err);
    }
    if (ftruncate(writer->fd, 0) != 0 || !open_streams(writer))
        return failed(writer, err);
    return MR_OK;
}

mr_status mr__vectors_add(mr__vectors_writer *writer, int64_t row, const float *vector,
                          mr_error *err)
{
    size_t row_bytes = writer->key.dim * sizeof(float);

    if (writer->n == writer->expected)
        return mr__error_set(err, MR_E_INTERNAL, "vector cache: more rows than were counted");
    writer->sum = sum_bytes(writer->sum, &row, sizeof row);
    writer->sum = sum_bytes(writer->sum, vector, row_bytes);
    writer->n++;
    if (fwrite(&row, sizeof row, 1, writer->rows) != 1 ||
        fwrite(vector, row_bytes, 1, writer->data) != 1)
        return failed(writer, err);
    return MR_OK;
}

mr_status mr__vectors_finish(mr__vectors_writer *writer, mr_error *err)
{
    unsigned char page[HEADER_BYTES] = {0};
    header h;

    if (writer->n != writer->expected)
        return mr__error_set(err, MR_E_INTERNAL, "vector cache: fewer rows than were counted");
    memset(&h, 0, sizeof h);
    memcpy(h.magic, magic, sizeof magic);
    h.key.collection = writer->key.collection;
    h.key.generation = writer->key.generation;
    h.key.stamp = writer->key.stamp;
    h.key.dim = writer->key.dim;
    h.row_bytes = (uint32_t)(writer->key.dim * sizeof(float));
    h.n = writer->n;
    h.size = writer->size;
    h.sum = writer->sum;
    h.header_sum = sum_of_header(&h);
    memcpy(page, &h, sizeof h);
    if (fflush(writer->rows) != 0 || fflush(writer->data) != 0 ||
        pwrite(writer->fd, page, sizeof page, 0) != (ssize_t)sizeof page ||
        rename(writer->temporary, writer->path) != 0)
        return failed(writer, err);
    free(writer->temporary);
    writer->temporary = NULL;
    return MR_OK;
}

void mr__vectors_abandon(mr__vectors_writer *writer)
{
    if (writer->rows)
        (void)fclose(writer->rows);
    if (writer->data)
        (void)fclose(writer->data);
    if (writer->fd >= 0) {
        if (writer->temporary)
            (void)unlink(writer->temporary);
        (void)close(writer->fd);
    }
    free(writer->path);
    free(writer->temporary);
    *writer = (mr__vectors_writer){.fd = -1};
}
