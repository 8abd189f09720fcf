/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a Milvus store: see params.h. */
#include "store/milvus/params.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "rpc/rpc.h"

#define DEFAULT_PORT 19530u
#define SCHEME       "milvus://"
#define MAX_VALUE    4096u

enum { TEXT, NUMBER, SWITCH, DURATION, BYTES, NAME, ID_TYPE, LEVEL };

static const struct {
    const char *name;
    uint32_t group;
    int kind;
    uint64_t min, max;
} table[MR__MV_N_PARAMS] = {
    [MR__MV_USER] = {"user", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_PASSWORD] = {"password", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_TOKEN] = {"token", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_DATABASE] = {"database", MR__MV_CONNECTION, NAME, 0, 0},
    [MR__MV_TLS] = {"tls", MR__MV_CONNECTION, SWITCH, 0, 0},
    [MR__MV_TLS_CA] = {"tls_ca", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_TLS_CERT] = {"tls_cert", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_TLS_KEY] = {"tls_key", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_TLS_NAME] = {"tls_name", MR__MV_CONNECTION, TEXT, 0, 0},
    [MR__MV_TIMEOUT] = {"timeout", MR__MV_CONNECTION, DURATION, 1, 3600000},
    [MR__MV_PATIENCE] = {"retry", MR__MV_CONNECTION, DURATION, 0, 86400000},
    [MR__MV_BATCH_BYTES] = {"batch_bytes", MR__MV_WRITE, BYTES, 65536, 63u << 20},
    [MR__MV_BATCH_ROWS] = {"batch_rows", MR__MV_WRITE, NUMBER, 1, 100000},
    [MR__MV_CONCURRENCY] = {"concurrency", MR__MV_WRITE, NUMBER, 1, 16},
    [MR__MV_VECTOR_FIELD] = {"vector_field", MR__MV_SCHEMA, NAME, 0, 0},
    [MR__MV_ID_TYPE] = {"id_type", MR__MV_SCHEMA, ID_TYPE, 0, 0},
    [MR__MV_AUTO_ID] = {"auto_id", MR__MV_SCHEMA, SWITCH, 0, 0},
    [MR__MV_SHARDS] = {"shards", MR__MV_SCHEMA, NUMBER, 1, 16},
    [MR__MV_NLIST] = {"nlist", MR__MV_INDEX, NUMBER, 1, 65536},
    [MR__MV_M_LINKS] = {"M", MR__MV_INDEX, NUMBER, 2, 2048},
    [MR__MV_EF_CONSTRUCTION] = {"efConstruction", MR__MV_INDEX, NUMBER, 1, INT32_MAX},
    [MR__MV_M_PARTS] = {"m", MR__MV_INDEX, NUMBER, 1, 32768},
    [MR__MV_NBITS] = {"nbits", MR__MV_INDEX, NUMBER, 1, 64},
    [MR__MV_INTERMEDIATE_DEGREE] = {"intermediate_graph_degree", MR__MV_INDEX, NUMBER, 1,
                                    INT32_MAX},
    [MR__MV_GRAPH_DEGREE] = {"graph_degree", MR__MV_INDEX, NUMBER, 1, INT32_MAX},
    [MR__MV_NPROBE] = {"nprobe", MR__MV_SEARCH, NUMBER, 1, 65536},
    [MR__MV_EF] = {"ef", MR__MV_SEARCH, NUMBER, 1, INT32_MAX},
    [MR__MV_ITOPK_SIZE] = {"itopk_size", MR__MV_SEARCH, NUMBER, 1, INT32_MAX},
    [MR__MV_SEARCH_WIDTH] = {"search_width", MR__MV_SEARCH, NUMBER, 1, INT32_MAX},
    [MR__MV_MIN_ITERATIONS] = {"min_iterations", MR__MV_SEARCH, NUMBER, 0, INT32_MAX},
    [MR__MV_MAX_ITERATIONS] = {"max_iterations", MR__MV_SEARCH, NUMBER, 0, INT32_MAX},
    [MR__MV_TEAM_SIZE] = {"team_size", MR__MV_SEARCH, NUMBER, 0, INT32_MAX},
    [MR__MV_SEARCH_LIST] = {"search_list", MR__MV_SEARCH, NUMBER, 1, 65535},
    [MR__MV_REORDER_K] = {"reorder_k", MR__MV_SEARCH, NUMBER, 1, INT32_MAX},
    [MR__MV_CONSISTENCY] = {"consistency", MR__MV_SEARCH, LEVEL, 0, 0},
};

static const struct {
    const char *variable;
    mr__mv_param param;
} variables[] = {
    {"MILVUS_USER", MR__MV_USER},
    {"MILVUS_PASSWORD", MR__MV_PASSWORD},
    {"MILVUS_TOKEN", MR__MV_TOKEN},
    {"MILVUS_VECTOR_FIELD_NAME", MR__MV_VECTOR_FIELD},
};

/* What Milvus numbers 0 to 3. */
static const char *const levels[] = {"strong", "session", "bounded", "eventually"};

const char *mr__mv_param_name(mr__mv_param param)
{
    return table[param].name;
}

static mr_status unknown(const char *name, uint32_t allowed, mr_error *err)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX, i;

    for (i = 0; i < MR__MV_N_PARAMS; i++) {
        size_t d = mr__text_distance(name, table[i].name);

        if ((table[i].group & allowed) && d < best) {
            best = d;
            nearest = table[i].name;
        }
    }
    return mr__error_set(err, MR_E_INVALID, "no parameter \"%.60s\" here; did you mean \"%s\"?",
                         name, nearest);
}

bool mr__mv_is_name(const char *text)
{
    size_t i;

    for (i = 0; text[i]; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return i > 0 && i <= 255;
}

static bool read_switch(const char *text, uint64_t *out)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = i & 1;
            return true;
        }
    return false;
}

static bool read_level(const char *text, uint64_t *out)
{
    size_t i;

    for (i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcasecmp(text, levels[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool read_value(mr__mv_param param, const char *text, uint64_t *out)
{
    bool ok;

    *out = 0;
    switch (table[param].kind) {
    case SWITCH:
        return read_switch(text, out);
    case NAME:
        return mr__mv_is_name(text);
    case LEVEL:
        return read_level(text, out);
    case ID_TYPE:
        *out = strcasecmp(text, "INT64") == 0;
        return *out || strcasecmp(text, "VARCHAR") == 0;
    case NUMBER:
        ok = mr__text_u64(text, out);
        break;
    case DURATION:
        ok = mr__text_duration_ms(text, out);
        break;
    case BYTES:
        ok = mr__text_size(text, out);
        break;
    default:
        return strlen(text) <= MAX_VALUE && mr__text_is_utf8(text, strlen(text));
    }
    return ok && *out >= table[param].min && *out <= table[param].max;
}

static const char *wanted(mr__mv_param param)
{
    switch (table[param].kind) {
    case SWITCH:
        return "true or false";
    case NAME:
        return "a name of letters, digits and _";
    case LEVEL:
        return "strong, session, bounded or eventually";
    case ID_TYPE:
        return "VARCHAR or INT64";
    case DURATION:
        return "a time such as 30s";
    case BYTES:
        return "a size such as 8M, 64K to 63M";
    case NUMBER:
        return "a number in its range";
    default:
        return "a text";
    }
}

static mr_status take_one(mr__mv_params *params, mr__mv_param param, const char *text,
                          mr_error *err)
{
    uint64_t number;
    char *copy;

    if (!text || !read_value(param, text, &number))
        return mr__error_set(err, MR_E_INVALID, "parameter %s: %s is wanted", table[param].name,
                             wanted(param));
    copy = strdup(text);
    if (!copy)
        return mr__error_no_memory(err, "parameters");
    if (params->text[param])
        explicit_bzero(params->text[param], strlen(params->text[param]));
    free(params->text[param]);
    params->text[param] = copy;
    params->number[param] = number;
    return MR_OK;
}

mr_status mr__mv_params_take(mr__mv_params *params, const mr_param *given, size_t n,
                             uint32_t allowed, mr_error *err)
{
    mr_status status = MR_OK;
    size_t i, k;

    for (i = 0; i < n && status == MR_OK; i++) {
        const char *name = given[i].name ? given[i].name : "";

        for (k = 0; k < MR__MV_N_PARAMS; k++)
            if ((table[k].group & allowed) && strcmp(table[k].name, name) == 0)
                break;
        if (k == MR__MV_N_PARAMS)
            status = unknown(name, allowed, err);
        else
            status = take_one(params, (mr__mv_param)k, given[i].value, err);
    }
    return status;
}

mr_status mr__mv_params_environment(mr__mv_params *params, mr_error *err)
{
    mr_status status = MR_OK;
    size_t i;

    for (i = 0; i < sizeof variables / sizeof variables[0] && status == MR_OK; i++) {
        const char *text = secure_getenv(variables[i].variable);

        if (!text || !*text || params->text[variables[i].param])
            continue;
        status = take_one(params, variables[i].param, text, err);
        if (status != MR_OK && err)
            status = mr__error_wrap(err, "%s", variables[i].variable);
    }
    return status;
}

mr_status mr__mv_params_copy(mr__mv_params *out, const mr__mv_params *base, mr_error *err)
{
    mr_status status = MR_OK;
    size_t i;

    *out = (mr__mv_params){0};
    for (i = 0; i < MR__MV_N_PARAMS && status == MR_OK; i++)
        if (base->text[i])
            status = take_one(out, (mr__mv_param)i, base->text[i], err);
    if (status != MR_OK)
        mr__mv_params_fini(out);
    return status;
}

void mr__mv_params_fini(mr__mv_params *params)
{
    size_t i;

    for (i = 0; i < MR__MV_N_PARAMS; i++) {
        if (params->text[i])
            explicit_bzero(params->text[i], strlen(params->text[i]));
        free(params->text[i]);
    }
    *params = (mr__mv_params){0};
}

mr_status mr__mv_address_parse(const char *spec, mr__mv_address *out, mr_error *err)
{
    const char *host = spec + strlen(SCHEME), *slash;
    size_t n;

    *out = (mr__mv_address){0};
    if (strncmp(spec, SCHEME, strlen(SCHEME)) != 0)
        return mr__error_set(err, MR_E_INVALID, "an address is milvus://HOST[:PORT][/DATABASE]");
    n = strcspn(host, "/?#");
    /* the address is shown in messages and names the ledger's file */
    if (memchr(host, '@', n))
        return mr__error_set(err, MR_E_INVALID,
                             "no user and password in the address: give them as MILVUS_USER and "
                             "MILVUS_PASSWORD, or MILVUS_TOKEN");
    slash = host[n] == '/' ? host + n + 1 : host + n;
    if (host[n] && (host[n] != '/' || (*slash && !mr__mv_is_name(slash))))
        return mr__error_set(err, MR_E_INVALID,
                             "an address is milvus://HOST[:PORT][/DATABASE], the last a name of "
                             "letters, digits and _");
    if (!mr__text_copy(out->database, sizeof out->database, slash))
        return mr__error_set(err, MR_E_INVALID, "the name of the database is too long");
    return mr__rpc_address(host, n, DEFAULT_PORT, out->host, sizeof out->host, err);
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* False if it does not fit. */
static bool base64(const char *text, size_t n, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i, at = 0;

    if (size == 0 || n > size || (n + 2) / 3 > (size - 1) / 4)
        return false;
    for (i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)p[i] << 16;

        if (i + 1 < n)
            bits |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n)
            bits |= p[i + 2];
        out[at++] = letters[bits >> 18];
        out[at++] = letters[bits >> 12 & 63];
        out[at++] = i + 1 < n ? letters[bits >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? letters[bits & 63] : '=';
    }
    out[at] = '\0';
    return true;
}

mr_status mr__mv_authorization(const mr__mv_params *params, char *out, size_t size, mr_error *err)
{
    const char *token = params->text[MR__MV_TOKEN], *user = params->text[MR__MV_USER];
    const char *password = params->text[MR__MV_PASSWORD];
    char both[MAX_VALUE * 2 + 2];
    bool ok;

    *out = '\0';
    if (token)
        return base64(token, strlen(token), out, size)
                   ? MR_OK
                   : mr__error_set(err, MR_E_INVALID, "parameter token: too long");
    if (!user && !password)
        return MR_OK;
    ok = mr__text_copy(both, sizeof both, user ? user : "root") &&
         mr__text_append(both, sizeof both, ":") &&
         mr__text_append(both, sizeof both, password ? password : "") &&
         base64(both, strlen(both), out, size);
    explicit_bzero(both, sizeof both);
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "parameter password: too long");
}
