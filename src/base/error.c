/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses, reason codes and the error that a caller owns. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "millrace/log.h"

static const char *const code_names[] = {
#define MR_CODE_NAME(name, text) text,
    MR_CODES(MR_CODE_NAME)
#undef MR_CODE_NAME
};

static const char *const stage_names[] = {"none",   "source",    "fetch", "probe",
                                          "decode", "transform", "embed", "store"};

const char *mr_code_name(mr_code code)
{
    if ((int)code < 0 || code >= MR_CODE_COUNT)
        return "unknown";
    return code_names[code];
}

mr_code mr_code_from_name(const char *name)
{
    int code = 0;
    while (code < MR_CODE_COUNT && strcmp(code_names[code], name) != 0)
        code++;
    return (mr_code)code;
}

const char *mr_stage_name(mr_stage stage)
{
    if ((int)stage < 0 || stage >= MR_STAGE_COUNT)
        return "unknown";
    return stage_names[stage];
}

mr_stage mr_stage_from_name(const char *name)
{
    int stage = 0;
    while (stage < MR_STAGE_COUNT && strcmp(stage_names[stage], name) != 0)
        stage++;
    return (mr_stage)stage;
}

const char *mr_status_text(mr_status status)
{
    switch (status) {
    case MR_OK:
        return "ok";
    case MR_AGAIN:
        return "try again";
    case MR_EOF:
        return "end";
    case MR_E_INVALID:
        return "invalid argument or configuration";
    case MR_E_MISMATCH:
        return "disagrees with the store";
    case MR_E_ENV:
        return "not available";
    case MR_E_BUSY:
        return "busy";
    case MR_E_NOT_FOUND:
        return "not found";
    case MR_E_UNSUPPORTED:
        return "not supported by this build";
    case MR_E_ITEM:
        return "bad item";
    case MR_E_NO_MEMORY:
        return "out of memory";
    case MR_E_IO:
        return "input or output failed";
    case MR_E_INTERRUPTED:
        return "interrupted";
    case MR_E_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

const char *mr_version(void)
{
    return MR_VERSION;
}

/* here they are functions also for the analyser: see error.h */
#undef mr__error_set
#undef mr__error_errno
#undef mr__error_item
#undef mr__error_wrap
#undef mr__error_no_memory

static void error_fill(mr_error *err, mr_status status, const char *fmt, va_list args)
    MR__PRINTF(3, 0);

static void error_fill(mr_error *err, mr_status status, const char *fmt, va_list args)
{
    char raw[sizeof err->message];

    if (!err)
        return;
    memset(err, 0, sizeof *err);
    err->status = status;
    (void)vsnprintf(raw, sizeof raw, fmt, args);
    mr_mask_secrets(raw);
    mr__text_escape(err->message, sizeof err->message, raw, strlen(raw));
}

mr_status mr__error_set(mr_error *err, mr_status status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    error_fill(err, status, fmt, args);
    va_end(args);
    return status;
}

mr_status mr__error_errno(mr_error *err, mr_status status, int sys_errno, const char *fmt, ...)
{
    va_list args;
    char text[128];

    va_start(args, fmt);
    error_fill(err, status, fmt, args);
    va_end(args);
    if (!err)
        return status;
    err->sys_errno = sys_errno;
    /* the GNU variant: may return a constant instead of filling `text` */
    mr__text_append(err->message, sizeof err->message, ": ");
    mr__text_append(err->message, sizeof err->message, strerror_r(sys_errno, text, sizeof text));
    return status;
}

mr_status mr__error_item(mr_error *err, mr_stage stage, mr_code code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    error_fill(err, MR_E_ITEM, fmt, args);
    va_end(args);
    if (err) {
        err->stage = stage;
        err->code = code;
    }
    return MR_E_ITEM;
}

mr_status mr__error_wrap(mr_error *err, const char *fmt, ...)
{
    mr_error inner;
    va_list args;

    if (!err)
        return MR_E_INTERNAL;
    inner = *err;
    va_start(args, fmt);
    error_fill(err, inner.status, fmt, args);
    va_end(args);
    err->code = inner.code;
    err->stage = inner.stage;
    err->sys_errno = inner.sys_errno;
    mr__text_append(err->message, sizeof err->message, ": ");
    mr__text_append(err->message, sizeof err->message, inner.message);
    return err->status;
}

mr_status mr__error_no_memory(mr_error *err, const char *what)
{
    return mr__error_set(err, MR_E_NO_MEMORY, "%s: out of memory", what);
}

mr_code mr__code_of_errno(int sys_errno)
{
    if (sys_errno == ENOENT || sys_errno == ENOTDIR)
        return MR_CODE_NOT_FOUND;
    if (sys_errno == EACCES || sys_errno == EPERM)
        return MR_CODE_PERMISSION_DENIED;
    return MR_CODE_IO_ERROR;
}
