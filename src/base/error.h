/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in and wrapping errors. `err` may always be NULL. */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

#include "millrace/status.h"

#define MR__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets status and message (escaped, cut at the end) and returns `status`, so that failing is one
 * line. */
mr_status mr__error_set(mr_error *err, mr_status status, const char *fmt, ...) MR__PRINTF(3, 4);

/* The same with the text of `sys_errno` appended: "open x.jpg: Permission denied". */
mr_status mr__error_errno(mr_error *err, mr_status status, int sys_errno, const char *fmt, ...)
    MR__PRINTF(4, 5);

/* An error of one item: MR_E_ITEM with its reason code and stage. */
mr_status mr__error_item(mr_error *err, mr_stage stage, mr_code code, const char *fmt, ...)
    MR__PRINTF(4, 5);

/* Puts "context: " before the message while unwinding; returns err->status (MR_E_INTERNAL if NULL).
 */
mr_status mr__error_wrap(mr_error *err, const char *fmt, ...) MR__PRINTF(2, 3);

/* MR_E_NO_MEMORY with what could not be allocated. */
mr_status mr__error_no_memory(mr_error *err, const char *what);

/* Why the system could not open or read what an item names: not_found, permission_denied, io_error.
 */
mr_code mr__code_of_errno(int sys_errno);

/*
 * The static analyser sees one file at a time. It is told here that a failure never answers MR_OK;
 * otherwise each caller seems to go on with what it did not get.
 */
#ifdef __clang_analyzer__
#define mr__error_set(err, status, ...) ((void)mr__error_set(err, status, __VA_ARGS__), (status))
#define mr__error_errno(err, status, ...)                                                          \
    ((void)mr__error_errno(err, status, __VA_ARGS__), (status))
#define mr__error_item(err, ...)       ((void)mr__error_item(err, __VA_ARGS__), MR_E_ITEM)
#define mr__error_wrap(err, ...)       ((void)mr__error_wrap(err, __VA_ARGS__), MR_E_INTERNAL)
#define mr__error_no_memory(err, what) ((void)mr__error_no_memory(err, what), MR_E_NO_MEMORY)
#endif

#endif
