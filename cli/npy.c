/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors from an .npy file. Format: numpy.lib.format, versions 1 to 3: magic, version, length of
 * the header, a Python dictionary with 'descr', 'fortran_order' and 'shape', then the data. Only
 * what a query may be is accepted, and the file must be exactly as long as its header says.
 */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_MAX 8192
#define DIM_MAX    65536
#define COUNT_MAX  65536
#define BYTES_MAX  ((uint64_t)1 << 30)

/* What follows `'key':` and blanks in the header, NULL if the key is not there. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    const char *p;

    (void)snprintf(quoted, sizeof quoted, "'%s':", key);
    p = strstr(header, quoted);
    if (!p)
        return NULL;
    p += strlen(quoted);
    return p + strspn(p, " ");
}

/* "(512,)" or "(3, 512)". */
static bool parse_shape(const char *p, uint64_t *count, uint64_t *dim)
{
    uint64_t sides[2];
    size_t n = 0;
    char *end;

    if (!p || *p != '(')
        return false;
    for (p++; *p != ')'; p += strspn(p, ", ")) {
        if (n == 2 || *p < '0' || *p > '9')
            return false;
        errno = 0;
        sides[n++] = strtoull(p, &end, 10);
        if (errno != 0 || (*end != ',' && *end != ')'))
            return false;
        p = end;
    }
    if (n == 0)
        return false;
    *count = n == 2 ? sides[0] : 1;
    *dim = sides[n - 1];
    return true;
}

static bool fail(char *why, size_t size, const char *text)
{
    (void)snprintf(why, size, "%s", text);
    return false;
}

/* Reads and checks the header; the file is then at the first byte of the data. */
static bool read_header(FILE *f, uint64_t *count, uint64_t *dim, char *why, size_t size)
{
    unsigned char start[12];
    char header[HEADER_MAX + 1];
    const char *value;
    size_t bytes = 0, want;

    if (fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 ||
        start[6] > 3)
        return fail(why, size, "not an .npy file");
    want = start[6] == 1 ? 2 : 4;
    if (want == 4 && fread(start + 10, 1, 2, f) != 2)
        return fail(why, size, "it ends within its header");
    while (want-- > 0)
        bytes = bytes << 8 | start[8 + want];
    if (bytes > HEADER_MAX)
        return fail(why, size, "its header is too long");
    if (fread(header, 1, bytes, f) != bytes)
        return fail(why, size, "it ends within its header");
    header[bytes] = '\0';
    value = value_of(header, "descr");
    if (!value || strncmp(value, "'<f4'", 5) != 0)
        return fail(why, size, "its dtype is not little-endian float32");
    value = value_of(header, "fortran_order");
    if (!value || strncmp(value, "False", 5) != 0)
        return fail(why, size, "it is not in C order");
    if (!parse_shape(value_of(header, "shape"), count, dim))
        return fail(why, size, "its shape is neither [D] nor [Q,D]");
    if (*dim < 1 || *dim > DIM_MAX || *count < 1 || *count > COUNT_MAX ||
        *count * *dim > BYTES_MAX / sizeof(float))
        return fail(why, size, "its shape is out of range");
    return true;
}

bool cli_npy_read(const char *path, struct cli_vectors *out, char *why, size_t size)
{
    uint64_t count, dim;
    FILE *f = fopen(path, "re");
    struct stat st;
    bool ok;

    *out = (struct cli_vectors){0};
    if (!f)
        return fail(why, size, strerror(errno));
    ok = (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) ||
         fail(why, size, "not a regular file");
    ok = ok && read_header(f, &count, &dim, why, size);
    if (ok) {
        out->count = (size_t)count;
        out->dim = (uint32_t)dim;
        out->data = calloc(out->count * out->dim, sizeof *out->data);
        ok = out->data != NULL || fail(why, size, "out of memory");
    }
    if (ok)
        ok = (fread(out->data, sizeof(float) * out->dim, out->count, f) == out->count &&
              fgetc(f) == EOF) ||
             fail(why, size, "its length is not what its header says");
    (void)fclose(f);
    if (!ok)
        cli_vectors_fini(out);
    return ok;
}

void cli_vectors_fini(struct cli_vectors *vectors)
{
    free(vectors->data);
    *vectors = (struct cli_vectors){0};
}
