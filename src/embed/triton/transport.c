/* SPDX-License-Identifier: Apache-2.0 */
/* What both transports read in the same way: see transport.h. */
#include "embed/triton/transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void mr__triton_server_set(mr__triton_server *out, const char *version)
{
    char *end = NULL;
    unsigned long major, minor;

    (void)mr__text_copy(out->version, sizeof out->version, version);
    out->major = out->minor = 0;
    major = strtoul(out->version, &end, 10);
    if (end == out->version || *end != '.' || major > 999)
        return;
    minor = strtoul(end + 1, NULL, 10);
    if (minor > 999)
        return;
    out->major = (unsigned)major;
    out->minor = (unsigned)minor;
}

/*
 * The code alone does not tell: up to 2.41 every error of HTTP was 400, and gRPC says UNAVAILABLE
 * both of a full queue and of a protocol that is closed to us.
 */
mr__triton_fault mr__triton_fault_of(const char *text, mr__triton_fault otherwise)
{
    static const struct {
        const char *part;
        mr__triton_fault fault;
    } known[] = {
        {"protocol is restricted", MR__TRITON_FINAL},
        {"nable to find shared memory region", MR__TRITON_NO_REGION},
        {"already in manager", MR__TRITON_TAKEN},
        {"xceeds maximum queue size", MR__TRITON_BUSY},
        {"Request timeout expired", MR__TRITON_BUSY},
        {"shutting down", MR__TRITON_BUSY},
        {"is not ready", MR__TRITON_BUSY},
        {"no available versions", MR__TRITON_BUSY},
        {"unknown model", MR__TRITON_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(text, known[i].part))
            return known[i].fault;
    return otherwise;
}
