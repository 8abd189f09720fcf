/* SPDX-License-Identifier: Apache-2.0 */
/* stderr: messages, and one progress line below them. */
#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "options.h"
#include "text.h"

#define LINE_EVERY_S 1.0 /* progress into a file: one line a second */

struct cli_console cli_console = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = MR_LOG_WARN};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

mr_log_level cli_console_level(const struct cli_args *args)
{
    return (mr_log_level)cli_number(args, OPT_LOG_LEVEL, MR_LOG_WARN);
}

void cli_console_open(const struct cli_args *args)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    uint64_t when = cli_number(args, OPT_PROGRESS, 0); /* auto|always|never */

    cli_console.terminal = isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;
    cli_console.colour = cli_console.terminal && (!no_colour || !*no_colour);
    cli_console.json = cli_number(args, OPT_LOG_FORMAT, 0) == 1;
    cli_console.level = cli_console_level(args);
    cli_console.progress = when == 1 || (when == 0 && cli_console.terminal && !cli_console.json);
}

static void clear_line(void)
{
    if (cli_console.line_shown)
        fputs("\r\033[K", stderr);
    cli_console.line_shown = false;
}

static void draw_line(void)
{
    struct winsize size;
    int width = 80;

    if (!cli_console.line[0] || !cli_console.terminal)
        return;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        width = size.ws_col;
    fprintf(stderr, "\r%.*s\033[K", width - 1, cli_console.line);
    cli_console.line_shown = true;
}

static void write_json(const char *level, const char *part, const char *message)
{
    char stamp[32] = "";
    struct timespec now;
    struct tm utc;
    json_t *line;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc))
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    line = json_pack("{s:s,s:s,s:s,s:s}", "time", stamp, "level", level, "part", part, "message",
                     message);
    if (line) {
        (void)json_dumpf(line, stderr, JSON_COMPACT);
        fputc('\n', stderr);
    }
    json_decref(line);
}

static void write_message(mr_log_level level, const char *part, const char *message)
{
    const char *name = level_names[level < MR_LOG_DEBUG ? level : MR_LOG_DEBUG];

    pthread_mutex_lock(&cli_console.lock);
    clear_line();
    if (cli_console.json)
        write_json(name, part, message);
    else if (cli_console.colour)
        fprintf(stderr, "\033[%sm%s\033[0m: %s: %s\n", level == MR_LOG_ERROR ? "31" : "33", name,
                part, message);
    else
        fprintf(stderr, "%s: %s: %s\n", name, part, message);
    draw_line();
    (void)fflush(stderr);
    pthread_mutex_unlock(&cli_console.lock);
}

static void on_message(void *cookie, mr_log_level level, const char *part, const char *message)
{
    (void)cookie;
    write_message(level, part, message);
}

mr_logger cli_console_logger(void)
{
    return (mr_logger){.write = on_message, .level = cli_console.level};
}

void cli_console_progress(const char *line)
{
    struct timespec now;
    double seconds;

    if (!cli_console.progress)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    pthread_mutex_lock(&cli_console.lock);
    (void)snprintf(cli_console.line, sizeof cli_console.line, "%s", line);
    if (!*line) {
        clear_line();
    } else if (cli_console.terminal) {
        draw_line();
    } else if (seconds - cli_console.line_at >= LINE_EVERY_S) {
        fprintf(stderr, "%s\n", line);
        cli_console.line_at = seconds;
    }
    (void)fflush(stderr);
    pthread_mutex_unlock(&cli_console.lock);
}

/* `raw` may quote what was typed: nothing of it reaches the terminal as a control character, nor
 * what is secret in a URL. It is changed. */
static void tell(const struct cli_verb *verb, char *raw, const char *see)
{
    char message[2048];

    mr_mask_secrets(raw);
    cli_text_escape(message, sizeof message, raw);
    pthread_mutex_lock(&cli_console.lock);
    clear_line();
    if (cli_console.json)
        write_json("error", verb ? verb->name : "millrace", message);
    else
        fprintf(stderr, "millrace: %s%s%s%s\n", verb ? verb->name : "", verb ? ": " : "", message,
                see);
    (void)fflush(stderr);
    pthread_mutex_unlock(&cli_console.lock);
}

int cli_fail(const struct cli_verb *verb, int status, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    tell(verb, message, "");
    return status;
}

int cli_usage(const struct cli_verb *verb, const char *fmt, ...)
{
    char message[1024], see[64];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    (void)snprintf(see, sizeof see, "; see: millrace %s%s--help", verb ? verb->name : "",
                   verb ? " " : "");
    tell(verb, message, see);
    return CLI_USAGE;
}

int cli_fail_error(const struct cli_verb *verb, mr_status status, const mr_error *err)
{
    const char *message = err->message[0] ? err->message : mr_status_text(status);

    switch (status) {
    case MR_E_INVALID:
    case MR_E_MISMATCH:
    case MR_E_NOT_FOUND:
        return cli_usage(verb, "%s", message);
    case MR_E_ENV:
    case MR_E_BUSY:
    case MR_E_UNSUPPORTED:
    case MR_E_NO_MEMORY:
    case MR_E_IO:
        return cli_fail(verb, CLI_ENVIRONMENT, "%s", message);
    case MR_E_ITEM:
        return cli_fail(verb, CLI_OVER_BUDGET, "%s", message);
    default:
        return cli_fail(verb, CLI_INTERNAL, "%s", message);
    }
}
