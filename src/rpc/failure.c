/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed call means to a user: who did not answer, why, and what to do. */
#include <string.h>

#include "base/text.h"
#include "rpc/channel.h"

static const char *const names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

const char *mr__rpc_code_name(int code)
{
    return code >= 0 && (size_t)code < sizeof names / sizeof names[0] ? names[code] : "UNKNOWN";
}

/* "/package.Service/Method": its last part. */
static const char *short_name(const char *method)
{
    const char *slash = strrchr(method, '/');

    return slash ? slash + 1 : method;
}

/* gRPC wraps what the system said into several layers of its own. */
static const char *reason_of(const char *message)
{
    static const struct {
        const char *has, *says;
    } reasons[] = {
        {"Connection refused", "connection refused"},
        {"No route to host", "no route to host"},
        {"Network is unreachable", "network is unreachable"},
        {"Connection reset", "connection reset"},
        {"Socket closed", "the connection was closed"},
        {"FD Shutdown", "the connection was closed"},
        {"DNS resolution failed", "its name is not known"},
        {"Domain name not found", "its name is not known"},
        {"CERTIFICATE_VERIFY_FAILED", "nobody vouches for its certificate (tls_ca)"},
        {"not match", "its certificate is of another name (tls_name)"},
        {"handshake failed", "no TLS handshake (is it a TLS server?)"},
        {"Handshake", "no TLS handshake (is it a TLS server?)"},
        {"GOAWAY", "the connection was closed"},
        {"keepalive", "it does not answer pings"},
        {"Timeout", "no connection in time"},
        {"timeout", "no connection in time"},
    };
    size_t i;

    for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strstr(message, reasons[i].has))
            return reasons[i].says;
    return *message ? message : "not available";
}

mr_status mr__rpc_failure(const mr__rpc *rpc, const mr__rpc_call *call,
                          const mr__rpc_answer *answer, mr_error *err)
{
    const char *name = short_name(call->method), *said = answer->message;

    switch (answer->code) {
    case MR__RPC_UNAVAILABLE:
        return mr__error_set(err, MR_E_ENV,
                             "%s: %s (%s); is the server running? see: millrace health", name,
                             reason_of(said), rpc->address);
    case MR__RPC_DEADLINE_EXCEEDED:
        return mr__error_set(err, MR_E_ENV,
                             "%s: no answer within %u ms (%s); is the server busy or stopped? "
                             "see: millrace health",
                             name, (unsigned)call->timeout_ms, rpc->address);
    case MR__RPC_UNAUTHENTICATED:
    case MR__RPC_PERMISSION_DENIED:
        return mr__error_set(err, MR_E_ENV,
                             "%s: not allowed: %s (%s); check user, password or token", name, said,
                             rpc->address);
    case MR__RPC_CANCELLED:
        return mr__error_set(err, MR_E_INTERRUPTED, "%s: cancelled (%s)", name, rpc->address);
    case MR__RPC_UNIMPLEMENTED:
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "%s: %s does not have it: is it another server, or an old one? (%s)",
                             name, rpc->address, said);
    case MR__RPC_INVALID_ARGUMENT:
    case MR__RPC_OUT_OF_RANGE:
        return mr__error_set(err, MR_E_INVALID, "%s: %s (%s)", name, said, rpc->address);
    case MR__RPC_NOT_FOUND:
        return mr__error_set(err, MR_E_NOT_FOUND, "%s: %s (%s)", name, said, rpc->address);
    default:
        return mr__error_set(err, MR_E_ENV, "%s: %s: %s (%s)", name,
                             mr__rpc_code_name(answer->code), said, rpc->address);
    }
}
