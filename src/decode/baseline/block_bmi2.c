/* SPDX-License-Identifier: Apache-2.0 */
/* The block reader with shifts by a number of bits that is in any register. */
#define TARGET __attribute__((target("bmi2")))
#define READER mr__block_reader_bmi2

#include "decode/baseline/block_body.h"
