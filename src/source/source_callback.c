/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items that the caller's own function yields. What it says is checked here, once: the item that
 * comes out has an id, a key and a uri that are UTF-8 and bounded, or is rejected.
 */
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "source/ident.h"

#define METADATA_MAX 65536
#define URI_MAX      16384

typedef struct callback {
    mr__source base;
    mr_source_fn *fn;
    void (*wake_up)(void *);
    void (*end)(void *);
    void *cookie;
    uint64_t yielded;
    mr__buf id, key, uri;
} callback;

static void callback_close(mr__source *source)
{
    callback *self = (callback *)source;

    if (self->end)
        self->end(self->cookie);
    mr__buf_fini(&self->id);
    mr__buf_fini(&self->key);
    mr__buf_fini(&self->uri);
    free(self);
}

static void callback_interrupt(mr__source *source)
{
    callback *self = (callback *)source;

    if (self->wake_up)
        self->wake_up(self->cookie);
}

/* Makes a string of the caller's UTF-8 and at most `max` bytes; replaces it only if it must. */
static bool tame(const char **text, mr__buf *buf, size_t max)
{
    size_t n = strlen(*text);
    mr__buf escaped;
    bool ok;

    if (n <= max && mr__text_is_utf8(*text, n))
        return true;
    mr__buf_reset(buf);
    mr__buf_init(&escaped, SIZE_MAX / 4);
    ok = mr__ident_escape(&escaped, *text, n) &&
         (escaped.len <= max ? mr__buf_add(buf, escaped.data, escaped.len)
                             : mr__ident_bound(buf, escaped.data, escaped.len));
    mr__buf_fini(&escaped);
    *text = buf->data;
    return ok;
}

/* The first reason stands: that of the caller, if it gave one. */
static void blame(mr_item *item, mr_code code, const char *message)
{
    if (item->code == MR_CODE_NONE)
        mr__ident_reject(item, code, "%s", message);
}

/* The id as given, or what comes nearest to one if that is none. */
static mr_status check_names(callback *self, mr_item *item, mr_error *err)
{
    size_t n = item->id ? strlen(item->id) : 0;

    if (n == 0) {
        blame(item, MR_CODE_BAD_ID, "the item has no id");
        item->id = item->key ? item->key : item->uri ? item->uri : item->locator;
        if (!item->id || !item->id[0]) {
            mr__buf_reset(&self->id);
            if (!mr__buf_addf(&self->id, "item-%llu", (unsigned long long)self->yielded))
                return mr__error_no_memory(err, "id");
            item->id = self->id.data;
        }
    } else if (n > MR__ID_MAX) {
        blame(item, MR_CODE_BAD_ID, "the id is longer than 512 bytes");
    } else if (!mr__text_is_utf8(item->id, n)) {
        blame(item, MR_CODE_BAD_ID, "the id is not UTF-8");
    }
    if (!tame(&item->id, &self->id, MR__ID_MAX))
        return mr__error_no_memory(err, "id");
    item->key = item->key && item->key[0] ? item->key : item->id;
    item->uri = item->uri && item->uri[0] ? item->uri : item->id;
    if (!tame(&item->key, &self->key, MR__ID_MAX) || !tame(&item->uri, &self->uri, URI_MAX))
        return mr__error_no_memory(err, "key or uri");
    return MR_OK;
}

/* Any JSON object: whole numbers of any length, and NUL in strings, are JSON too. */
static void check_metadata(mr_item *item)
{
    size_t n = item->metadata ? strnlen(item->metadata, METADATA_MAX + 1) : 0;
    json_t *json = NULL;
    json_error_t why;

    if (!item->metadata)
        return;
    if (n <= METADATA_MAX)
        json = json_loadb(item->metadata, n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
    if (n > METADATA_MAX)
        blame(item, MR_CODE_BAD_METADATA, "the metadata is longer than 64 KiB");
    else if (!json_is_object(json))
        blame(item, MR_CODE_BAD_METADATA, "the metadata is not a JSON object");
    if (!json_is_object(json))
        item->metadata = NULL;
    json_decref(json);
}

static void check_content(mr_item *item)
{
    if (item->bytes)
        item->locator = NULL;
    else if (!item->locator || !item->locator[0])
        blame(item, MR_CODE_NOT_FOUND, "the item has neither bytes nor a locator");
    else if (strnlen(item->locator, MR__LOCATOR_MAX + 1) > MR__LOCATOR_MAX)
        blame(item, MR_CODE_BAD_ID, "the locator is longer than 4096 bytes");
}

/* A rejection by the caller is kept; its text is made fit to be shown. */
static void check_code(mr_item *item)
{
    char raw[sizeof item->message];

    if (item->code == MR_CODE_NONE)
        return;
    memcpy(raw, item->message, sizeof raw);
    raw[sizeof raw - 1] = '\0';
    if ((int)item->code < 0 || item->code >= MR_CODE_COUNT)
        item->code = MR_CODE_IO_ERROR;
    mr__ident_reject(item, item->code, "%s", raw);
}

static mr_status callback_next(mr__source *source, mr_item *item, mr_error *err)
{
    callback *self = (callback *)source;
    mr_error why = {0};
    mr_status status = self->fn(self->cookie, item, &why);

    if (status != MR_OK && mr__source_stopped(self->base.wake))
        return MR_E_INTERRUPTED;
    if (status == MR_AGAIN || status > MR_EOF)
        return mr__error_set(err, MR_E_INVALID, "the source's callback returned %d", (int)status);
    if (status < 0) {
        why.message[sizeof why.message - 1] = '\0';
        return mr__error_set(err, status, "%s",
                             why.message[0] ? why.message : mr_status_text(status));
    }
    if (status == MR_EOF)
        return MR_EOF;
    self->yielded++;
    check_code(item);
    status = check_names(self, item, err);
    check_content(item);
    check_metadata(item);
    return status;
}

static const mr__source_ops callback_ops = {
    .name = "callback",
    .next = callback_next,
    .interrupt = callback_interrupt,
    .close = callback_close,
};

mr_status mr__source_callback_open(mr_source_fn *next, void (*interrupt)(void *),
                                   void (*close)(void *), void *cookie, mr__source **out,
                                   mr_error *err)
{
    callback *self = calloc(1, sizeof *self);

    if (!self)
        return mr__error_no_memory(err, "source");
    self->base.ops = &callback_ops;
    self->fn = next;
    self->wake_up = interrupt;
    self->end = close;
    self->cookie = cookie;
    mr__buf_init(&self->id, URI_MAX);
    mr__buf_init(&self->key, URI_MAX);
    mr__buf_init(&self->uri, URI_MAX);
    *out = &self->base;
    return MR_OK;
}
