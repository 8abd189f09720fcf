/* SPDX-License-Identifier: Apache-2.0 */
/* What is it, and may it be decoded? By content only: names and content types are not seen here. */
#include <inttypes.h>

#include "decode/codec.h"

#define SIDE_MAX            65535u
#define PIXELS_PER_BYTE_MAX 5000u
#define SIGNATURE_MIN       4u /* bytes that tell any format from another */

mr_status mr__limits_check(const mr__decode_limits *limits, uint64_t width, uint64_t height,
                           size_t n, mr_error *err)
{
    uint64_t pixels;

    if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_BAD_DIMENSIONS,
                              "%" PRIu64 "x%" PRIu64 " pixels, sides must be 1 to %u", width,
                              height, SIDE_MAX);
    pixels = width * height;
    if (pixels > limits->max_pixels)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_TOO_MANY_PIXELS,
                              "%" PRIu64 "x%" PRIu64 " = %" PRIu64 " pixels, the limit is %" PRIu64,
                              width, height, pixels, limits->max_pixels);
    if (pixels / PIXELS_PER_BYTE_MAX >= n && pixels > (uint64_t)n * PIXELS_PER_BYTE_MAX)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_SUSPICIOUS,
                              "%" PRIu64 "x%" PRIu64 " pixels in %zu bytes", width, height, n);
    return MR_OK;
}

static const mr__decode_ops *recognise(const uint8_t *bytes, size_t n)
{
    const mr__decode_ops *const *formats = mr__decode_registry();

    for (size_t i = 0; formats[i] != NULL; i++)
        if (formats[i]->recognise(bytes, n))
            return formats[i];
    return NULL;
}

mr_status mr__probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                    mr__picture *out, mr_error *err)
{
    const mr__decode_ops *ops;
    const char *name;
    mr_status st;
    mr_code code;

    *out = (mr__picture){.orientation = 1, .n_scans = 1};
    if (n == 0)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_EMPTY, "no bytes");
    if (n < SIGNATURE_MIN)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_TOO_SHORT, "%zu bytes are no picture",
                              n);
    ops = recognise(bytes, n);
    if (ops == NULL) {
        name = mr__signature_name(bytes, n, &code);
        return mr__error_item(err, MR_STAGE_PROBE, code,
                              code == MR_CODE_UNSUPPORTED_FORMAT ? "%s is not supported"
                                                                 : "not a picture but %s",
                              name);
    }
    if (n < ops->header_bytes)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_TOO_SHORT,
                              "%zu bytes cannot hold a %s header", n,
                              mr__format_name((uint32_t)ops->format));
    st = ops->probe(bytes, n, limits, out, err);
    if (st != MR_OK)
        *out = (mr__picture){.orientation = 1, .n_scans = 1};
    out->format = st == MR_OK ? ops->format : MR__FORMAT_UNKNOWN;
    return st;
}
