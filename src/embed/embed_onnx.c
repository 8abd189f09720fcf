/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "onnx:MODEL": any model that ONNX Runtime runs. A module: see module/module.h; embed/onnx/ has
 * its parts, embed/onnx/options.h its options.
 *
 * Without a plan only the specification is checked and the file looked for: which preprocessing a
 * model was trained with is not in the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/text.h"
#include "embed/embed.h"
#include "embed/onnx/model.h"
#include "embed/onnx/session.h"
#include "module/module.h"

enum { ONNX_CONCURRENCY = 4 };

typedef struct onnx {
    mr_embedder base;
    mr__onnx_session session; /* without a plan: not opened */
    mr__onnx_options options;
    bool ready;
    char spec[MR__ONNX_SPEC_SIZE];
} onnx;

static const mr__embed_ops ops;

static void onnx_close(mr_embedder *embedder)
{
    onnx *self = (onnx *)embedder;

    mr__onnx_session_close(&self->session);
    free(self);
}

/* The CPUs that the workers leave; if they leave none, half: threads of both sleep while they wait
 * for the other, so whichever is the bottleneck gets more than its share. */
static uint32_t fair_threads(uint32_t workers)
{
    uint32_t cores = mr__machine_cores();

    if (workers < cores)
        return cores - workers;
    return cores > 1 ? cores / 2 : 1;
}

static mr_status open_session(onnx *self, const mr__plan_spec *spec,
                              const mr__embed_context *context, mr_error *err)
{
    mr__onnx_options *options = &self->options;
    mr_status status = mr__onnx_model_digest(options, err);

    if (status != MR_OK)
        return status;
    if (options->threads == 0)
        options->threads = fair_threads(context->workers);
    if (mr__onnx_session_open(options, spec, &self->session, err) != MR_OK)
        return mr__error_wrap(err, "embedder onnx");
    self->ready = true;
    self->base.info.dim = self->session.dim;
    /* on CPUs a call has all threads already: another one would only add its activations */
    self->base.info.worthwhile = options->provider == MR__ONNX_CPU ? 1 : 2;
    mr__log(context->logger, MR_LOG_INFO, "embed",
            "onnx: %s on %s by ONNX Runtime %s (%s), %u threads, %u numbers", options->model,
            mr__onnx_provider_name(options->provider), self->session.ort.version,
            self->session.ort.path, (unsigned)options->threads, (unsigned)self->session.dim);
    return mr__onnx_options_print(options, self->spec, sizeof self->spec, err);
}

static mr_status onnx_open(const char *rest, const mr__plan_spec *spec,
                           const mr__embed_context *context, mr_embedder **out, mr_error *err)
{
    onnx *self = calloc(1, sizeof *self);
    mr__onnx_options *options;
    mr_status status;

    if (!self)
        return mr__error_no_memory(err, "embedder onnx");
    options = &self->options;
    self->base.ops = &ops;
    self->base.info = (mr_embedder_info){.spec = self->spec, .concurrency = ONNX_CONCURRENCY};
    status = mr__onnx_options_parse(rest, options, err);
    if (status == MR_OK)
        status = mr__onnx_model_find(options, err);
    if (status == MR_OK)
        (void)snprintf(self->spec, sizeof self->spec, "onnx:%s", options->model);
    if (status == MR_OK && spec)
        status = open_session(self, spec, context, err);
    if (status != MR_OK) {
        onnx_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

static mr_status onnx_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                          mr_error *err)
{
    onnx *self = (onnx *)embedder;
    mr_status status;

    if (!self->ready)
        return mr__error_set(err, MR_E_INVALID, "opened without a plan");
    status = mr__onnx_session_run(&self->session, rows, n, vectors, err);
    if (status == MR_OK)
        mr__embed_normalise(vectors, n, embedder->info.dim);
    return status;
}

static mr_status onnx_probe(char *state, size_t size, mr_error *err)
{
    mr__ort *ort = malloc(sizeof *ort);
    mr_status status;

    if (!ort)
        return mr__error_no_memory(err, "embedder onnx");
    status = mr__ort_load(NULL, ort, err);
    if (status == MR_OK)
        (void)snprintf(state, size, "onnxruntime %s at %s", ort->version, ort->path);
    free(ort);
    return status;
}

/* The same model in another place. */
static bool onnx_same(const mr_embedder *embedder, const char *rest)
{
    const onnx *self = (const onnx *)embedder;
    mr__onnx_options *other = malloc(sizeof *other);
    char *spec = malloc(MR__ONNX_SPEC_SIZE);
    bool same = other && spec && mr__onnx_options_parse(rest, other, NULL) == MR_OK;

    if (same) {
        (void)mr__text_copy(other->model, sizeof other->model, self->options.model);
        same = mr__onnx_options_print(other, spec, MR__ONNX_SPEC_SIZE, NULL) == MR_OK &&
               strcmp(spec, self->spec) == 0;
    }
    free(other);
    free(spec);
    return same;
}

static const mr__embed_ops ops = {
    .name = "onnx",
    .open = onnx_open,
    .run = onnx_run,
    .close = onnx_close,
    .same = onnx_same,
};

extern MR_API const mr__module mr__module_entry;

const mr__module mr__module_entry = {
    .magic = MR__MODULE_MAGIC,
    .abi = MR__MODULE_ABI,
    .version = MR_VERSION,
    .name = "embed-onnx",
    .kind = "embedder",
    .ops = &ops,
    .probe = onnx_probe,
};
