/* SPDX-License-Identifier: Apache-2.0 */
/* The command. */
#include <stdio.h>

#include "millrace/millrace.h"

int main(void)
{
    return printf("millrace %s\n", mr_version()) < 0;
}
