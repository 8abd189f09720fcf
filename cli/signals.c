/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT and SIGTERM. A handler gets no context, so what it needs is the one state of this program
 * that hangs off nothing.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static _Atomic(mr_pipeline *) watched;
static atomic_int caught;

static void on_signal(int number)
{
    static const char text[] =
        "\nstopping: what is under way is finished and recorded (once more: at once)\n";
    mr_pipeline *pipeline = atomic_load(&watched);
    int none = 0, saved = errno;

    if (!atomic_compare_exchange_strong(&caught, &none, number))
        _exit(128 + number);
    if (pipeline)
        mr_pipeline_stop(pipeline);
    /* nothing can be done about a terminal that is gone: the exit status says what happened */
    if (isatty(STDERR_FILENO) == 1 && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        errno = saved;
    errno = saved;
}

static void set(int number, bool on)
{
    struct sigaction action, before;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on ? on_signal : SIG_DFL;
    /* a signal that was ignored when we started (nohup, a background job) stays ignored */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(number, &action, NULL);
}

void cli_signals_watch(mr_pipeline *pipeline)
{
    if (pipeline)
        atomic_store(&watched, pipeline);
    set(SIGINT, pipeline != NULL);
    set(SIGTERM, pipeline != NULL);
    if (!pipeline)
        atomic_store(&watched, NULL);
}

int cli_signals_caught(void)
{
    return atomic_load(&caught);
}
