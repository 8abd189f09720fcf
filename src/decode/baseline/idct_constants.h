/* SPDX-License-Identifier: Apache-2.0 */
/* The constants of the inverse DCT, for all its forms. */
#ifndef MR_DECODE_BASELINE_IDCT_CONSTANTS_H
#define MR_DECODE_BASELINE_IDCT_CONSTANTS_H

/* Constants times 2^13. The even part: rotation of values 2 and 6 by 3 pi / 8. */
enum {
    C3_2 = 4433 + 6270, /* 0.541196100 + 0.765366865 */
    C3_6 = 4433,
    C2_2 = 4433,
    C2_6 = 4433 - 15137, /* 0.541196100 - 1.847759065 */

    /* the odd part: first the two sums */
    Z3_3 = 9633 - 16069, /* 1.175875602 - 1.961570560 */
    Z3_4 = 9633,
    Z4_3 = 9633,
    Z4_4 = 9633 - 3196, /* 1.175875602 - 0.390180644 */

    /* then values 7 and 1, 5 and 3 */
    O0_7 = 2446 - 7373, /* 0.298631336 - 0.899976223 */
    O0_1 = -7373,
    O3_7 = -7373,
    O3_1 = 12299 - 7373,  /* 1.501321110 - 0.899976223 */
    O1_5 = 16819 - 20995, /* 2.053119869 - 2.562915447 */
    O1_3 = -20995,
    O2_5 = -20995,
    O2_3 = 25172 - 20995, /* 3.072711026 - 2.562915447 */

    PASS1_SHIFT = 11, /* two more bits are kept between the passes */
    PASS2_SHIFT = 18
};

/* The reduced transforms, times 2^13. To four: values 0, 2 and 6, then the odd ones. */
enum {
    F_EVEN_2 = 15137,   /* 1.847759065 */
    F_EVEN_6 = -6270,   /* 0.765366865 */
    F_OUTER_1 = 20995,  /* 2.562915447 */
    F_OUTER_3 = 7373,   /* 0.899976223 */
    F_OUTER_5 = -4926,  /* 0.601344887 */
    F_OUTER_7 = -4176,  /* 0.509795579 */
    F_INNER_1 = 8697,   /* 1.061594337 */
    F_INNER_3 = -17799, /* 2.172734803 */
    F_INNER_5 = 11893,  /* 1.451774981 */
    F_INNER_7 = -1730,  /* 0.211164243 */
    F_PASS1_SHIFT = 12,
    F_PASS2_SHIFT = 19,

    /* to two */
    T_ODD_1 = 29692,  /* 3.624509785 */
    T_ODD_3 = -10426, /* 1.272758580 */
    T_ODD_5 = 6967,   /* 0.850430095 */
    T_ODD_7 = -5906,  /* 0.720959822 */
    T_PASS1_SHIFT = 13,
    T_PASS2_SHIFT = 20
};

#endif
