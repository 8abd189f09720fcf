/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "milvus://HOST[:PORT][/DATABASE]": collections of a Milvus server, over gRPC. A module: see
 * module/module.h. store/milvus/ has its parts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "module/module.h"
#include "store/milvus/milvus.h"

static bool milvus_takes(const char *spec)
{
    return strncmp(spec, "milvus:", 7) == 0;
}

static void milvus_close(mr_store *store)
{
    mr__mv *self = (mr__mv *)store;

    mr__mv_client_close(&self->client);
    mr__mv_params_fini(&self->params);
    mr__mv_schema_fini(&self->schema);
    free(self->fingerprint);
    free(self->spec);
    free(self);
}

static mr_status milvus_open(const char *spec, const mr_store_options *options, mr_store **out,
                             mr_error *err)
{
    mr__mv *self = calloc(1, sizeof *self);
    mr_status status;

    if (!self)
        return mr__error_no_memory(err, "store");
    self->read_only = options->read_only;
    self->schema.about.metric = MR_METRIC_ANY;
    self->spec = strdup(spec);
    status = self->spec ? MR_OK : mr__error_no_memory(err, "store");
    if (status == MR_OK)
        status =
            mr__mv_params_take(&self->params, options->params, options->n_params, MR__MV_ALL, err);
    if (status == MR_OK)
        status = mr__mv_params_environment(&self->params, err);
    if (status == MR_OK)
        status = mr__mv_client_open(&self->client, spec, &self->params, &options->logger, err);
    if (status != MR_OK) {
        milvus_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

static mr_status milvus_health(mr_store *store, char *state, size_t size, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    Mv__CheckHealthRequest message = MV__CHECK_HEALTH_REQUEST__INIT;
    const mr__mv_request request = {.method = "CheckHealth", .message = &message.base};
    const Mv__CheckHealthResponse *answer;
    mr__mv_reply reply;
    char why[200] = "";
    mr_status status =
        mr__mv_call(&self->client, &request, &mv__check_health_response__descriptor, &reply, err);

    if (status == MR_OK) {
        answer = reply.message;
        if (answer->n_reasons > 0)
            mr__text_escape(why, sizeof why, (const char *)answer->reasons[0].data,
                            answer->reasons[0].len);
        if (!answer->is_healthy)
            status = mr__error_set(err, MR_E_ENV, "%s is not well: %s", self->spec,
                                   why[0] ? why : "it does not say why; see its log");
    }
    mr__mv_reply_fini(&reply);
    if (status == MR_OK)
        (void)snprintf(state, size, "%s %s", self->client.lite ? "" : "Milvus",
                       self->client.version);
    return status;
}

static mr_status milvus_probe(char *state, size_t size, mr_error *err)
{
    (void)err;
    (void)snprintf(state, size, "gRPC %s", mr__rpc_library());
    return MR_OK;
}

static const mr__store_ops ops = {
    .name = "milvus",
    .takes = milvus_takes,
    .open = milvus_open,
    .begin = mr__mv_begin,
    .commit = mr__mv_commit,
    .finish = mr__mv_finish,
    .ledger_beside = true,
    .identity = mr__mv_identity,
    .select = mr__mv_select,
    .collection = mr__mv_collection,
    .list = mr__mv_list,
    .vector = mr__mv_vector,
    .search = mr__mv_search,
    .close = milvus_close,
    .create = mr__mv_create,
    .drop = mr__mv_drop,
    .load = mr__mv_load_op,
    .release = mr__mv_release,
    .flush = mr__mv_flush_op,
    .remove = mr__mv_remove,
    .remove_where = mr__mv_remove_where,
    .health = milvus_health,
};

extern MR_API const mr__module mr__module_entry;

const mr__module mr__module_entry = {
    .magic = MR__MODULE_MAGIC,
    .abi = MR__MODULE_ABI,
    .version = MR_VERSION,
    .name = "store-milvus",
    .kind = "store",
    .ops = &ops,
    .probe = milvus_probe,
};
