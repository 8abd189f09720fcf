/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors from an .npy file: float32 [D] or [Q,D], little endian, C order. */
#ifndef MILLRACE_CLI_NPY_H
#define MILLRACE_CLI_NPY_H

#include "cli.h"

struct cli_vectors {
    float *data; /* [count, dim] */
    size_t count;
    uint32_t dim;
};

/* Reads the file; `why` (at least 128 bytes) says what is wrong when it answers false. */
bool cli_npy_read(const char *path, struct cli_vectors *out, char *why, size_t size);
void cli_vectors_fini(struct cli_vectors *vectors);

#endif
