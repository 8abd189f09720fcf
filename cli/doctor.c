/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: is this machine fit. Exit status 3 if not. */
#include <stdio.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "text.h"

static bool on(const mr_doctor *d, unsigned layer)
{
    return (d->sandbox_layers & layer) != 0;
}

static json_t *parts_json(const mr_doctor_part *parts, uint32_t n)
{
    json_t *object = json_object();
    uint32_t i;

    for (i = 0; i < n; i++)
        (void)json_object_set_new(object, parts[i].name, cli_out_string(parts[i].value));
    return object;
}

static void print_json(const mr_doctor *d)
{
    json_t *line =
        json_pack("{s:{s:s,s:i},s:{s:b,s:b,s:i,s:b,s:b},s:o,s:o,s:b}", "cpu", "level", d->cpu_level,
                  "cores", (int)d->cores, "sandbox", "no_new_privs", on(d, MR_SANDBOX_NO_NEW_PRIVS),
                  "seccomp", on(d, MR_SANDBOX_SECCOMP), "landlock",
                  on(d, MR_SANDBOX_LANDLOCK) ? (int)d->landlock_abi : 0, "rlimits",
                  on(d, MR_SANDBOX_RLIMITS), "namespaces", on(d, MR_SANDBOX_NAMESPACES),
                  "libraries", parts_json(d->libraries, d->n_libraries), "modules",
                  parts_json(d->modules, d->n_modules), "ok", d->ok);

    if (line && d->problem[0])
        (void)json_object_set_new(line, "problem", cli_out_string(d->problem));
    (void)cli_out_json(line, 9);
}

static void print_layer(const char *name, bool in_force, const char *note)
{
    printf("  %-14s %s%s\n", name, in_force ? "in force" : "not in force", note);
}

static void print_text(const mr_doctor *d)
{
    char memory[32], abi[32] = "";
    uint32_t i;

    cli_text_bytes(memory, sizeof memory, d->memory_bytes);
    printf("machine\n  kernels        %s\n  cores          %u\n  memory         %s\n", d->cpu_level,
           d->cores, memory);
    printf("worker\n  executable     %s\n", d->worker_path[0] ? d->worker_path : "did not start");
    if (on(d, MR_SANDBOX_LANDLOCK))
        (void)snprintf(abi, sizeof abi, " (ABI %u)", d->landlock_abi);
    printf("sandbox\n");
    print_layer("no_new_privs", on(d, MR_SANDBOX_NO_NEW_PRIVS), "");
    print_layer("seccomp", on(d, MR_SANDBOX_SECCOMP), "");
    print_layer("landlock", on(d, MR_SANDBOX_LANDLOCK), abi);
    print_layer("rlimits", on(d, MR_SANDBOX_RLIMITS), "");
    print_layer("namespaces", on(d, MR_SANDBOX_NAMESPACES), "");
    printf("libraries\n");
    for (i = 0; i < d->n_libraries; i++)
        printf("  %-14s %s\n", d->libraries[i].name, d->libraries[i].value);
    printf("modules\n");
    for (i = 0; i < d->n_modules; i++)
        printf("  %-14s %s\n", d->modules[i].name, d->modules[i].value);
    printf("%s%s\n", d->ok ? "fit" : "not fit: ", d->ok ? "" : d->problem);
}

int cli_doctor(const struct cli_args *args)
{
    mr_doctor doctor;
    mr_error err = {0};
    mr_status status;

    if (args->n_names > 0)
        return cli_usage(args->verb, "it takes no names");
    status = mr_doctor_run(NULL, &doctor, &err);
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    if (cli_given(args, OPT_JSON))
        print_json(&doctor);
    else
        print_text(&doctor);
    return cli_out_finish(args->verb, doctor.ok ? CLI_OK : CLI_ENVIRONMENT);
}
