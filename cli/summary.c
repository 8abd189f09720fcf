/* SPDX-License-Identifier: Apache-2.0 */
/* How a run ended, on stdout. */
#include "summary.h"

#include <math.h>
#include <stdio.h>

#include "out.h"
#include "text.h"

static json_t *by_code(const mr_summary *s)
{
    json_t *codes = json_object();
    int code;

    for (code = MR_CODE_NONE + 1; code < MR_CODE_COUNT; code++)
        if (s->by_code[code] > 0)
            (void)json_object_set_new(codes, mr_code_name((mr_code)code),
                                      json_integer((json_int_t)s->by_code[code]));
    return codes;
}

static double tenth(double value)
{
    return round(value * 10) / 10;
}

void cli_summary_json(const mr_summary *s, const char *store)
{
    /* the order of the fields is part of the format */
    json_t *line =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:i,s:I,s:I,s:s,s:s,s:o,s:o}", "items",
                  (json_int_t)s->items, "ok", (json_int_t)s->ok, "failed", (json_int_t)s->failed,
                  "quarantined", (json_int_t)s->quarantined, "duplicate", (json_int_t)s->duplicate,
                  "skipped", (json_int_t)s->skipped, "ignored", (json_int_t)s->ignored, "seconds",
                  round(s->seconds * 1000) / 1000, "items_per_s", tenth(s->items_per_s),
                  "first_batch_ms", tenth(s->first_batch_ms), "workers", (int)s->workers,
                  "worker_restarts", (json_int_t)s->worker_restarts, "peak_memory_bytes",
                  (json_int_t)s->peak_memory_bytes, "bottleneck", s->bottleneck, "fingerprint",
                  s->fingerprint, "store", cli_out_string(store), "by_code", by_code(s));

    (void)cli_out_json(line, 12);
}

static void print_count(const char *what, uint64_t n)
{
    if (n > 0)
        printf(", %llu %s", (unsigned long long)n, what);
}

void cli_summary_text(const mr_summary *s, const char *store, bool ledger)
{
    char peak[32], name[512];
    bool first = true;
    int code;

    cli_text_bytes(peak, sizeof peak, s->peak_memory_bytes);
    cli_text_escape(name, sizeof name, store);
    printf("%llu item%s in %.2f s (%.0f/s): %llu ok", (unsigned long long)s->items,
           s->items == 1 ? "" : "s", s->seconds, s->items_per_s, (unsigned long long)s->ok);
    print_count("failed", s->failed);
    print_count("quarantined", s->quarantined);
    print_count("duplicate", s->duplicate);
    print_count("skipped", s->skipped);
    print_count("files ignored", s->ignored);
    printf("%s\n", s->interrupted ? "; interrupted" : "");
    for (code = MR_CODE_NONE + 1; code < MR_CODE_COUNT; code++) {
        if (s->by_code[code] == 0)
            continue;
        printf("%s%s %llu", first ? "  reasons     " : ", ", mr_code_name((mr_code)code),
               (unsigned long long)s->by_code[code]);
        first = false;
    }
    if (!first && ledger)
        printf("   (millrace report %s --failed)", name);
    if (!first)
        printf("\n");
    printf("  workers     %u, restarted %llu\n", s->workers,
           (unsigned long long)s->worker_restarts);
    printf("  peak memory %s\n", peak);
    if (s->first_batch_ms > 0)
        printf("  first batch %.0f ms after the start\n", s->first_batch_ms);
    if (s->bottleneck[0])
        printf("  bottleneck  %s\n", s->bottleneck);
    printf("  plan        %s\n  written to  %s\n", s->fingerprint, name);
}
