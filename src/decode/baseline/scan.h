/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entropy-coded data of a scan. A byte FF of the data is written as FF 00; the zeros are taken
 * out here, a window at a time, so that the bit reader loads eight bytes and need not look at any.
 * A marker ends the data; a restart marker in its place is stepped over on request.
 */
#ifndef MR_DECODE_BASELINE_SCAN_H
#define MR_DECODE_BASELINE_SCAN_H

#include <stddef.h>

#include "decode/baseline/bits.h"

#define MR__SCAN_WINDOW ((size_t)32 << 10)

typedef struct mr__scan {
    mr__bits bits;
    const uint8_t *raw, *raw_end; /* what has not come into the window; a marker if `stopped` */
    bool stopped;                 /* at a marker, or at the end of the file */
    uint8_t window[MR__SCAN_WINDOW + MR__BITS_PAD];
} mr__scan;

/* `raw`: what follows the SOS segment, up to the end of the file; it must outlive the scan. */
void mr__scan_begin(mr__scan *scan, const uint8_t *raw, const uint8_t *raw_end);

/* Moves what is left of the window to its start and fills the rest. */
void mr__scan_fill(mr__scan *scan);

/* Room for one more MCU? Then nothing needs to be done before it is read. */
static inline void mr__scan_need_mcu(mr__scan *scan)
{
    if (!scan->stopped && scan->bits.end - mr__bits_at(&scan->bits) < (ptrdiff_t)MR__BITS_MCU)
        mr__scan_fill(scan);
}

/* Are the data used up to their last byte? Its last bits are padding. */
bool mr__scan_used_up(const mr__scan *scan);

/* Steps over restart marker number `n` (modulo 8); false if it is not what comes next. */
bool mr__scan_restart(mr__scan *scan, uint32_t n);

#endif
