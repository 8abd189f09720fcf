/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the configuration file. One reader for all faces: YAML in, checked values with their
 * lines out. What a key means is the business of whoever asks for it.
 */
#ifndef MILLRACE_CONFIG_H
#define MILLRACE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_config mr_config;

/** What a key takes. An empty value, `~` and `null` leave any key unset. */
typedef enum mr_config_kind {
    MR_CONFIG_TEXT = 0, /**< one value that is not empty */
    MR_CONFIG_BOOL,     /**< true or false, yes or no, on or off */
    MR_CONFIG_COUNT,    /**< a whole number, min..max */
    MR_CONFIG_REAL,     /**< a decimal number, min..max; any if both are 0 */
    MR_CONFIG_CHOICE,   /**< one of `choices`, whatever the case */
    MR_CONFIG_ANY,      /**< a value, a list or names with values, not looked into */
    MR_CONFIG_CHECKED   /**< what `check` accepts */
} mr_config_kind;

typedef struct mr_config_key mr_config_key;

/** Is `text` a value of `key`? If not, `why` says what was wanted. Any thread. */
typedef bool mr_config_check_fn(const mr_config_key *key, const char *text, char *why, size_t size);

/** One key that a file may have. Strings are borrowed for as long as the configuration lives. */
struct mr_config_key {
    const char
        *name; /**< "triton.url"; "[]" stands for the items of a list: "collections[].name" */
    mr_config_kind kind;
    uint32_t items; /**< 0: one value; n: a list of exactly n values */
    uint64_t min, max;
    const char *choices;     /**< "http|grpc" */
    const char *fallback;    /**< value where the section is used without this key; NULL: none */
    const char *environment; /**< variable that beats the file; NULL: none */
    bool common_name;        /**< `environment` is used by others too: read only beside a file */
    bool secret;             /**< a password or the like: never shown */
    mr_config_check_fn *check;
    const void *cookie; /**< for `check` */
    const char *help;   /**< one line for people */
};

/** A value with its place. Strings live as long as the configuration. */
typedef struct mr_config_value {
    const char *name; /**< "collections[0].name" */
    const char *text; /**< NULL: a section, a list, or unset */
    uint32_t line;    /**< from 1; 0: from the environment */
    bool quoted;      /**< a text, even if it looks like a number or a truth value */
    bool list;        /**< a list; its items follow */
} mr_config_value;

typedef struct mr_config_options {
    const mr_config_key *keys; /**< default: those of the original pipeline, mr_config_original */
    size_t n_keys;
    bool environment; /**< read the variables of the keys; default true */
    void (*problem)(void *cookie, const char *message); /**< each mistake, "FILE:LINE: …"; may be
                                                           NULL */
    void *cookie;
    unsigned char reserved[64];
} mr_config_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_config_options_init(mr_config_options *options);

/** Keys, defaults and variables of the original pipeline's file, `*n` of them. Any thread. */
MR_API const mr_config_key *mr_config_original(size_t *n);

/**
 * Reads the file at `path`; NULL: only the environment. MR_E_INVALID: mistakes, all of them told to
 * `options->problem`, the first in `err` ("FILE:LINE: unknown key workers.bacth; did you mean
 * workers.batch?"). MR_E_ENV: the file cannot be read. Refused: more than 1 MiB, 16 levels, 4,096
 * values or 4,096 bytes in one, aliases, more than one document. On success the caller owns `*out`.
 * Any thread, while none changes the environment.
 */
MR_API MR_MUST_CHECK mr_status mr_config_open(const char *path, const mr_config_options *options,
                                              mr_config **out, mr_error *err);

/** The same for `n` bytes of text; `name` stands for the file in messages. */
MR_API MR_MUST_CHECK mr_status mr_config_parse(const char *name, const char *text, size_t n,
                                               const mr_config_options *options, mr_config **out,
                                               mr_error *err);

/** The value of a key, "triton.url" or "preprocess.mean[1]"; NULL: not there or unset. */
MR_API const mr_config_value *mr_config_find(const mr_config *config, const char *name);

/** Value number `index` from 0 in the order of the file, sections and lists before what is in
 * them; NULL past the end. */
MR_API const mr_config_value *mr_config_at(const mr_config *config, size_t index);

/** Has anything in the section `name` ("triton") a value? */
MR_API bool mr_config_has(const mr_config *config, const char *name);

/** Name of the file, "" if there is none. */
MR_API const char *mr_config_name(const mr_config *config);

/** Frees the configuration and sets `*config` to NULL. NULL is allowed. */
MR_API void mr_config_close(mr_config **config);

#ifdef __cplusplus
}
#endif
#endif
