/* SPDX-License-Identifier: Apache-2.0 */
/* The block reader, portable. */
#define TARGET
#define READER mr__block_reader_c

#include "decode/baseline/block_body.h"
