/* SPDX-License-Identifier: Apache-2.0 */
/* Is this machine fit: asks the CPU, the libraries, and one worker that is started for it. */
#include "millrace/doctor.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <jpeglib.h>
#include <nettle/version.h>
#include <seccomp.h>
#include <spng.h>
#include <sqlite3.h>
#include <webp/decode.h>
#include <yaml.h>

#include "base/machine.h"
#include "base/text.h"
#include "fetch/fetch.h"
#include "module/module.h"
#include "millrace/stream.h"
#include "pipeline/one.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

#define ASK_MS 5000
#define REQUIRED                                                                                   \
    (MR_SANDBOX_NO_NEW_PRIVS | MR_SANDBOX_SECCOMP | MR_SANDBOX_LANDLOCK | MR_SANDBOX_RLIMITS)

/* A PNG of one grey pixel: when its row comes back, a worker is ready and its sandbox in force. */
static const unsigned char pixel_png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
    0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
    0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78,
    0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00,
    0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

static void add_part(mr_doctor_part *parts, uint32_t *n, const char *name, const char *value)
{
    mr_doctor_part *part = &parts[(*n)++];

    (void)mr__text_copy(part->name, sizeof part->name, name);
    (void)mr__text_copy(part->value, sizeof part->value, value);
}

static void list_libraries(mr_doctor *out)
{
    char text[32], library[96];
    int webp = WebPGetDecoderVersion();

    add_part(out->libraries, &out->n_libraries, "libjpeg-turbo", TEXT_OF(LIBJPEG_TURBO_VERSION));
    add_part(out->libraries, &out->n_libraries, "libspng", spng_version_string());
    (void)snprintf(text, sizeof text, "%d.%d.%d", webp >> 16, (webp >> 8) & 255, webp & 255);
    add_part(out->libraries, &out->n_libraries, "libwebp", text);
    add_part(out->libraries, &out->n_libraries, "sqlite", sqlite3_libversion());
    add_part(out->libraries, &out->n_libraries, "jansson", jansson_version_str());
    (void)snprintf(text, sizeof text, "%d.%d", nettle_version_major(), nettle_version_minor());
    add_part(out->libraries, &out->n_libraries, "nettle", text);
    add_part(out->libraries, &out->n_libraries, "libyaml", yaml_get_version_string());
    (void)mr__fetch_library(library, sizeof library);
    add_part(out->libraries, &out->n_libraries, "libcurl", library);
    /* linked by the worker only: the version that it was built against */
    add_part(out->libraries, &out->n_libraries, "libseccomp",
             TEXT_OF(SCMP_VER_MAJOR) "." TEXT_OF(SCMP_VER_MINOR) "." TEXT_OF(SCMP_VER_MICRO));
}

/* "ready", with the library behind it, or why not. */
static void add_module(mr_doctor *out, const char *name, const char *module, const char *kind)
{
    char state[sizeof out->modules[0].value - 8], value[sizeof out->modules[0].value];
    const mr__module *loaded = NULL;
    mr_error why = {0};

    if (mr__module_load(module, kind, &loaded, &why) != MR_OK ||
        loaded->probe(state, sizeof state, &why) != MR_OK) {
        add_part(out->modules, &out->n_modules, name, why.message);
        return;
    }
    (void)snprintf(value, sizeof value, "ready (%s)", state);
    add_part(out->modules, &out->n_modules, name, value);
}

static void list_modules(mr_doctor *out)
{
    add_module(out, "onnx", "embed-onnx", "embedder");
    add_module(out, "triton-grpc", "triton-grpc", "transport");
    add_module(out, "milvus", "store-milvus", "store");
    add_part(out->modules, &out->n_modules, "faiss", "not in this build");
}

static mr_status look_at_pool(void *cookie, const mr_batch *batch, mr_pool *pool, mr_error *err)
{
    mr_doctor *out = cookie;
    mr_pool_stats stats;
    char link[64];
    int pid = 0;
    ssize_t n;

    (void)batch;
    (void)err;
    mr_pool_stats_get(pool, &stats);
    out->sandbox_layers = stats.sandbox_layers;
    out->landlock_abi = stats.landlock_abi;
    if (mr_pool_pids(pool, &pid, 1) == 0)
        return MR_OK;
    (void)snprintf(link, sizeof link, "/proc/%d/exe", pid);
    n = readlink(link, out->worker_path, sizeof out->worker_path - 1);
    out->worker_path[n > 0 ? n : 0] = '\0';
    return MR_OK;
}

static void judge(mr_doctor *out)
{
    static const struct {
        uint32_t bit;
        const char *problem;
    } layers[] = {
        {MR_SANDBOX_NO_NEW_PRIVS, "workers run without no_new_privs: the kernel refused it"},
        {MR_SANDBOX_SECCOMP, "workers run without a seccomp filter: the kernel needs "
                             "CONFIG_SECCOMP_FILTER"},
        {MR_SANDBOX_LANDLOCK, "workers run without Landlock: it needs Linux 5.13 or newer with "
                              "landlock among its security modules (lsm=)"},
        {MR_SANDBOX_RLIMITS, "workers run without resource limits: raise the hard limits of this "
                             "process"},
    };
    size_t i;

    out->ok = (out->sandbox_layers & REQUIRED) == REQUIRED;
    for (i = 0; i < sizeof layers / sizeof layers[0]; i++)
        if (!(out->sandbox_layers & layers[i].bit)) {
            (void)mr__text_copy(out->problem, sizeof out->problem, layers[i].problem);
            return;
        }
}

mr_status mr_doctor_run(const char *worker_path, mr_doctor *out, mr_error *err)
{
    const mr__one_options one = {.bytes = pixel_png,
                                 .n_bytes = sizeof pixel_png,
                                 .timeout_ms = ASK_MS,
                                 .worker_path = worker_path};
    mr__cpu_level level;
    mr_plan *plan = NULL;
    mr_preset preset;
    mr_error worker = {0};
    mr_status status;

    *out = (mr_doctor){0};
    status = mr__cpu_level_detect(getenv("MILLRACE_CPU"), &level, err);
    if (status != MR_OK)
        return status;
    (void)mr__text_copy(out->cpu_level, sizeof out->cpu_level, mr__cpu_level_name(level));
    out->cores = mr__machine_cores();
    out->memory_bytes = mr__machine_memory();
    list_libraries(out);
    list_modules(out);
    if (!mr_preset_at(0, &preset))
        return mr__error_set(err, MR_E_INTERNAL, "doctor: no preset");
    status = mr_plan_open(preset.name, &plan, err);
    if (status != MR_OK)
        return status;
    /* a machine on which no worker starts is an answer, not an error */
    if (mr__one_run(&one, plan, look_at_pool, out, &worker) == MR_OK)
        judge(out);
    else
        (void)mr__text_copy(out->problem, sizeof out->problem, worker.message);
    mr_plan_close(&plan);
    return MR_OK;
}
