/* SPDX-License-Identifier: Apache-2.0 */
/* --plan NAME|FILE|FILE@LIBRARY. A preset wins over a file of the same name: ./NAME is the file. */
#include "planfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#define FILE_MAX 65536

static mr_status refuse(mr_error *err, const char *path, const char *why)
{
    char shown[256];

    cli_text_escape(shown, sizeof shown, path);
    memset(err, 0, sizeof *err);
    err->status = MR_E_INVALID;
    (void)snprintf(err->message, sizeof err->message, "plan %.200s: %.280s", shown, why);
    return MR_E_INVALID;
}

/* Takes out lines that begin with '#', in place. */
static void drop_comments(char *text)
{
    char *from = text, *to = text;

    while (*from) {
        size_t n = strcspn(from, "\n");

        n += from[n] == '\n';
        if (*from != '#') {
            memmove(to, from, n);
            to += n;
        }
        from += n;
    }
    *to = '\0';
}

static mr_status read_file(const char *path, char **out, mr_error *err)
{
    char *text = NULL;
    size_t n = 0;
    ssize_t got = 1;
    struct stat st;
    mr_status status = MR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return refuse(err, path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = refuse(err, path, "not a regular file");
        goto done;
    }
    text = malloc(FILE_MAX + 1);
    if (!text) {
        status = refuse(err, path, "out of memory");
        goto done;
    }
    while (n <= FILE_MAX && got > 0) {
        got = read(fd, text + n, FILE_MAX + 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        status = refuse(err, path, strerror(errno));
    else if (n > FILE_MAX)
        status = refuse(err, path, "too long for a plan file");
    else if (memchr(text, '\0', n))
        status = refuse(err, path, "not a plan file");
    if (status != MR_OK)
        goto done;
    text[n] = '\0';
    *out = text;
    text = NULL;
done:
    free(text);
    (void)close(fd);
    return status;
}

/* A file's text to that of the plan which it means: a plan's own, or a model's configuration. */
static mr_status resolve(char **text, const char *library, mr_error *err)
{
    mr_plan *plan = NULL;
    char *own;
    mr_status status;

    if (*library || (*text)[strspn(*text, " \t\r\n")] == '{') {
        status = mr_plan_parse_config(*text, library, &plan, err);
    } else {
        drop_comments(*text);
        status = mr_plan_parse(*text, &plan, err);
    }
    if (status != MR_OK)
        return status;
    own = strdup(mr_plan_text(plan));
    mr_plan_close(&plan);
    if (!own)
        return refuse(err, "file", "out of memory");
    free(*text);
    *text = own;
    return MR_OK;
}

/* Takes "@LIBRARY" off the end of what is no file; "" if it is one, or has none. */
static const char *library_of(char *path)
{
    char *at = access(path, F_OK) == 0 ? NULL : strrchr(path, '@');

    if (!at)
        return "";
    *at = '\0';
    return at + 1;
}

mr_status cli_plan_argument(const char *argument, char **text, mr_error *err)
{
    mr_plan *plan = NULL;
    mr_error in_file;
    const char *library;
    char *path;
    mr_status status;

    *text = NULL;
    if (!argument)
        return MR_OK;
    status = mr_plan_open(argument, &plan, err);
    mr_plan_close(&plan);
    if (status != MR_E_NOT_FOUND)
        return status;
    path = strdup(argument);
    if (!path)
        return refuse(err, argument, "out of memory");
    library = library_of(path);
    if (access(path, F_OK) != 0)
        goto done;
    status = read_file(path, text, err);
    if (status != MR_OK)
        goto done;
    status = resolve(text, library, &in_file);
    if (status != MR_OK) {
        free(*text);
        *text = NULL;
        (void)refuse(err, argument, in_file.message);
        err->status = status;
    }
done:
    free(path);
    return status;
}
