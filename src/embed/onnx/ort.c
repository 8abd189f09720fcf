/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and loading ONNX Runtime: see ort.h. */
#include "embed/onnx/ort.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

#define LIBRARY  "libonnxruntime.so"
#define VARIABLE "MILLRACE_ONNXRUNTIME"
#define NEXT_STEP                                                                                  \
    "install one (pip install onnxruntime) and name it with --onnxruntime PATH or " VARIABLE

typedef struct api_base {
    void *const *(*get_api)(uint32_t level);
    const char *(*get_version)(void);
} api_base;

typedef const api_base *get_base(void);

#define SLOT(field, number)                                                                        \
    {                                                                                              \
        offsetof(mr__ort_api, field), number                                                       \
    }

static const struct slot {
    size_t offset;
    size_t number;
} slots[] = {
    SLOT(get_error_code, 1),
    SLOT(get_error_message, 2),
    SLOT(create_env, 4), /* CreateEnvWithCustomLogger */
    SLOT(create_session, 7),
    SLOT(run, 9),
    SLOT(create_options, 10),
    SLOT(set_optimisation, 23),
    SLOT(set_intra_threads, 24),
    SLOT(set_inter_threads, 25),
    SLOT(input_count, 30),
    SLOT(output_count, 31),
    SLOT(input_type, 33),
    SLOT(output_type, 34),
    SLOT(input_name, 36),
    SLOT(output_name, 37),
    SLOT(create_tensor, 49), /* CreateTensorWithDataAsOrtValue */
    SLOT(is_tensor, 50),
    SLOT(tensor_data, 51),
    SLOT(type_to_shape, 55),
    SLOT(element_type, 60),
    SLOT(rank, 61),
    SLOT(dimensions, 62),
    SLOT(value_shape, 65),
    SLOT(create_memory, 69), /* CreateCpuMemoryInfo */
    SLOT(allocator_free, 76),
    SLOT(default_allocator, 78),
    SLOT(release_env, 92),
    SLOT(release_status, 93),
    SLOT(release_memory, 94),
    SLOT(release_session, 95),
    SLOT(release_value, 96),
    SLOT(release_type, 98),
    SLOT(release_shape, 99),
    SLOT(release_options, 100),
    SLOT(providers, 125),
    SLOT(release_providers, 126),
    SLOT(add_config, 130),
    SLOT(append_tensorrt, 170),
    SLOT(create_tensorrt, 171),
    SLOT(update_tensorrt, 172),
    SLOT(release_tensorrt, 174),
    SLOT(append_cuda, 204),
    SLOT(create_cuda, 205),
    SLOT(update_cuda, 206),
    SLOT(release_cuda, 208),
    SLOT(append_openvino, 275),
};

_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "a slot holds a function");
_Static_assert(sizeof(mr__ort_api) == sizeof slots / sizeof slots[0] * sizeof(void *),
               "each function of the table has its slot");

/* Minor version of "1.MINOR.PATCH"; 0 if it is none. */
static unsigned long minor_of(const char *version)
{
    return strncmp(version, "1.", 2) == 0 ? strtoul(version + 2, NULL, 10) : 0;
}

static mr_status fill(void *handle, const char *name, mr__ort *out, mr_error *err)
{
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const api_base *base = NULL;
    void *const *table;
    get_base *get;
    Dl_info info;

    if (symbol) {
        memcpy(&get, &symbol, sizeof get);
        base = get();
    }
    if (!base)
        return mr__error_set(err, MR_E_ENV, "%s is no ONNX Runtime", name);
    (void)mr__text_copy(out->version, sizeof out->version, base->get_version());
    /* asked first, since an older library prints when asked for a newer table */
    table = minor_of(out->version) >= MR__ORT_API ? base->get_api(MR__ORT_API) : NULL;
    if (!table)
        return mr__error_set(err, MR_E_ENV, "%s is ONNX Runtime %s; 1.%d or newer is needed", name,
                             out->version, MR__ORT_API);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        memcpy((char *)&out->api + slots[i].offset, &table[slots[i].number], sizeof table[0]);
    if (dladdr(symbol, &info) == 0 || !info.dli_fname)
        info.dli_fname = name;
    (void)mr__text_copy(out->path, sizeof out->path, info.dli_fname);
    return MR_OK;
}

static mr_status load_file(const char *name, mr__ort *out, mr_error *err)
{
    /* never unmapped: its threads and its handlers at exit may outlive every session */
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    mr_status status;

    if (!handle)
        return mr__error_set(err, MR_E_ENV, "ONNX Runtime: %s", dlerror());
    status = fill(handle, name, out, err);
    (void)dlclose(handle);
    return status;
}

/* The last match of a pattern, which is the highest version of those that sort so. */
static bool last_match(const char *folder, const char *below, char *out, size_t size)
{
    char pattern[4096];
    glob_t found = {0};
    bool any = false;
    int n = snprintf(pattern, sizeof pattern, "%s%s/" LIBRARY "*", folder, below);

    if (n <= 0 || (size_t)n >= sizeof pattern)
        return false;
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0)
        any = mr__text_copy(out, size, found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return any;
}

/* A path that somebody named: the library, or a folder in which it is. */
static mr_status load_named(const char *path, const char *who, mr__ort *out, mr_error *err)
{
    static const char *const below[] = {"", "/lib", "/capi", "/onnxruntime/capi",
                                        "/lib/python3*/site-packages/onnxruntime/capi"};
    char file[4096];
    struct stat info;
    bool found = true;
    mr_status status;

    (void)mr__text_copy(file, sizeof file, path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        found = false;
        for (size_t i = 0; i < sizeof below / sizeof below[0] && !found; i++)
            found = last_match(path, below[i], file, sizeof file);
    } else if (!strchr(path, '/') && stat(path, &info) == 0) {
        /* without a slash the loader would not look in the working directory */
        (void)mr__text_copy(file, sizeof file, "./");
        found = mr__text_append(file, sizeof file, path);
    }
    if (!found)
        return mr__error_set(err, MR_E_ENV, "%s %s: no " LIBRARY " in this folder", who, path);
    status = load_file(file, out, err);
    return status == MR_OK ? status : mr__error_wrap(err, "%s", who);
}

/* Python packages of the environment in force, of the user, of the system. */
static bool find_package(char *out, size_t size)
{
    static const struct {
        const char *variable, *folder, *below;
    } places[] = {
        {"VIRTUAL_ENV", NULL, "/lib/python3*/site-packages/onnxruntime/capi"},
        {"CONDA_PREFIX", NULL, "/lib/python3*/site-packages/onnxruntime/capi"},
        {"HOME", NULL, "/.local/lib/python3*/site-packages/onnxruntime/capi"},
        {NULL, "/usr/local", "/lib/python3*/dist-packages/onnxruntime/capi"},
        {NULL, "/usr/local", "/lib/python3*/site-packages/onnxruntime/capi"},
        {NULL, "/usr", "/lib/python3*/dist-packages/onnxruntime/capi"},
        {NULL, "/usr", "/lib/python3*/site-packages/onnxruntime/capi"},
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *folder =
            places[i].variable ? secure_getenv(places[i].variable) : places[i].folder;
        if (folder && *folder && last_match(folder, places[i].below, out, size))
            return true;
    }
    return false;
}

mr_status mr__ort_load(const char *path, mr__ort *out, mr_error *err)
{
    const char *set = secure_getenv(VARIABLE);
    char package[4096];
    mr_error ignored;

    memset(out, 0, sizeof *out);
    if (path && *path)
        return load_named(path, "runtime", out, err);
    if (set && *set)
        return load_named(set, VARIABLE, out, err);
    if (load_file(LIBRARY ".1", out, &ignored) == MR_OK ||
        load_file(LIBRARY, out, &ignored) == MR_OK)
        return MR_OK;
    if (find_package(package, sizeof package))
        return load_file(package, out, err);
    return mr__error_set(err, MR_E_ENV,
                         "no ONNX Runtime: neither the loader's path nor the usual places of "
                         "Python packages have " LIBRARY "; " NEXT_STEP);
}

mr_status mr__ort_check(const mr__ort *ort, mr__ort_status *status, const char *what, mr_error *err)
{
    static const char *const codes[] = {"ok",
                                        "failed",
                                        "invalid argument",
                                        "no such file",
                                        "no model",
                                        "engine error",
                                        "exception",
                                        "not an ONNX model (protobuf)",
                                        "model loaded already",
                                        "not implemented",
                                        "invalid graph",
                                        "execution provider failed"};
    int code;

    if (!status)
        return MR_OK;
    code = ort->api.get_error_code(status);
    (void)mr__error_set(err, MR_E_ENV, "%s: %s: %s", what,
                        code > 0 && (size_t)code < sizeof codes / sizeof codes[0] ? codes[code]
                                                                                  : "error",
                        ort->api.get_error_message(status));
    ort->api.release_status(status);
    return MR_E_ENV;
}

const char *mr__ort_type_name(int element_type)
{
    static const char *const names[] = {"undefined",  "float32", "uint8",  "int8",   "uint16",
                                        "int16",      "int32",   "int64",  "string", "bool",
                                        "float16",    "float64", "uint32", "uint64", "complex64",
                                        "complex128", "bfloat16"};

    if (element_type < 0 || (size_t)element_type >= sizeof names / sizeof names[0])
        return "unknown";
    return names[element_type];
}
