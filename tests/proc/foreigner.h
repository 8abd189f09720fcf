/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker program of the tests and the tests agree on. */
#ifndef MR_TESTS_FOREIGNER_H
#define MR_TESTS_FOREIGNER_H

#define FOREIGNER_ROW    8
#define FOREIGNER_WIDTH  150
#define FOREIGNER_HEIGHT 90

/* widths of arrays that `act` acts on */
enum {
    WIDTH_ABORT = 101,
    WIDTH_EXIT = 102,
    WIDTH_HANG = 103,
    WIDTH_MUTE = 104,
    WIDTH_FAIL = 105,
    WIDTH_LONG = 106
};

#endif
