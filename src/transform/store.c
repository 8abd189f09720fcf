/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes through the table, to either layout. */
#include "transform/store.h"

#include <string.h>

void mr__store_row(const mr__store *store, const uint8_t *const rgb[3], uint32_t x, uint32_t y,
                   uint32_t n)
{
    const mr__plan_spec *s = store->spec;
    const size_t plane = (size_t)s->out_width * s->out_height;
    const size_t at = (size_t)y * s->out_width + x;
    float *floats = (float *)(void *)store->dst;

    if (s->layout == MR_LAYOUT_NHWC && s->dtype == MR_DTYPE_U8 && store->tiles != NULL) {
        store->tiles->join(rgb, n, store->dst + at * 3);
        return;
    }
    for (size_t c = 0; c < 3; c++) {
        const float *table = store->table[c];

        if (s->layout == MR_LAYOUT_NCHW && s->dtype == MR_DTYPE_F32) {
            store->kernels->lookup(rgb[c], n, table, floats + c * plane + at);
        } else if (s->layout == MR_LAYOUT_NCHW) {
            memcpy(store->dst + c * plane + at, rgb[c], n);
        } else if (s->dtype == MR_DTYPE_F32) {
            float *to = floats + at * 3 + c;

            for (size_t i = 0; i < n; i++)
                to[3 * i] = table[rgb[c][i]];
        } else {
            uint8_t *to = store->dst + at * 3 + c;

            for (size_t i = 0; i < n; i++)
                to[3 * i] = rgb[c][i];
        }
    }
}

void mr__store_padding(const mr__store *store, const mr__geometry *geometry)
{
    const mr__plan_spec *s = store->spec;
    uint8_t line[3][256];
    const uint8_t *const rgb[3] = {line[0], line[1], line[2]};

    if (geometry->crop_width == s->out_width && geometry->crop_height == s->out_height)
        return;
    for (int c = 0; c < 3; c++)
        memset(line[c], s->fill[c], sizeof line[c]);
    for (uint32_t y = 0; y < s->out_height; y++)
        for (uint32_t x = 0; x < s->out_width; x += 256)
            mr__store_row(store, rgb, x, y, s->out_width - x < 256 ? s->out_width - x : 256);
}
