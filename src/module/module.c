/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and loading modules: see module.h. */
#include "module/module.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_SIZE = 4096, PLACES = 5, SHOWN = 90 };

/* Where modules are looked for, in this order. */
typedef struct places {
    char dir[PLACES][PATH_SIZE]; /* each with its slash */
    size_t n;
} places;

static void add_place(places *p, const char *dir, const char *below)
{
    char *place = p->dir[p->n];
    size_t i;

    if (dir[0] != '/' || p->n == PLACES)
        return;
    if (!mr__text_copy(place, PATH_SIZE, dir) || !mr__text_append(place, PATH_SIZE, below))
        return;
    for (i = 0; i < p->n; i++)
        if (strcmp(p->dir[i], place) == 0)
            return;
    p->n++;
}

/* Directory of a path, with its slash; "" if it has none. */
static void directory_of(char *path)
{
    char *slash = strrchr(path, '/');

    path[slash ? slash + 1 - path : 0] = '\0';
}

/* MILLRACE_MODULES, if set, is the only place. Else: beside the library, beside the program (which
 * may hold the library), and where `make install` puts them. */
static void find_places(places *p)
{
    const char *set = secure_getenv("MILLRACE_MODULES");
    char path[PATH_SIZE] = "";
    Dl_info info;
    ssize_t n;

    p->n = 0;
    if (set && *set) {
        add_place(p, set, "/");
        return;
    }
    if (dladdr((const void *)&mr__module_load, &info) != 0 && info.dli_fname &&
        mr__text_copy(path, sizeof path, info.dli_fname)) {
        directory_of(path);
        add_place(p, path, "");
        add_place(p, path, "millrace/");
    }
    n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    directory_of(path);
    add_place(p, path, "");
    add_place(p, MR_MODULES_INSTALLED, "/");
}

static mr_status not_installed(const places *p, const char *name, mr_error *err)
{
    char shown[400] = "";
    size_t i;

    for (i = 0; i < p->n; i++) {
        char one[SHOWN];
        (void)mr__text_copy(one, sizeof one, p->dir[i]);
        (void)mr__text_append(shown, sizeof shown, i > 0 ? ", " : "");
        (void)mr__text_append(shown, sizeof shown, one);
    }
    return mr__error_set(err, MR_E_UNSUPPORTED,
                         "module millrace-%s.so is not installed; looked in %s", name,
                         p->n > 0 ? shown : "MILLRACE_MODULES, which is no absolute path");
}

/* Does what was found fit this library? */
static mr_status judge(const mr__module *module, const char *path, const char *kind, mr_error *err)
{
    if (!module || module->magic != MR__MODULE_MAGIC)
        return mr__error_set(err, MR_E_ENV, "module %s: is no module of millrace", path);
    if (module->abi != MR__MODULE_ABI || strcmp(module->version, MR_VERSION) != 0)
        return mr__error_set(err, MR_E_ENV,
                             "module %s: is of version %s (interface %u), the library of %s (%u): "
                             "install both from one build",
                             path, module->abi == MR__MODULE_ABI ? module->version : "another",
                             (unsigned)module->abi, MR_VERSION, MR__MODULE_ABI);
    if (strcmp(module->kind, kind) != 0)
        return mr__error_set(err, MR_E_ENV, "module %s: is a %s, not a %s", path, module->kind,
                             kind);
    return MR_OK;
}

static mr_status load(const char *path, const char *kind, const mr__module **out, mr_error *err)
{
    /* never unmapped: threads of its libraries may outlive every user of it */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const mr__module *module;
    mr_status status;

    if (!handle)
        return mr__error_set(err, MR_E_ENV, "module %s: %s", path, dlerror());
    module = dlsym(handle, MR__MODULE_SYMBOL);
    status = judge(module, path, kind, err);
    (void)dlclose(handle);
    if (status == MR_OK)
        *out = module;
    return status;
}

mr_status mr__module_load(const char *name, const char *kind, const mr__module **out, mr_error *err)
{
    places *p = malloc(sizeof *p);
    char path[PATH_SIZE];
    mr_status status;
    size_t i;

    *out = NULL;
    if (!p)
        return mr__error_no_memory(err, "module");
    find_places(p);
    for (i = 0; i < p->n; i++) {
        int n = snprintf(path, sizeof path, "%smillrace-%s.so", p->dir[i], name);
        if (n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0)
            break;
    }
    status = i < p->n ? load(path, kind, out, err) : not_installed(p, name, err);
    free(p);
    return status;
}
