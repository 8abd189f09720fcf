/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG by libjpeg-turbo: the reference. What it says of a file is what is said of it, and whatever
 * our own decoder does not take, or gives up on, comes here.
 */
#ifndef MR_DECODE_LIBJPEG_H
#define MR_DECODE_LIBJPEG_H

#include "decode/codec.h"

typedef struct mr__libjpeg mr__libjpeg;

/* Allocates nothing inside libjpeg before a picture comes. NULL when out of memory. */
mr__libjpeg *mr__libjpeg_open(void);
void mr__libjpeg_close(mr__libjpeg **libjpeg);

/*
 * As the operations of a codec (codec.h), but the rows begin at `y0` >= region.y0, which may also
 * be region.y1: then there is only the end to be judged.
 */
mr_status mr__libjpeg_begin(mr__libjpeg *libjpeg, const mr__decode_job *job, uint32_t y0,
                            mr__rows *out, mr_error *err);
mr_status mr__libjpeg_read(mr__libjpeg *libjpeg, mr__strip *out, mr_error *err);
mr_status mr__libjpeg_finish(mr__libjpeg *libjpeg, mr_error *err);
void mr__libjpeg_abort(mr__libjpeg *libjpeg);

#endif
