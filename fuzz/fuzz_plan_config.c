/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of models. The first byte chooses the library. What is accepted is a plan like any
 * other: its text parses to the same fingerprint.
 */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const libraries[] = {"", "transformers-tv", "timm-test",
                                            "transformers-5.20"};
    const char *library = size > 0 && data[0] < 4 ? libraries[data[0]] : "";
    const size_t skip = size > 0 && data[0] < 4 ? 1 : 0;
    char *text = malloc(size + 1);
    mr_plan *plan = NULL, *back = NULL;
    mr_error err = {0};

    check(text != NULL);
    memcpy(text, data + skip, size - skip);
    text[size - skip] = '\0';
    if (mr_plan_parse_config(text, library, &plan, &err) == MR_OK) {
        check(mr_plan_row_shape(plan).bytes > 0);
        check(mr_plan_parse(mr_plan_text(plan), &back, &err) == MR_OK);
        check(strcmp(mr_plan_fingerprint(back), mr_plan_fingerprint(plan)) == 0);
    } else {
        check(plan == NULL && err.message[0] != '\0');
    }
    mr_plan_close(&plan);
    mr_plan_close(&back);
    free(text);
    return 0;
}
