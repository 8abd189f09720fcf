/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and printing what follows "onnx:": see options.h. */
#include "embed/onnx/options.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { BATCH_MAX = 4096, THREADS_MAX = 1024, KEY_SIZE = 16, VALUE_SIZE = MR__ONNX_PATH_SIZE };

static const char *const poolings[] = {"none", "cls", "mean"};
static const char *const providers[] = {"cpu", "cuda", "tensorrt", "openvino"};

static const char *const keys[] = {"output",   "pooling", "batch",   "sha256",
                                   "provider", "device",  "threads", "runtime"};

enum { OUTPUT, POOLING, BATCH, SHA256, PROVIDER, DEVICE, THREADS, RUNTIME, N_KEYS };

_Static_assert(sizeof keys / sizeof keys[0] == N_KEYS, "one name for each key");

const char *mr__onnx_provider_name(mr__onnx_provider provider)
{
    return providers[provider];
}

/* Position of `name`, or `n`, and then the nearest in `*near`. */
static size_t find(const char *const *names, size_t n, const char *name, const char **near)
{
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        size_t distance = mr__text_distance(name, names[i]);
        if (distance == 0)
            return i;
        if (distance < least) {
            least = distance;
            *near = names[i];
        }
    }
    return n;
}

static mr_status take_choice(const char *value, const char *const *names, size_t n, size_t *out)
{
    const char *near = "";

    *out = find(names, n, value, &near);
    return *out < n ? MR_OK : MR_E_INVALID;
}

static mr_status take_count(const char *value, uint32_t max, uint32_t *out)
{
    uint64_t number;

    if (!mr__text_u64(value, &number) || number < 1 || number > max)
        return MR_E_INVALID;
    *out = (uint32_t)number;
    return MR_OK;
}

static bool is_digest(const char *value)
{
    return strlen(value) == 64 && strspn(value, "0123456789abcdef") == 64;
}

/* One pair into its place; the error is said by the caller. */
static mr_status take(size_t key, const char *value, mr__onnx_options *out)
{
    size_t choice = 0;
    mr_status status = MR_OK;

    switch (key) {
    case OUTPUT:
        return mr__text_copy(out->output, sizeof out->output, value) ? MR_OK : MR_E_INVALID;
    case POOLING:
        status = take_choice(value, poolings, sizeof poolings / sizeof poolings[0], &choice);
        out->pooling = (mr__onnx_pooling)choice;
        return status;
    case BATCH:
        return take_count(value, BATCH_MAX, &out->batch);
    case SHA256:
        (void)mr__text_copy(out->sha256, sizeof out->sha256, value);
        return is_digest(value) ? MR_OK : MR_E_INVALID;
    case PROVIDER:
        status = take_choice(value, providers, sizeof providers / sizeof providers[0], &choice);
        out->provider = (mr__onnx_provider)choice;
        return status;
    case DEVICE:
        return mr__text_copy(out->device, sizeof out->device, value) ? MR_OK : MR_E_INVALID;
    case THREADS:
        return take_count(value, THREADS_MAX, &out->threads);
    default:
        return mr__text_copy(out->runtime, sizeof out->runtime, value) ? MR_OK : MR_E_INVALID;
    }
}

static int hex_of(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Copies `n` bytes, %XX decoded; false if a '%' stands for nothing or it is too long. */
static bool decode(const char *text, size_t n, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        int high, low;
        char c = text[i];

        if (c == '%') {
            high = i + 2 < n ? hex_of(text[i + 1]) : -1;
            low = high >= 0 ? hex_of(text[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (used + 1 >= size)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

/* "key=value" of `n` bytes. */
static mr_status take_pair(const char *pair, size_t n, mr__onnx_options *out, mr_error *err)
{
    static const char *const wants[] = {
        "the name of an output",
        "cls or mean",
        "rows a run, 1..4096",
        "64 hexadecimal digits in lower case",
        "cpu, cuda, tensorrt or openvino",
        "a device number, or the name of an OpenVINO device",
        "threads, 1..1024",
        "a path",
    };
    const char *equals = memchr(pair, '=', n), *near = "";
    char key[KEY_SIZE] = "", value[VALUE_SIZE] = "";
    size_t len = equals ? (size_t)(equals - pair) : n, which;

    if (len < sizeof key)
        memcpy(key, pair, len);
    which = find(keys, N_KEYS, key, &near);
    if (which == N_KEYS)
        return mr__error_set(err, MR_E_INVALID,
                             "embedder onnx: no option \"%.*s\"; did you mean \"%s\"?",
                             (int)(len < 64 ? len : 64), pair, near);
    if (!equals || equals + 1 == pair + n ||
        !decode(equals + 1, n - len - 1, value, sizeof value) || take(which, value, out) != MR_OK)
        return mr__error_set(err, MR_E_INVALID, "embedder onnx: %.*s: wanted %s",
                             (int)(n < 96 ? n : 96), pair, wants[which]);
    return MR_OK;
}

mr_status mr__onnx_options_parse(const char *rest, mr__onnx_options *out, mr_error *err)
{
    const char *pairs = strrchr(rest, '?');
    size_t len = pairs ? (size_t)(pairs - rest) : strlen(rest);
    mr_status status = MR_OK;

    memset(out, 0, sizeof *out);
    if (len == 0)
        return mr__error_set(err, MR_E_INVALID, "embedder onnx: no model: onnx:MODEL.onnx");
    if (len >= sizeof out->model)
        return mr__error_set(err, MR_E_INVALID, "embedder onnx: the path has over %zu bytes",
                             sizeof out->model - 1);
    memcpy(out->model, rest, len);
    for (const char *at = pairs ? pairs + 1 : ""; *at && status == MR_OK;) {
        size_t n = strcspn(at, "&");
        status = take_pair(at, n, out, err);
        at += n + (at[n] == '&');
    }
    return status;
}

/* Appends with what would end a value, or look like it, as %XX. */
static bool append_encoded(char *text, size_t size, const char *value)
{
    size_t used = strlen(text);

    for (; *value; value++) {
        bool plain = isalnum((unsigned char)*value) || strchr("/._-:+,", *value);
        int n = snprintf(text + used, size - used, plain ? "%c" : "%%%02x",
                         plain ? *value : (unsigned char)*value);
        if (n <= 0 || (size_t)n >= size - used)
            return false;
        used += (size_t)n;
    }
    return true;
}

mr_status mr__onnx_options_print(const mr__onnx_options *options, char *text, size_t size,
                                 mr_error *err)
{
    char batch[32];
    bool ok = mr__text_copy(text, size, "onnx:") && mr__text_append(text, size, options->model) &&
              mr__text_append(text, size, "?");

    if (ok && options->output[0])
        ok = mr__text_append(text, size, "output=") &&
             append_encoded(text, size, options->output) && mr__text_append(text, size, "&");
    if (ok && options->pooling != MR__ONNX_POOL_NONE)
        ok = mr__text_append(text, size, "pooling=") &&
             mr__text_append(text, size, poolings[options->pooling]) &&
             mr__text_append(text, size, "&");
    (void)snprintf(batch, sizeof batch, "batch=%u&", (unsigned)options->batch);
    if (ok && options->batch > 0)
        ok = mr__text_append(text, size, batch);
    ok = ok && mr__text_append(text, size, "sha256=") &&
         mr__text_append(text, size, options->sha256);
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "embedder onnx: the path is too long");
}
