/* SPDX-License-Identifier: Apache-2.0 */
/* Execution providers: where a model runs. The CPU is always there, as the last. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "embed/onnx/session.h"

/* A list of options of one entry at most; OpenVINO takes a device by name, the others a number. */
typedef struct device {
    const char *keys[1], *values[1];
    size_t n;
} device;

static device device_of(const mr__onnx_options *options)
{
    device d = {.keys = {options->provider == MR__ONNX_OPENVINO ? "device_type" : "device_id"},
                .values = {options->device},
                .n = options->device[0] ? 1 : 0};

    return d;
}

static mr__ort_status *add_cuda(const mr__ort_api *api, const device *d, mr__ort_options *to)
{
    mr__ort_cuda *cuda = NULL;
    mr__ort_status *failed = api->create_cuda(&cuda);

    if (!failed && d->n > 0)
        failed = api->update_cuda(cuda, d->keys, d->values, d->n);
    if (!failed)
        failed = api->append_cuda(to, cuda);
    if (cuda)
        api->release_cuda(cuda);
    return failed;
}

/* TensorRT takes what it can; CUDA behind it takes the rest. */
static mr__ort_status *add_tensorrt(const mr__ort_api *api, const device *d, mr__ort_options *to)
{
    mr__ort_tensorrt *tensorrt = NULL;
    mr__ort_status *failed = api->create_tensorrt(&tensorrt);

    if (!failed && d->n > 0)
        failed = api->update_tensorrt(tensorrt, d->keys, d->values, d->n);
    if (!failed)
        failed = api->append_tensorrt(to, tensorrt);
    if (tensorrt)
        api->release_tensorrt(tensorrt);
    return failed ? failed : add_cuda(api, d, to);
}

/* What the library was built with, as far as it can be said. */
static void list_providers(const mr__ort *ort, char *text, size_t size)
{
    mr__ort_status *failed;
    char **names = NULL;
    int n = 0;

    (void)mr__text_copy(text, size, "");
    failed = ort->api.providers(&names, &n);
    if (failed) {
        ort->api.release_status(failed);
        return;
    }
    for (int i = 0; i < n; i++) {
        (void)mr__text_append(text, size, i > 0 ? ", " : "");
        (void)mr__text_append(text, size, names[i]);
    }
    failed = ort->api.release_providers(names, n);
    if (failed)
        ort->api.release_status(failed);
}

mr_status mr__onnx_provider_add(const mr__ort *ort, const mr__onnx_options *options,
                                mr__ort_options *to, mr_error *err)
{
    device d = device_of(options);
    mr__ort_status *failed = NULL;
    char has[160], what[300];

    switch (options->provider) {
    case MR__ONNX_CPU:
        break;
    case MR__ONNX_CUDA:
        failed = add_cuda(&ort->api, &d, to);
        break;
    case MR__ONNX_TENSORRT:
        failed = add_tensorrt(&ort->api, &d, to);
        break;
    case MR__ONNX_OPENVINO:
        failed = ort->api.append_openvino(to, d.keys, d.values, d.n);
        break;
    }
    if (!failed)
        return MR_OK;
    list_providers(ort, has, sizeof has);
    (void)snprintf(what, sizeof what,
                   "provider %s is not available in ONNX Runtime %s, which has %s: install a build "
                   "that has it, or leave provider= out",
                   mr__onnx_provider_name(options->provider), ort->version, has);
    return mr__ort_check(ort, failed, what, err);
}
