/* SPDX-License-Identifier: Apache-2.0 */
/* The reference library: a Python program that makes of a picture what the plan's model got. */
#ifndef MILLRACE_CLI_REFERENCE_H
#define MILLRACE_CLI_REFERENCE_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli.h"

#define CLI_STAGES_MAX 8

/* What a picture is after one stage. */
struct cli_reference_stage {
    char name[16]; /* decode, mode, resize, crop, tensor */
    mr_dtype dtype;
    uint32_t shape[3]; /* [height, width, 3]; of the last as the plan lays it out */
    size_t n;          /* values */
    void *values;
};

struct cli_reference_answer {
    size_t n; /* stages; 0: the library refused the picture */
    struct cli_reference_stage stages[CLI_STAGES_MAX];
    char refusal[256]; /* what it said then */
};

struct cli_reference {
    const char *python;
    uint64_t max_pixels; /* of a picture; more are refused unread */
    pid_t pid;
    FILE *in, *out;
    json_t *versions; /* {"Pillow": "13.0.0", ...} after the first answer */
};

/* Starts `python` (a path, or a name that is looked for in PATH). Set max_pixels then. MR_E_ENV. */
mr_status cli_reference_open(struct cli_reference *reference, const char *python, mr_error *err);

/* Ends it; no harm if it was never opened. */
void cli_reference_close(struct cli_reference *reference);

/* Has it make the stages of one file. MR_E_ENV: it, or what it imports, is not there. The caller
 * frees the answer, whatever this returns. */
mr_status cli_reference_ask(struct cli_reference *reference, const mr_plan *plan, const char *path,
                            struct cli_reference_answer *out, mr_error *err);
void cli_reference_answer_fini(struct cli_reference_answer *answer);

#endif
