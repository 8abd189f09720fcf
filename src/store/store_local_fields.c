/* SPDX-License-Identifier: Apache-2.0 */
/* Output fields of a search: which there are, and a row's as a JSON object. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "plan/plan.h"
#include "store/local.h"

enum { ID, URI, METADATA, FINGERPRINT, VECTOR, N_FIELDS };

/* in the order of the columns that a search selects */
static const char *const names[N_FIELDS] = {"id", "uri", "metadata", "fingerprint", "vector"};

static mr_status unknown_field(const char *name, mr_error *err)
{
    const char *best = NULL;
    char shown[80];
    size_t i, least = 3;

    mr__text_escape(shown, sizeof shown, name, strlen(name));
    for (i = 0; i < N_FIELDS; i++)
        if (mr__text_distance(shown, names[i]) < least) {
            least = mr__text_distance(shown, names[i]);
            best = names[i];
        }
    return mr__error_set(
        err, MR_E_INVALID,
        "search: no field %s; there are id, uri, metadata, fingerprint, vector and *%s%s%s", shown,
        best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
}

mr_status mr__local_fields_init(const mr_search_options *options, uint32_t dim,
                                mr__local_fields *out, mr_error *err)
{
    size_t i, field;

    *out = (mr__local_fields){.dim = dim};
    for (i = 0; i < options->n_output_fields; i++) {
        const char *name = options->output_fields[i];

        for (field = 0; field < N_FIELDS && strcmp(name, names[field]) != 0; field++)
            continue;
        if (strcmp(name, "*") == 0)
            out->wanted = (1u << N_FIELDS) - 1;
        else if (field < N_FIELDS)
            out->wanted |= 1u << field;
        else
            return unknown_field(name, err);
    }
    return MR_OK;
}

/* [0.5,0.25]: the shortest decimals that come back as the same floats; null for what is not finite.
 */
static bool add_vector(mr__buf *text, const void *data, uint32_t dim)
{
    bool ok = mr__buf_add(text, "[", 1);
    uint32_t i;

    for (i = 0; ok && i < dim; i++) {
        char number[40];
        float value;

        memcpy(&value, (const char *)data + i * sizeof value, sizeof value);
        ok = mr__buf_addf(text, "%s%s", i ? "," : "",
                          mr__number_print(number, sizeof number, (double)value, true) ? number
                                                                                       : "null");
    }
    return ok && mr__buf_add(text, "]", 1);
}

/* A text as a JSON string. */
static bool add_string(mr__buf *text, const char *value)
{
    json_t *string = json_string(value);
    char *dumped = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    bool ok = mr__buf_addf(text, "%s", dumped ? dumped : "\"\"");

    free(dumped);
    json_decref(string);
    return ok;
}

char *mr__local_fields_text(const mr__local_fields *fields, sqlite3_stmt *row)
{
    const char *separator = "{";
    mr__buf text;
    bool ok = true;
    int field;

    mr__buf_init(&text, 4u << 20);
    for (field = 0; ok && field < N_FIELDS; field++) {
        if (!(fields->wanted & (1u << field)))
            continue;
        ok = mr__buf_addf(&text, "%s\"%s\":", separator, names[field]);
        separator = ",";
        if (!ok)
            break;
        if (field == VECTOR &&
            (size_t)sqlite3_column_bytes(row, field) == fields->dim * sizeof(float))
            ok = add_vector(&text, sqlite3_column_blob(row, field), fields->dim);
        else if (field == VECTOR)
            ok = mr__buf_addf(&text, "null");
        else if (field == METADATA) /* JSON already */
            ok = mr__buf_addf(&text, "%s", mr__local_text(row, field));
        else
            ok = add_string(&text, mr__local_text(row, field));
    }
    ok = ok && mr__buf_addf(&text, "}");
    if (ok)
        return text.data;
    mr__buf_fini(&text);
    return NULL;
}
