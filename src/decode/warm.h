/* SPDX-License-Identifier: Apache-2.0 */
/* Tiny pictures that make codec libraries load, resolve and allocate what they will need. */
#ifndef MR_DECODE_WARM_H
#define MR_DECODE_WARM_H

#include <stddef.h>
#include <stdint.h>

typedef struct mr__warm_file {
    const uint8_t *bytes;
    size_t n;
} mr__warm_file;

const mr__warm_file *mr__warm_files(size_t *n_files);

#endif
