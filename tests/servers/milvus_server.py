# SPDX-License-Identifier: Apache-2.0
"""The real Milvus: the standalone server (proxy, coordinators, nodes, embedded etcd) that a package carries.

The package's own starter runs `milvus` behind pipes that can break under it, and does not end it. So only the
files are taken from it: they are unpacked once, its template makes the configuration, and the program is run
directly. Its etcd has two fixed ports (2379, 2380): one Milvus a machine, others wait for the lock.
"""
import fcntl
import json
import os
import subprocess
import tempfile
from pathlib import Path

from servers import environment, grpc_probe
from servers.process import Server, free_ports

PORTS = ("proxy", "proxy_internal", "root_coord", "query_coord", "query_node", "index_coord", "index_node",
         "data_coord", "data_node")
PARTS = ("proxy", "rootCoord", "queryCoord", "queryNode", "indexNode", "dataCoord", "dataNode")
UNPACK = "import milvus, sys; milvus._initialize_data_files(sys.argv[1])"
CONFIGURE = """
import json, milvus, sys
given = json.loads(sys.argv[2])
config = milvus.MilvusServerConfig(data_dir=sys.argv[1], **given["ports"])
for key, value in given["values"].items():
    config.set(key, value)
config.resolve()
"""


def unpack(made):
    subprocess.run([made.python, "-c", UNPACK, made.folder / "server"], check=True)


def install():
    return environment.ensure("milvus", unpack)


def lock_path():
    return Path(tempfile.gettempdir(), f"millrace-milvus-{os.getuid()}.lock")


def take_lock():
    """Waits until no other Milvus of these tests runs here; the lock is held until the descriptor is closed
    everywhere, so the keeper holds it too."""
    descriptor = os.open(lock_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


class Milvus(Server):
    name = "milvus"
    grace_s = 10

    def __init__(self, settings):
        self._lock = take_lock()
        super().__init__(install(), pass_fds=(self._lock,))
        ports = free_ports(len(PORTS) + 1)
        self.port, self.metrics_port = ports[0], ports[-1]
        self._configure({f"{name}_port": port for name, port in zip(PORTS, ports)}, settings)

    @property
    def uri(self):
        """For the official client and, with milvus:// in front, for millrace."""
        return f"http://{self.address}"

    def _configure(self, ports, settings):
        values = {f"{part}.ip": "127.0.0.1" for part in PARTS} | {"etcd_log_level": "error"} | settings
        subprocess.run([self.environment.python, "-c", CONFIGURE, self.folder,
                        json.dumps({"ports": ports, "values": values})], check=True)

    def command(self):
        return [self.environment.folder / "server/bin/milvus", "run", "standalone"]

    def variables(self):
        return super().variables() | {
            "DEPLOY_MODE": "STANDALONE", "METRICS_PORT": str(self.metrics_port),
            "MILVUS_RUN_DIR": str(self.folder / "run"), "LD_LIBRARY_PATH": str(self.environment.folder / "server/bin")}

    def answers(self):
        return grpc_probe.milvus_healthy(self.port)

    def stop(self):
        super().stop()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def milvus(**settings):
    """`with milvus() as server:`, on a free port with empty data. Settings are keys of its template, such as
    `authorization_enabled=True`, or, in a dict (`**{"quotaAndLimits.dml.enabled": True}`), of milvus.yaml."""
    return Milvus(settings)
