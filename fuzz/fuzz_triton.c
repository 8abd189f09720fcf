/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server of models says over HTTP. The first two bytes say how much of the rest is JSON, as
 * a header of the server would. Whatever it is, an output that is found lies inside of the body.
 */
#include <stdlib.h>
#include <string.h>

#include "embed/triton/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_tensors(const mr__triton_tensor *tensors, uint32_t n)
{
    check(n >= 1 && n <= MR__TRITON_TENSORS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        check(tensors[i].rank <= MR__TRITON_RANK_MAX);
        check(strnlen(tensors[i].name, sizeof tensors[i].name) < sizeof tensors[i].name);
    }
}

static void check_model(const char *text, size_t n)
{
    mr__triton_model *model = malloc(sizeof *model);

    check(model != NULL);
    if (mr__triton_read_metadata(text, n, model, NULL) == MR_OK) {
        check_tensors(model->inputs, model->n_inputs);
        check_tensors(model->outputs, model->n_outputs);
    }
    if (mr__triton_read_config(text, n, model, NULL) == MR_OK)
        check(model->instances <= 1024);
    free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mr__triton_answer answer;
    mr__triton_server server;
    uint32_t dim = 0;
    const char *body;
    size_t n, json;
    char text[64];

    if (size < 2)
        return 0;
    json = (size_t)data[0] << 8 | data[1];
    body = (const char *)data + 2;
    n = size - 2;
    if (mr__triton_read_answer(body, n, json, "output", &answer, NULL) == MR_OK) {
        const char *from = answer.data;
        check(from >= body && answer.bytes <= n && from + answer.bytes <= body + n);
        if (mr__triton_output_check(&answer.tensor, answer.bytes, 2, &dim, NULL) == MR_OK)
            check(dim >= 1 && 2 * dim * mr__triton_type_bytes(answer.tensor.type) == answer.bytes);
    }
    check_model(body, n);
    if (mr__triton_read_server(body, n, &server, NULL) == MR_OK)
        check(strnlen(server.version, sizeof server.version) < sizeof server.version);
    mr__triton_read_error(body, n, text, sizeof text);
    check(strnlen(text, sizeof text) < sizeof text);
    return 0;
}
