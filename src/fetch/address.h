/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses may be connected to. A list of URLs is hostile input: without this, it would make
 * the host ask its own services, its neighbours' and the cloud's metadata service. Judged is the
 * address that is about to be connected to, never a name, so that no answer of a name server and no
 * redirect gets round it.
 *
 * Sources: the IANA special-purpose address registries (RFC 6890 and its updates); for addresses
 * inside addresses RFC 4291 2.5.5 (compatible, mapped), 2765 (translated), 3056 (6to4), 6052
 * (NAT64), 4380 (Teredo), 5214 (ISATAP).
 */
#ifndef MR_FETCH_ADDRESS_H
#define MR_FETCH_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

/* Why an address is not a public one ("loopback", "private", ...); NULL: it is. */
const char *mr__address_refusal(const struct sockaddr *address, size_t size);

#endif
