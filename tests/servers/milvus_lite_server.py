# SPDX-License-Identifier: Apache-2.0
"""milvus-lite: Milvus's gRPC interface over one Python process. Ready in seconds."""
from servers import environment, grpc_probe
from servers.process import Server, free_ports


def install():
    return environment.ensure("milvus-lite")


class MilvusLite(Server):
    name = "milvus-lite"
    grace_s = 0.5  # it has no handler for SIGTERM, so it either dies at once or never

    def __init__(self):
        super().__init__(install())
        [self.port] = free_ports(1)

    @property
    def uri(self):
        """For the official client and, with milvus:// in front, for millrace."""
        return f"http://{self.address}"

    def command(self):
        return [self.environment.folder / "bin/milvus-lite", "server", "--data-dir", self.folder / "data",
                "--host", "127.0.0.1", "--port", self.port]

    def answers(self):
        return grpc_probe.milvus_healthy(self.port)


def milvus_lite():
    """`with milvus_lite() as server:`, on a free port with empty data."""
    return MilvusLite()
