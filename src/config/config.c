/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: a file, then the environment over it. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/size.h"
#include "base/text.h"

void mr_config_options_init(mr_config_options *options)
{
    *options = (mr_config_options){.environment = true};
    options->keys = mr_config_original(&options->n_keys);
}

/* Takes the message into the first error and to whoever listens. */
static void tell(mr_config *config, const char *message)
{
    if (config->problems++ == 0)
        (void)mr__error_set(config->err, MR_E_INVALID, "%s", message);
    if (config->options->problem)
        config->options->problem(config->options->cookie, message);
}

void mr__config_problem(mr_config *config, uint32_t line, const char *fmt, ...)
{
    char message[900];
    va_list args;
    int n;

    if (line > 0)
        n = snprintf(message, sizeof message, "%.300s:%u: ", config->name, line);
    else
        n = snprintf(message, sizeof message, "%.300s: ", config->name);
    va_start(args, fmt);
    (void)vsnprintf(message + n, sizeof message - (size_t)n, fmt, args);
    va_end(args);
    tell(config, message);
}

static mr_status grow(mr_config *config, mr_error *err)
{
    size_t cap = config->cap ? config->cap * 2 : 64, bytes;
    mr__config_node *nodes;

    if (config->n < config->cap)
        return MR_OK;
    if (!mr__size_mul(&bytes, cap, sizeof *nodes))
        return mr__error_no_memory(err, "the configuration");
    nodes = realloc(config->nodes, bytes);
    if (!nodes)
        return mr__error_no_memory(err, "the configuration");
    config->nodes = nodes;
    config->cap = cap;
    return MR_OK;
}

mr_status mr__config_add(mr_config *config, const mr__config_node *node, mr_error *err)
{
    mr__config_node copy = *node;
    char *name = strdup(node->value.name), *text = NULL;
    mr_status status = grow(config, err);

    if (node->value.text)
        text = strdup(node->value.text);
    if (status != MR_OK || !name || (node->value.text && !text)) {
        free(name);
        free(text);
        return status != MR_OK ? status : mr__error_no_memory(err, "the configuration");
    }
    copy.value.name = name;
    copy.value.text = text;
    config->nodes[config->n++] = copy;
    return MR_OK;
}

/* Takes the value out of the environment into the place of what the file has. */
static mr_status set(mr_config *config, const mr_config_key *key, const char *text, mr_error *err)
{
    mr__config_node node = {.value = {.name = key->name, .text = text}, .kind = MR__NODE_VALUE};
    size_t i;

    node.depth = strchr(key->name, '.') ? 2 : 1;
    for (i = 0; i < config->n; i++) {
        char *copy;

        if (strcmp(config->nodes[i].value.name, key->name) != 0)
            continue;
        copy = strdup(text);
        if (!copy)
            return mr__error_no_memory(err, "the configuration");
        free((char *)config->nodes[i].value.text);
        config->nodes[i].value =
            (mr_config_value){.name = config->nodes[i].value.name, .text = copy};
        config->nodes[i].kind = MR__NODE_VALUE;
        return MR_OK;
    }
    return mr__config_add(config, &node, err);
}

static mr_status read_environment(mr_config *config, mr_error *err)
{
    mr_status status = MR_OK;
    char why[256], shown[128], message[600];
    size_t i;

    for (i = 0; i < config->options->n_keys && status == MR_OK; i++) {
        const mr_config_key *key = &config->options->keys[i];
        const char *text = key->environment ? getenv(key->environment) : NULL;

        if (!text || !*text || (key->common_name && !config->name[0]))
            continue;
        /* what Kubernetes sets for a service of that name is an address, not a port */
        if (key->kind == MR_CONFIG_COUNT &&
            (strncmp(text, "tcp://", 6) == 0 || strncmp(text, "udp://", 6) == 0))
            continue;
        if (strlen(text) <= MR__CONFIG_TEXT_MAX && mr__config_fits(key, text, why, sizeof why)) {
            status = set(config, key, text, err);
            continue;
        }
        mr__text_escape(shown, sizeof shown, text, strnlen(text, sizeof shown));
        (void)snprintf(message, sizeof message, "%s %s: %s", key->environment, shown,
                       strlen(text) > MR__CONFIG_TEXT_MAX ? "too long" : why);
        tell(config, message);
    }
    return status;
}

/* Reads, checks, and puts the environment over it. `text` NULL: there is no file. */
static mr_status fill(mr_config *config, const char *text, size_t n, mr_error *err)
{
    mr_status status = MR_OK;
    uint32_t stop_line = 0;
    char stop[256] = "";

    if (text)
        status = mr__config_read(config, text, n, stop, &stop_line, err);
    if (status != MR_OK)
        return status;
    mr__config_check(config);
    if (stop[0])
        mr__config_problem(config, stop_line, "%s", stop);
    if (config->options->environment)
        status = read_environment(config, err);
    if (status == MR_OK && config->problems > 0)
        return MR_E_INVALID;
    return status;
}

static mr_status make(const char *name, const char *text, size_t n,
                      const mr_config_options *options, mr_config **out, mr_error *err)
{
    mr_config *config = calloc(1, sizeof *config);
    size_t len = strlen(name), size;
    mr_status status;

    *out = NULL;
    /* an escaped byte takes four */
    if (config && mr__size_mul(&size, len, 4) && mr__size_add(&size, size, 6))
        config->name = malloc(size);
    if (!config || !config->name) {
        free(config);
        return mr__error_no_memory(err, "the configuration");
    }
    mr__text_escape(config->name, size, name, len);
    config->options = options;
    config->err = err;
    status = fill(config, text, n, err);
    config->options = NULL;
    config->err = NULL;
    if (status != MR_OK)
        mr_config_close(&config);
    *out = config;
    return status;
}

mr_status mr_config_parse(const char *name, const char *text, size_t n,
                          const mr_config_options *options, mr_config **out, mr_error *err)
{
    *out = NULL;
    if (!name || !*name || strlen(name) > 4096)
        return mr__error_set(err, MR_E_INVALID, "a configuration needs the name of its file");
    if (n > MR__CONFIG_BYTES_MAX)
        return mr__error_set(err, MR_E_INVALID, "%.300s: more than %d bytes: no configuration",
                             name, MR__CONFIG_BYTES_MAX);
    return make(name, text, n, options, out, err);
}

/* All of a regular file, at most one byte more than is taken. */
static mr_status read_file(const char *path, char **text, size_t *n, mr_error *err)
{
    mr_status status = MR_OK;
    struct stat st;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    *n = 0;
    if (fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "configuration %.300s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = mr__error_set(err, MR_E_ENV, "configuration %.300s: not a regular file", path);
        goto done;
    }
    *text = malloc(MR__CONFIG_BYTES_MAX + 1);
    if (!*text) {
        status = mr__error_no_memory(err, "the configuration");
        goto done;
    }
    while (got > 0 && *n <= MR__CONFIG_BYTES_MAX) {
        got = read(fd, *text + *n, MR__CONFIG_BYTES_MAX + 1 - *n);
        if (got > 0)
            *n += (size_t)got;
    }
    if (got < 0)
        status = mr__error_errno(err, MR_E_ENV, errno, "configuration %.300s", path);
done:
    (void)close(fd);
    return status;
}

mr_status mr_config_open(const char *path, const mr_config_options *options, mr_config **out,
                         mr_error *err)
{
    char *text = NULL;
    mr_status status;
    size_t n;

    *out = NULL;
    if (!path)
        return make("", NULL, 0, options, out, err);
    status = read_file(path, &text, &n, err);
    if (status == MR_OK)
        status = mr_config_parse(path, text, n, options, out, err);
    free(text);
    return status;
}

const mr_config_value *mr_config_find(const mr_config *config, const char *name)
{
    size_t i;

    for (i = 0; config && i < config->n; i++)
        if (config->nodes[i].value.text && strcmp(config->nodes[i].value.name, name) == 0)
            return &config->nodes[i].value;
    return NULL;
}

const mr_config_value *mr_config_at(const mr_config *config, size_t index)
{
    return config && index < config->n ? &config->nodes[index].value : NULL;
}

bool mr_config_has(const mr_config *config, const char *name)
{
    size_t len = strlen(name), i;

    for (i = 0; config && i < config->n; i++) {
        const mr_config_value *value = &config->nodes[i].value;

        if (value->text && strncmp(value->name, name, len) == 0 &&
            (value->name[len] == '.' || value->name[len] == '[' || value->name[len] == '\0'))
            return true;
    }
    return false;
}

const char *mr_config_name(const mr_config *config)
{
    return config ? config->name : "";
}

void mr_config_close(mr_config **config)
{
    size_t i;

    if (!config || !*config)
        return;
    for (i = 0; i < (*config)->n; i++) {
        free((char *)(*config)->nodes[i].value.name);
        free((char *)(*config)->nodes[i].value.text);
    }
    free((*config)->nodes);
    free((*config)->name);
    free(*config);
    *config = NULL;
}
