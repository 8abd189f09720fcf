/* SPDX-License-Identifier: Apache-2.0 */
/* Names and sizes of what picture.h lists. */
#include "plan/picture.h"

const char *mr__format_name(uint32_t format)
{
    static const char *const names[MR__FORMAT_COUNT] = {
        [MR__FORMAT_UNKNOWN] = "",  [MR__FORMAT_JPEG] = "jpeg", [MR__FORMAT_PNG] = "png",
        [MR__FORMAT_WEBP] = "webp", [MR__FORMAT_GIF] = "gif",   [MR__FORMAT_BMP] = "bmp",
    };

    return format < MR__FORMAT_COUNT ? names[format] : "";
}

uint32_t mr__mode_bytes(mr__mode mode)
{
    switch (mode) {
    case MR__MODE_1:
    case MR__MODE_L:
    case MR__MODE_P:
        return 1;
    case MR__MODE_LA:
    case MR__MODE_I16:
        return 2;
    case MR__MODE_RGB:
        return 3;
    case MR__MODE_RGBA:
    case MR__MODE_CMYK:
    case MR__MODE_F1:
        return 4;
    case MR__MODE_F2:
        return 8;
    case MR__MODE_F3:
        return 12;
    case MR__MODE_F4:
        return 16;
    }
    return 4;
}
