/* SPDX-License-Identifier: Apache-2.0 */
/*
 * millrace-worker: started by the host with four descriptors, it maps the shared areas, warms up,
 * closes the door behind itself and serves its mailbox until the host says so or is gone.
 */
#include <stdio.h>

#include "base/text.h"
#include "worker/sandbox.h"
#include "worker/serve.h"

int main(int argc, char **argv)
{
    mr__areas areas = {0};
    mr__serve *serve = NULL;
    mr__sandbox_state state;
    mr_error err = {0};
    uint64_t parent;
    int rc;

    if (argc != 2) {
        (void)fprintf(stderr, "millrace-worker %s: started by millrace itself, not by hand\n",
                      MR_VERSION);
        return 2;
    }
    if (!mr__text_u64(argv[1], &parent) || !mr__sandbox_attach((int)parent))
        return MR__EXIT_START;
    rc = mr__areas_map(&areas);
    if (rc != MR__EXIT_OK)
        return rc;
    if (mr__serve_open(&areas, &serve, &err) != MR_OK)
        return MR__EXIT_START;
    state = mr__sandbox_close_door(areas.event_fd,
                                   areas.control->standing_bytes + areas.control->grant_max_bytes);
    mr__word_store(&areas.control->sandbox_layers, state.layers);
    mr__word_store(&areas.control->landlock_abi, state.landlock_abi);
    mr__serve_run(serve);
    mr__serve_close(&serve);
    return MR__EXIT_OK;
}
