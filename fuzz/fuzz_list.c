/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: the bytes are cut into names in one go and in small pieces, which must agree, and each
 * name gets its id, key and uri, which must be UTF-8 and bounded. The first byte chooses
 * separator, piece size and way of making ids.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "source/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool feed_pieces(mr__lines *lines, const char **p, const char **limit, const char *end,
                        size_t piece)
{
    while (!mr__lines_feed(lines, p, *limit)) {
        if (*limit == end)
            return mr__lines_finish(lines);
        *limit = (size_t)(end - *limit) < piece ? end : *limit + piece;
    }
    return true;
}

static void check_names(const mr__lines *lines, mr__ident *ident)
{
    mr_item item = {0};
    mr_status status;

    if (lines->too_long)
        status = mr__ident_too_long(ident, lines->text, lines->len, lines->sha256, &item, NULL);
    else
        status = mr__ident_name(ident, lines->text, lines->len, &item, NULL);
    check(status == MR_OK);
    check(strlen(item.id) > 0 && strlen(item.id) <= MR__ID_MAX);
    check(strlen(item.key) > 0 && strlen(item.key) <= MR__ID_MAX);
    check(mr__text_is_utf8(item.id, strlen(item.id)));
    check(mr__text_is_utf8(item.key, strlen(item.key)));
    check(mr__text_is_utf8(item.uri, strlen(item.uri)));
    check((item.code == MR_CODE_NONE) == (item.message[0] == '\0'));
    check(!lines->too_long || item.code == MR_CODE_BAD_ID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p, *q, *limit, *end;
    mr__lines whole, pieces;
    mr__ident ident;
    bool more;

    if (size == 0)
        return 0;
    p = q = limit = (const char *)data + 1;
    end = (const char *)data + size;
    mr__lines_init(&whole, data[0] & 1);
    mr__lines_init(&pieces, data[0] & 1);
    mr__ident_init(&ident, data[0] & 2 ? MR_ID_FROM_STEM : MR_ID_FROM_PATH);
    do {
        more = mr__lines_feed(&whole, &p, end) || mr__lines_finish(&whole);
        check(more == feed_pieces(&pieces, &q, &limit, end, 1 + (data[0] >> 2)));
        if (!more)
            break;
        check(whole.len > 0 && whole.len <= MR__LOCATOR_MAX);
        check(whole.len == pieces.len && memcmp(whole.text, pieces.text, whole.len) == 0);
        check(whole.too_long == pieces.too_long && whole.has_nul == pieces.has_nul);
        check(!whole.too_long || strcmp(whole.sha256, pieces.sha256) == 0);
        check_names(&whole, &ident);
    } while (more);
    mr__ident_fini(&ident);
    return 0;
}
