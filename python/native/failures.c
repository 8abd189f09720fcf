/* SPDX-License-Identifier: Apache-2.0 */
/* The first failures of a run, kept until Python asks for them. */
#include "native.h"

enum { KEY, ID, URI, STATE, MESSAGE, FORMAT, FINGERPRINT, ETAG, N_TEXTS };

/* One entry, and behind it its texts. */
struct mrpy_failure {
    struct mrpy_failure *next;
    mr_ledger_entry entry;
    char texts[];
};

static mrpy_failure *copy_of(const mr_ledger_entry *entry)
{
    const char *from[N_TEXTS] = {entry->key,         entry->id,          entry->uri,
                                 entry->state,       entry->message,     entry->format,
                                 entry->fingerprint, entry->version_etag};
    const char *to[N_TEXTS] = {NULL};
    size_t sizes[N_TEXTS], total = sizeof(mrpy_failure), at = 0;
    mrpy_failure *f;
    int i;

    /* each text is bounded where it was made: no sum comes near the end of a size_t */
    for (i = 0; i < N_TEXTS; i++)
        total += sizes[i] = from[i] ? strlen(from[i]) + 1 : 0;
    f = malloc(total);
    if (!f)
        return NULL;
    for (i = 0; i < N_TEXTS; at += sizes[i++])
        if (from[i])
            to[i] = memcpy(f->texts + at, from[i], sizes[i]);
    *f = (mrpy_failure){.entry = *entry};
    f->entry.key = to[KEY];
    f->entry.id = to[ID];
    f->entry.uri = to[URI];
    f->entry.state = to[STATE];
    f->entry.message = to[MESSAGE];
    f->entry.format = to[FORMAT];
    f->entry.fingerprint = to[FINGERPRINT];
    f->entry.version_etag = to[ETAG];
    return f;
}

void mrpy_failures_add(void *cookie, const mr_ledger_entry *entry)
{
    mrpy_failures *all = cookie;
    mrpy_failure *f = all->n < MRPY_FAILURES_MAX ? copy_of(entry) : NULL;

    if (!f)
        return;
    *(all->last ? &all->last->next : &all->first) = f;
    all->last = f;
    all->n++;
}

PyObject *mrpy_failures_list(mrpy_state *state, const mrpy_failures *all)
{
    PyObject *list = PyList_New(0);
    const mrpy_failure *f;

    for (f = all->first; list && f; f = f->next) {
        PyObject *record = mrpy_record_of(state, MRPY_R_LEDGER, &f->entry);

        if (!record || PyList_Append(list, record) < 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

void mrpy_failures_clear(mrpy_failures *all)
{
    mrpy_failure *f = all->first;

    while (f) {
        mrpy_failure *next = f->next;

        free(f);
        f = next;
    }
    *all = (mrpy_failures){NULL, NULL, 0};
}
