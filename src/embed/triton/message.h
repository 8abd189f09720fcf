/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a server over gRPC, and what it says, as messages. All of the latter is hostile
 * until it was checked. */
#ifndef MR_EMBED_TRITON_MESSAGE_H
#define MR_EMBED_TRITON_MESSAGE_H

#include "base/buf.h"
#include "embed/triton/transport.h"

/* Each appends to `out`; false: no memory. */
bool mr__triton_pack_model(const char *model, const char *version, mr__buf *out);
bool mr__triton_pack_region(const mr__triton_region *region, mr__buf *out);
bool mr__triton_pack_region_name(const char *name, mr__buf *out);
/* Without a region the message ends where the bytes of the input are to follow. */
bool mr__triton_pack_infer(const mr__triton_infer *infer, mr__buf *out);

/* Each: MR_E_ENV when the bytes are not what they have to be. */
mr_status mr__triton_unpack_server(const uint8_t *data, size_t n, mr__triton_server *out,
                                   mr_error *err);
mr_status mr__triton_unpack_metadata(const uint8_t *data, size_t n, mr__triton_model *out,
                                     mr_error *err);
mr_status mr__triton_unpack_config(const uint8_t *data, size_t n, mr__triton_model *out,
                                   mr_error *err);
/* Finds `output`; its bytes are put into `bytes`, and `out->data` points there. */
mr_status mr__triton_unpack_answer(const uint8_t *data, size_t n, const char *output,
                                   mr__buf *bytes, mr__triton_answer *out, mr_error *err);

#endif
