/* SPDX-License-Identifier: Apache-2.0 */
/* What MILLRACE_JPEG may say. */
#include <string.h>

#include "decode/decode.h"

mr_status mr__jpeg_choice_parse(const char *text, mr__jpeg_choice *out, mr_error *err)
{
    *out = MR__JPEG_EITHER;
    if (text == NULL || text[0] == '\0')
        return MR_OK;
    if (strcmp(text, "libjpeg") == 0)
        *out = MR__JPEG_LIBJPEG;
    else if (strcmp(text, "own") == 0)
        *out = MR__JPEG_OWN;
    else
        return mr__error_set(err, MR_E_INVALID, "MILLRACE_JPEG=%s: not one of libjpeg, own", text);
    return MR_OK;
}
