/* SPDX-License-Identifier: Apache-2.0 */
/* report: what happened to every item. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "storearg.h"
#include "text.h"

static double ms(float value)
{
    return round((double)value * 1000) / 1000;
}

static int print_json(void *cookie, const mr_ledger_entry *e)
{
    json_t *times =
        json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "fetch", ms(e->ms_fetch), "wait", ms(e->ms_wait),
                  "decode", ms(e->ms_decode), "transform", ms(e->ms_transform), "embed",
                  ms(e->ms_embed), "store", ms(e->ms_store));

    (void)cookie;
    return !cli_out_json(
        json_pack("{s:o,s:o,s:s,s:s,s:s,s:o,s:i,s:o,s:I,s:i,s:i,s:s,s:s}", "id",
                  cli_out_string(e->id), "uri", cli_out_string(e->uri), "state", e->state, "stage",
                  mr_stage_name(e->stage), "code", mr_code_name(e->code), "message",
                  cli_out_string(e->message), "attempts", (int)e->attempts, "ms", times, "bytes",
                  (json_int_t)e->bytes, "width", (int)e->width, "height", (int)e->height, "format",
                  e->format ? e->format : "", "fingerprint", e->fingerprint ? e->fingerprint : ""),
        12);
}

static int print_line(void *cookie, const mr_ledger_entry *e)
{
    uint64_t *lines = cookie;
    char id[600];

    cli_text_escape(id, sizeof id, e->id ? e->id : e->key);
    if (++*lines == 1)
        printf("%-12s %-10s %-22s %s\n", "STATE", "STAGE", "CODE", "ID");
    printf("%-12s %-10s %-22s %s", e->state, mr_stage_name(e->stage),
           e->code == MR_CODE_NONE ? "-" : mr_code_name(e->code), id);
    if (e->message && *e->message) {
        cli_text_escape(id, sizeof id, e->message);
        printf("  (%s)", id);
    }
    printf("\n");
    return !cli_out_open();
}

int cli_report(const struct cli_args *args)
{
    mr_store *store = NULL;
    mr_error err = {0};
    mr_status status;
    uint64_t lines = 0;
    int rc;

    if (args->n_names > 1)
        return cli_usage(args->verb, "one STORE, and nothing else");
    rc = cli_store_open(args, 0, CLI_STORE_READS, &store);
    if (rc != CLI_OK)
        return rc;
    status = mr_store_report(store, cli_text(args, OPT_COLLECTION), cli_given(args, OPT_FAILED),
                             cli_given(args, OPT_JSON) ? print_json : print_line, &lines, &err);
    mr_store_close(&store);
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
