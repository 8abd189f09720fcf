/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan text. What is accepted must come back: its canonical text parses to the same text and the
 * same fingerprint, and the geometry of any picture stays inside the output that it promises.
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

static void check_geometry(const mr__plan_spec *spec)
{
    static const uint32_t sides[] = {1, 2, 223, 224, 4000, 65535};

    for (size_t i = 0; i < 36; i++) {
        mr__geometry g;
        mr_error err = {0};

        if (mr__plan_geometry(spec, sides[i / 6], sides[i % 6], &g, &err) != MR_OK) {
            check(err.code == MR_CODE_BAD_DIMENSIONS);
            continue;
        }
        check(g.crop_width >= 1 && g.crop_x + g.crop_width <= g.resized_width);
        check(g.crop_height >= 1 && g.crop_y + g.crop_height <= g.resized_height);
        check(g.pad_x + g.crop_width <= spec->out_width);
        check(g.pad_y + g.crop_height <= spec->out_height);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    mr_plan *plan = NULL, *back = NULL;
    mr_error err = {0};

    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (mr_plan_open(text, &plan, &err) == MR_OK) {
        check(mr_plan_row_shape(plan).bytes > 0);
        check(strlen(mr_plan_text(plan)) < MR__PLAN_TEXT_MAX);
        check(mr_plan_parse(mr_plan_text(plan), &back, &err) == MR_OK);
        check(strcmp(mr_plan_text(back), mr_plan_text(plan)) == 0);
        check(strcmp(mr_plan_fingerprint(back), mr_plan_fingerprint(plan)) == 0);
        check_geometry(mr__plan_spec_of(plan));
    } else {
        check(plan == NULL && err.message[0] != '\0');
    }
    mr_plan_close(&plan);
    mr_plan_close(&back);
    free(text);
    return 0;
}
