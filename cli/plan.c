/* SPDX-License-Identifier: Apache-2.0 */
/* plan: the presets, or one resolved plan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "planfile.h"

static bool print_preset(const struct cli_args *args, const mr_preset *preset, const mr_plan *plan)
{
    mr_row_shape shape = mr_plan_row_shape(plan);

    if (cli_given(args, OPT_JSON))
        return cli_out_json(json_pack("{s:s,s:b,s:s,s:[i,i],s:s,s:b}", "name", preset->name,
                                      "exact", preset->exact, "reference", preset->reference,
                                      "size", (int)shape.width, (int)shape.height, "fingerprint",
                                      mr_plan_fingerprint(plan), "verified", preset->verified),
                            9);
    printf("%-56s %5ux%-5u ", preset->name, shape.width, shape.height);
    printf("%s  %s  %s", preset->exact ? "exact" : "     ",
           preset->verified ? "verified" : "        ", preset->reference);
    if (preset->exact)
        printf("\n");
    else
        printf(", within %g of 255\n", preset->max_error);
    return cli_out_open();
}

static bool print_unsupported(const struct cli_args *args, const mr_preset *preset)
{
    if (cli_given(args, OPT_JSON))
        return cli_out_json(json_pack("{s:s,s:s,s:s}", "name", preset->name, "reference",
                                      preset->reference, "unsupported", preset->unsupported),
                            9);
    printf("%-56s unsupported: %s\n", preset->name, preset->unsupported);
    return cli_out_open();
}

static mr_status list_presets(const struct cli_args *args, mr_error *err)
{
    mr_preset preset;
    mr_status status = MR_OK;
    bool open = true;
    size_t i;

    for (i = 0; status == MR_OK && open && mr_preset_at(i, &preset); i++) {
        mr_plan *plan = NULL;

        if (preset.unsupported) {
            open = print_unsupported(args, &preset);
            continue;
        }
        status = mr_plan_open(preset.name, &plan, err);
        if (status == MR_OK)
            open = print_preset(args, &preset, plan);
        mr_plan_close(&plan);
    }
    return status;
}

/* As text it is a plan file that --plan takes back. */
static void print_plan(const struct cli_args *args, const mr_plan *plan)
{
    const char *text = mr_plan_text(plan);
    size_t n = strlen(text);

    if (cli_given(args, OPT_JSON)) {
        printf("%s\n", mr_plan_json(plan));
        return;
    }
    printf("# %s\n# fingerprint %s\n%s%s", mr_plan_name(plan), mr_plan_fingerprint(plan), text,
           n > 0 && text[n - 1] == '\n' ? "" : "\n");
}

static mr_status show_plan(const struct cli_args *args, const char *name, mr_error *err)
{
    mr_plan *plan = NULL;
    char *text = NULL;
    mr_status status = cli_plan_argument(name, &text, err);

    if (status == MR_OK)
        status = text ? mr_plan_parse(text, &plan, err) : mr_plan_open(name, &plan, err);
    if (status == MR_OK)
        print_plan(args, plan);
    mr_plan_close(&plan);
    free(text);
    return status;
}

int cli_plan(const struct cli_args *args)
{
    mr_error err = {0};
    mr_status status;

    if (args->n_names > 1)
        return cli_usage(args->verb, "one NAME or FILE");
    status = args->n_names == 1 ? show_plan(args, args->names[0], &err) : list_presets(args, &err);
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
