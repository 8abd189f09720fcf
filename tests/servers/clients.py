# SPDX-License-Identifier: Apache-2.0
"""The official client, as tests use it."""
from pymilvus import MilvusClient

# A client is kept between tests; one that pings without a call is turned away by the server after some pings, and
# so is the next client, as those of one address share their connection.
QUIET = {"grpc.keepalive_permit_without_calls": 0, "grpc.keepalive_time_ms": 2**31 - 1}


def client_of(server):
    return MilvusClient(server.uri, grpc_options=QUIET)
