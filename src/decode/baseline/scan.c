/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the stuffed zeros out of entropy-coded data. */
#include "decode/baseline/scan.h"

#define FF   0xFFu
#define RST0 0xD0u

void mr__scan_begin(mr__scan *scan, const uint8_t *raw, const uint8_t *raw_end)
{
    scan->raw = raw;
    scan->raw_end = raw_end;
    scan->stopped = false;
    scan->bits = (mr__bits){.next = scan->window, .end = scan->window};
    mr__scan_fill(scan);
}

/* Copies data to `to` until `room` bytes are there or a marker comes; returns the end of them. */
static uint8_t *destuff(mr__scan *scan, uint8_t *to, size_t room)
{
    while (room > 0) {
        size_t n = (size_t)(scan->raw_end - scan->raw), copied;
        const uint8_t *ff;

        if (n > room)
            n = room;
        ff = n > 0 ? memchr(scan->raw, FF, n) : NULL;
        copied = ff ? (size_t)(ff - scan->raw) : n;
        memcpy(to, scan->raw, copied);
        to += copied;
        room -= copied;
        scan->raw += copied;
        if (!ff && scan->raw < scan->raw_end)
            continue;
        if (!ff || scan->raw_end - scan->raw < 2 || scan->raw[1] != 0) {
            scan->stopped = true;
            break;
        }
        *to++ = FF;
        room--;
        scan->raw += 2;
    }
    return to;
}

void mr__scan_fill(mr__scan *scan)
{
    mr__bits *bits = &scan->bits;
    const uint8_t *at = mr__bits_at(bits);
    size_t left = at < bits->end ? (size_t)(bits->end - at) : 0;
    uint8_t *end;

    /* the word is made anew, from its first unused bit on */
    uint32_t used = (8 - bits->count % 8) % 8;

    if (used > 0 && at > scan->window) {
        at--;
        left++;
    } else {
        used = 0;
    }
    memmove(scan->window, at, left);
    end = destuff(scan, scan->window + left, MR__SCAN_WINDOW - left);
    memset(end, 0, MR__BITS_PAD);
    *bits = (mr__bits){.next = scan->window, .end = end};
    mr__bits_refill(bits);
    mr__bits_drop(bits, used);
}

bool mr__scan_used_up(const mr__scan *scan)
{
    return scan->stopped && mr__bits_at(&scan->bits) == scan->bits.end;
}

bool mr__scan_restart(mr__scan *scan, uint32_t n)
{
    if (!mr__scan_used_up(scan) || scan->raw_end - scan->raw < 2 ||
        scan->raw[1] != (RST0 | (n & 7u)))
        return false;
    mr__scan_begin(scan, scan->raw + 2, scan->raw_end);
    return true;
}
