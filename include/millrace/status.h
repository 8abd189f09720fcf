/* SPDX-License-Identifier: Apache-2.0 */
/* What a call answers: a status, and on failure an error that the caller owns. */
#ifndef MILLRACE_STATUS_H
#define MILLRACE_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MR_API        __attribute__((visibility("default")))
#define MR_MUST_CHECK __attribute__((warn_unused_result))
#else
#define MR_API
#define MR_MUST_CHECK
#endif

/** The outcome of a call. 0 is success, positive values are not errors, negative ones are. */
typedef enum mr_status {
    MR_OK = 0,
    MR_AGAIN = 1,           /**< nothing yet: call again later (back-pressure, or a timeout) */
    MR_EOF = 2,             /**< the end of the source or of the stream */
    MR_E_INVALID = -1,      /**< a wrong argument, option or configuration (exit status 2) */
    MR_E_MISMATCH = -2,     /**< plan, embedder or dimension disagree with the store (exit 2) */
    MR_E_ENV = -3,          /**< store, model, server or sandbox not available (exit 3) */
    MR_E_BUSY = -4,         /**< held by somebody else: a second writer, all slots held (exit 3) */
    MR_E_NOT_FOUND = -5,    /**< no such collection, id or preset (exit 2) */
    MR_E_UNSUPPORTED = -6,  /**< known, but not in this build (exit 3) */
    MR_E_ITEM = -7,         /**< one input is bad: `mr_error.code` says how; others are untouched */
    MR_E_NO_MEMORY = -8,    /**< memory, or the budget given for it, is used up (exit 3) */
    MR_E_IO = -9,           /**< reading or writing failed: `mr_error.sys_errno` (exit 3) */
    MR_E_INTERRUPTED = -10, /**< stopped on request */
    MR_E_INTERNAL = -11     /**< a defect of millrace (exit 4) */
} mr_status;

/** Where in the flow an item was when something happened to it. */
typedef enum mr_stage {
    MR_STAGE_NONE = 0,
    MR_STAGE_SOURCE,
    MR_STAGE_FETCH,
    MR_STAGE_PROBE,
    MR_STAGE_DECODE,
    MR_STAGE_TRANSFORM,
    MR_STAGE_EMBED,
    MR_STAGE_STORE,
    MR_STAGE_COUNT
} mr_stage;

/** Stable reason codes (name in lower case = what reports and JSON show). New ones go at the end.
 */
#define MR_CODES(X)                                                                                \
    X(NONE, "none")                                                                                \
    X(EMPTY, "empty")                                                                              \
    X(TOO_SHORT, "too_short")                                                                      \
    X(NOT_IMAGE, "not_image")                                                                      \
    X(UNSUPPORTED_FORMAT, "unsupported_format")                                                    \
    X(UNSUPPORTED_VARIANT, "unsupported_variant")                                                  \
    X(TRUNCATED, "truncated")                                                                      \
    X(CORRUPT, "corrupt")                                                                          \
    X(BAD_DIMENSIONS, "bad_dimensions")                                                            \
    X(TOO_MANY_PIXELS, "too_many_pixels")                                                          \
    X(SUSPICIOUS, "suspicious")                                                                    \
    X(TOO_MANY_BYTES, "too_many_bytes")                                                            \
    X(NOT_FOUND, "not_found")                                                                      \
    X(PERMISSION_DENIED, "permission_denied")                                                      \
    X(NOT_REGULAR_FILE, "not_regular_file")                                                        \
    X(CHANGED_WHILE_READING, "changed_while_reading")                                              \
    X(IO_ERROR, "io_error")                                                                        \
    X(FETCH_REFUSED, "fetch_refused")                                                              \
    X(FETCH_TIMEOUT, "fetch_timeout")                                                              \
    X(HTTP_STATUS, "http_status")                                                                  \
    X(REDIRECT_LIMIT, "redirect_limit")                                                            \
    X(TLS_ERROR, "tls_error")                                                                      \
    X(DNS_ERROR, "dns_error")                                                                      \
    X(CRASHED, "crashed")                                                                          \
    X(TIMED_OUT, "timed_out")                                                                      \
    X(OUT_OF_MEMORY, "out_of_memory")                                                              \
    X(SANDBOX_VIOLATION, "sandbox_violation")                                                      \
    X(EMBED_FAILED, "embed_failed")                                                                \
    X(STORE_FAILED, "store_failed")                                                                \
    X(DUPLICATE_ID, "duplicate_id")                                                                \
    X(BAD_ID, "bad_id")                                                                            \
    X(BAD_METADATA, "bad_metadata")                                                                \
    X(PREPROCESS_FAILED, "preprocess_failed")

/** Why an item was not stored. */
typedef enum mr_code {
#define MR_CODE_ENUM(name, text) MR_CODE_##name,
    MR_CODES(MR_CODE_ENUM)
#undef MR_CODE_ENUM
        MR_CODE_COUNT
} mr_code;

/** The details of a failure. Plain bytes, owned by the caller, safe to copy between processes. */
typedef struct mr_error {
    mr_status status;  /**< the status that the failing call returned */
    mr_code code;      /**< reason code when one item is to blame, else MR_CODE_NONE */
    mr_stage stage;    /**< where, when one item is to blame, else MR_STAGE_NONE */
    int32_t sys_errno; /**< errno of the system call that failed, or 0 */
    char message[496]; /**< one line of UTF-8, control characters escaped, always terminated */
} mr_error;

/** Name of a reason code ("truncated"). Never NULL: "unknown" for a value out of range. Any thread.
 */
MR_API const char *mr_code_name(mr_code code);

/** Reason code of a name, or MR_CODE_COUNT when there is none of that name. Any thread. */
MR_API mr_code mr_code_from_name(const char *name);

/** Name of a stage ("decode"). Never NULL. Any thread. */
MR_API const char *mr_stage_name(mr_stage stage);

/** Stage of a name, or MR_STAGE_COUNT when there is none of that name. Any thread. */
MR_API mr_stage mr_stage_from_name(const char *name);

/** Short text of a status ("invalid argument"). Never NULL. Any thread. */
MR_API const char *mr_status_text(mr_status status);

/** Version of the library, "MAJOR.MINOR.PATCH". Any thread. */
MR_API const char *mr_version(void);

#ifdef __cplusplus
}
#endif
#endif
