/* SPDX-License-Identifier: Apache-2.0 */
/* config: the configuration file: is it right, what holds, a new one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "configfile.h"
#include "console.h"
#include "out.h"
#include "text.h"

/* The file was read, and its mistakes told, when the arguments were. */
static int check(const struct cli_args *args)
{
    char shown[4200];

    if (!cli_given(args, OPT_CONFIG))
        return cli_usage(args->verb, "no file: wanted --config FILE");
    cli_text_escape(shown, sizeof shown, cli_text(args, OPT_CONFIG));
    printf("%s: ok\n", shown);
    return cli_out_finish(args->verb, CLI_OK);
}

static int print(const struct cli_args *args)
{
    cli_configfile_print(args, stdout);
    return cli_out_finish(args->verb, CLI_OK);
}

/* Never over a file that is there. */
static int make(const struct cli_args *args)
{
    const char *path = cli_text(args, OPT_CONFIG);
    char shown[4200];
    FILE *out;
    bool ok;
    int fd;

    if (args->values[OPT_CONFIG].rank != RANK_COMMAND) {
        cli_configfile_init(args->verb, stdout);
        return cli_out_finish(args->verb, CLI_OK);
    }
    cli_text_escape(shown, sizeof shown, path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0 && errno == EEXIST)
        return cli_usage(args->verb, "%s is there already; without --config the file is shown",
                         shown);
    out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        (void)cli_fail(args->verb, 0, "%s: %s", shown, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return CLI_ENVIRONMENT;
    }
    cli_configfile_init(args->verb, out);
    ok = !ferror(out) && fflush(out) == 0;
    if (fclose(out) != 0 || !ok)
        return cli_fail(args->verb, CLI_ENVIRONMENT, "%s: it could not be written", shown);
    printf("%s: written\n", shown);
    return cli_out_finish(args->verb, CLI_OK);
}

int cli_config(const struct cli_args *args)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli_args *args);
    } actions[] = {{"check", check}, {"print", print}, {"init", make}};
    const char *action = args->n_names > 0 ? args->names[0] : "";
    struct cli_nearest nearest = {.typed = action};
    char shown[64];
    size_t i;

    if (args->n_names > 1)
        return cli_usage(args->verb, "one of check, print, init, and nothing else");
    for (i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(action, actions[i].name) == 0)
            return actions[i].run(args);
        cli_nearest_offer(&nearest, actions[i].name);
    }
    cli_text_escape(shown, sizeof shown, action);
    return cli_usage(args->verb, "%s%s: wanted check, print or init%s%s%s",
                     *action ? "unknown action " : "no action", shown,
                     nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "",
                     nearest.best ? "?" : "");
}
