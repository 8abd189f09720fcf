/* SPDX-License-Identifier: Apache-2.0 */
/* health: asks each component that a run would need, and says how long it took to answer. Exit
 * status 3 if one is down. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "planfile.h"
#include "settings.h"
#include "storearg.h"
#include "text.h"

#define PLAN_OF_THE_ORIGINAL "original/masked-stretch"
#define NEXT_STEP            " see: millrace health" /* no news to who asks for health */

struct answer {
    const char *name;
    bool asked, ok;
    bool mistaken; /* what was asked for does not exist: a slip, not a failure */
    double ms;
    char state[512]; /* what it is, or what is wrong */
};

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void conclude(struct answer *a, double start, mr_status status, const mr_error *err)
{
    size_t next = strlen(NEXT_STEP), n;

    a->asked = true;
    a->ms = now_ms() - start;
    a->ok = status == MR_OK;
    a->mistaken = status == MR_E_INVALID;
    if (status == MR_OK)
        return;
    (void)snprintf(a->state, sizeof a->state, "%s",
                   err->message[0] ? err->message : mr_status_text(status));
    n = strlen(a->state);
    if (n > next && strcmp(a->state + n - next, NEXT_STEP) == 0)
        a->state[n - next] = '\0';
}

/* A worker starts, closes its sandbox and decodes a picture. */
static void ask_preprocessor(struct answer *a)
{
    double start = now_ms();
    mr_doctor doctor;
    mr_error err = {0};
    mr_status status = mr_doctor_run(NULL, &doctor, &err);

    conclude(a, start, status, &err);
    if (status != MR_OK)
        return;
    a->ok = doctor.ok;
    if (doctor.ok)
        (void)snprintf(a->state, sizeof a->state, "a worker answers; cores: %u, kernels: %s",
                       doctor.cores, doctor.cpu_level);
    else
        (void)snprintf(a->state, sizeof a->state, "%s", doctor.problem);
}

/* Opens the store, asks it, and takes what its collection remembers, if there is one. */
static void ask_store(const struct cli_args *args, struct answer *a, mr_collection *collection)
{
    const char *spec = cli_store_name(args, 0);
    double start = now_ms();
    mr_store *store = NULL;
    mr_error err = {0}, none = {0};
    mr_status status;

    if (!spec)
        return;
    status = cli_store_try(args, spec, CLI_STORE_READS, &store, &err);
    if (status == MR_OK)
        status = mr_store_health(store, a->state, sizeof a->state, &err);
    /* nothing is remembered of a collection that is not there yet */
    if (status == MR_OK &&
        mr_store_collection(store, cli_text(args, OPT_COLLECTION), collection, &none) != MR_OK)
        *collection = (mr_collection){0};
    mr_store_close(&store);
    conclude(a, start, status, &err);
}

/* A plan of the embedder's own wins over the section preprocess, as in a run; where nothing names
 * any, that of the original: without one neither model nor server would be asked. */
static mr_status choose_plan(const struct cli_args *args, const char *spec, mr_plan **out,
                             mr_error *err)
{
    const mr_logger logger = cli_console_logger();
    char name[CLI_PLAN_MAX];
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    mr_status status = mr_embedder_open(spec, NULL, &logger, &embedder, err);

    if (status != MR_OK)
        return status;
    mr_embedder_info_get(embedder, &info);
    if (!cli_settings_plan(args, name, sizeof name))
        (void)snprintf(name, sizeof name, "%s", PLAN_OF_THE_ORIGINAL);
    status = mr_plan_open(info.plan ? info.plan : name, out, err);
    mr_embedder_close(&embedder);
    return status;
}

/* The plan that a run into the collection would have. */
static mr_status open_plan(const struct cli_args *args, const mr_collection *c, const char *spec,
                           mr_plan **out, mr_error *err)
{
    const char *named = cli_text(args, OPT_PLAN);
    char configured[CLI_PLAN_MAX], *text = NULL;
    mr_status status = cli_plan_argument(named, &text, err);

    *out = NULL;
    if (status != MR_OK)
        return status;
    if (text)
        status = mr_plan_parse(text, out, err);
    else if (named)
        status = mr_plan_open(named, out, err);
    else if (c->plan_text && *c->plan_text &&
             !cli_settings_plan(args, configured, sizeof configured))
        status = mr_plan_parse(c->plan_text, out, err);
    else
        status = choose_plan(args, spec, out, err);
    free(text);
    return status;
}

/* Opening an embedder loads the model, or asks its server for it. */
static void ask_embedder(const struct cli_args *args, const mr_collection *c, struct answer *a)
{
    const mr_logger logger = cli_console_logger();
    const char *spec = cli_text(args, OPT_EMBEDDER);
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    double start = now_ms();
    mr_plan *plan = NULL;
    mr_error err = {0};
    mr_status status;

    if (!spec)
        spec = c->embedder && *c->embedder ? c->embedder : "builtin";
    status = open_plan(args, c, spec, &plan, &err);
    if (status == MR_OK)
        status = mr_embedder_open(spec, plan, &logger, &embedder, &err);
    if (status == MR_OK) {
        mr_embedder_info_get(embedder, &info);
        (void)snprintf(a->state, sizeof a->state, "%.*s, dimension %u",
                       (int)strcspn(info.spec, "?"), info.spec, info.dim);
    }
    mr_embedder_close(&embedder);
    mr_plan_close(&plan);
    conclude(a, start, status, &err);
}

static void print_json(const struct answer *answers, size_t n, bool ok)
{
    json_t *components = json_object();
    size_t i;

    for (i = 0; i < n; i++)
        if (answers[i].asked)
            (void)json_object_set_new(components, answers[i].name,
                                      json_pack("{s:b,s:f,s:o}", "ok", answers[i].ok, "ms",
                                                round(answers[i].ms * 1000) / 1000,
                                                answers[i].ok ? "state" : "error",
                                                cli_out_string(answers[i].state)));
    (void)cli_out_json(json_pack("{s:b,s:o}", "ok", ok, "components", components), 9);
}

static void print_text(const struct answer *answers, size_t n)
{
    char shown[600];
    size_t i;

    for (i = 0; i < n; i++) {
        if (!answers[i].asked) {
            printf("%-13s none named\n", answers[i].name);
            continue;
        }
        cli_text_escape(shown, sizeof shown, answers[i].state);
        printf("%-13s %-5s %9.1f ms  %s\n", answers[i].name, answers[i].ok ? "ok" : "down",
               answers[i].ms, shown);
    }
}

int cli_health(const struct cli_args *args)
{
    enum { PREPROCESSOR, EMBEDDER, STORE, COMPONENTS };
    struct answer answers[COMPONENTS] = {
        {.name = "preprocessor"}, {.name = "embedder"}, {.name = "store"}};
    mr_collection collection = {0};
    bool ok = true;
    size_t i;

    if (args->n_names > 1)
        return cli_usage(args->verb, "one STORE, and nothing else");
    ask_preprocessor(&answers[PREPROCESSOR]);
    ask_store(args, &answers[STORE], &collection);
    ask_embedder(args, &collection, &answers[EMBEDDER]);
    mr_collection_fini(&collection);
    for (i = 0; i < COMPONENTS; i++) {
        if (answers[i].mistaken)
            return cli_usage(args->verb, "%s", answers[i].state);
        ok = ok && (answers[i].ok || !answers[i].asked);
    }
    if (cli_given(args, OPT_JSON))
        print_json(answers, COMPONENTS, ok);
    else
        print_text(answers, COMPONENTS);
    return cli_out_finish(args->verb, ok ? CLI_OK : CLI_ENVIRONMENT);
}
