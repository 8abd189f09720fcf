/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's own memory, and what a picture needs beyond the standing allowance. */
#include <stdlib.h>

#include "base/size.h"
#include "decode/codec.h"

uint8_t *mr__scratch_need(mr__scratch *scratch, size_t size)
{
    if (!mr__size_align(&size, size == 0 ? 1 : size, 64))
        return NULL;
    if (size > scratch->size) {
        mr__scratch_fini(scratch);
        scratch->data = aligned_alloc(64, size);
        if (scratch->data != NULL)
            scratch->size = size;
    }
    return scratch->data;
}

void mr__scratch_trim(mr__scratch *scratch)
{
    if (scratch->size > MR__SCRATCH_KEEP_BYTES)
        mr__scratch_fini(scratch);
}

void mr__scratch_fini(mr__scratch *scratch)
{
    free(scratch->data);
    *scratch = (mr__scratch){0};
}

size_t mr__decode_extra(size_t scratch_bytes, size_t codec_bytes)
{
    size_t total;

    /* what an earlier picture left in the scratch is still there while this one decodes */
    if (scratch_bytes < MR__SCRATCH_KEEP_BYTES)
        scratch_bytes = MR__SCRATCH_KEEP_BYTES;
    if (!mr__size_add(&total, scratch_bytes, codec_bytes))
        return SIZE_MAX;
    return total > MR__DECODE_STANDING_BYTES ? total - MR__DECODE_STANDING_BYTES : 0;
}

uint32_t mr__strip_rows(size_t row_bytes)
{
    size_t rows = MR__STRIP_BYTES / (row_bytes == 0 ? 1 : row_bytes);

    if (rows < 1)
        return 1;
    return rows > MR__STRIP_ROWS ? MR__STRIP_ROWS : (uint32_t)rows;
}
