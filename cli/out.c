/* SPDX-License-Identifier: Apache-2.0 */
/* stdout: results, and nothing else. */
#include "out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "text.h"

bool cli_out_open(void)
{
    return !ferror(stdout);
}

bool cli_out_json(json_t *object, int digits)
{
    if (object) {
        (void)json_dumpf(object, stdout,
                         JSON_COMPACT | JSON_REAL_PRECISION((unsigned)digits) |
                             JSON_PRESERVE_ORDER);
        (void)fputc('\n', stdout);
    }
    json_decref(object);
    return cli_out_open();
}

json_t *cli_out_string(const char *text)
{
    char shown[4096];
    json_t *string = json_string(text ? text : "");

    if (string)
        return string;
    cli_text_escape(shown, sizeof shown, text ? text : "");
    return json_string(shown);
}

int cli_out_finish(const struct cli_verb *verb, int status)
{
    int error = 0;

    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        error = errno ? errno : EIO;
    /* after an earlier failed write errno is lost; writing to a pipe that broke says it again */
    if (error == EIO && fputc('\n', stdout) != EOF && fflush(stdout) != 0)
        error = errno;
    if (error == 0 || error == EPIPE)
        return status;
    return cli_fail(verb, CLI_ENVIRONMENT, "standard output: %s", strerror(error));
}
