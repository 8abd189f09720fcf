# SPDX-License-Identifier: Apache-2.0
"""Triton: the server inside a package, with models that are written here and run by its Python backend."""
import dataclasses
import http.client
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from servers import environment
from servers.process import READY_S, Server, ServerError, free_ports

MODEL_CODE = Path(__file__).with_name("triton_model.py")
CLIENT_CODE = Path(__file__).with_name("triton_client.py")


@dataclasses.dataclass(frozen=True)
class Model:
    """One model of the repository: block means (triton_model.py) of [max_batch, *dims] tensors."""

    name: str = "embedding_model"
    dims: tuple = (3, 224, 224)
    dim: int = 512              # of the output
    dtype: str = "FP32"         # of the input; FP32, FP16, UINT8
    max_batch: int = 64         # 0: the model knows no batches, and its shapes are [-1, ...]
    delay_ms: float = 0         # each call takes that much longer
    max_queue: int = 0          # requests that may wait, more are refused; 0: any number
    input: str = "input"
    output: str = "output"
    instances: int = 1
    refuse_above: float = 0     # a request with a brighter row (its mean) is answered INVALID_ARG; 0: none

    def config(self):
        """Its config.pbtxt."""
        batch = () if self.max_batch else (-1,)
        queue = f"default_queue_policy {{ max_queue_size: {self.max_queue} }}" if self.max_queue else ""
        batching = f"dynamic_batching {{ {queue} }}" if self.max_batch else ""
        return f"""backend: "python"
max_batch_size: {self.max_batch}
input [{{ name: "{self.input}" data_type: TYPE_{self.dtype} dims: {list((*batch, *self.dims))} }}]
output [{{ name: "{self.output}" data_type: TYPE_FP32 dims: {list((*batch, self.dim))} }}]
instance_group [{{ kind: KIND_CPU count: {self.instances} }}]
parameters {{ key: "delay_ms" value {{ string_value: "{self.delay_ms}" }} }}
parameters {{ key: "refuse_above" value {{ string_value: "{self.refuse_above}" }} }}
{batching}
"""

    def write(self, repository, site):
        """Writes it below `repository`; its code finds packages in `site`."""
        folder = repository / self.name
        (folder / "1").mkdir(parents=True)
        (folder / "config.pbtxt").write_text(self.config(), "utf-8")
        code = f"import sys\nsys.path.append({str(site)!r})\n" + MODEL_CODE.read_text("utf-8")
        (folder / "1/model.py").write_text(code, "utf-8")


def lay_out(made):
    """Puts the Python backend and the stub of this Python beside each other, as the server wants them."""
    server = made.site() / "pytriton/tritonserver"
    stub = server / f"python_backend_stubs/{sys.version_info[0]}.{sys.version_info[1]}/triton_python_backend_stub"
    shutil.copytree(server / "backends/python", made.folder / "backends/python")
    shutil.copy(stub, made.folder / "backends/python")


def install():
    return environment.ensure("triton", lay_out)


class Triton(Server):
    name = "triton"
    grace_s = 15

    def __init__(self, models, options):
        super().__init__(install())
        self.http_port, self.grpc_port = free_ports(2)
        self.port = self.http_port
        self.shm_prefix = f"{self.folder.name}-"
        self.models = models
        self.options = options
        for model in models:
            model.write(self.folder / "models", self.environment.site())

    @property
    def http(self):
        """host:port of HTTP."""
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc(self):
        """host:port of gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    def command(self):
        return [self.environment.site() / "pytriton/tritonserver/bin/tritonserver",
                "--model-repository", self.folder / "models", "--backend-directory", self.environment.folder / "backends",
                f"--backend-config=python,shm-region-prefix-name={self.shm_prefix}",
                "--http-address", "127.0.0.1", "--http-port", self.http_port,
                "--grpc-address", "127.0.0.1", "--grpc-port", self.grpc_port,
                "--allow-metrics=false", "--exit-timeout-secs=5", *self.options]

    def variables(self):
        libraries = [str(self.environment.site() / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR") or ""]
        return super().variables() | {"LD_LIBRARY_PATH": ":".join(libraries)}

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def infer(self, rows, model="embedding_model", protocol="http", shared=False):
        """What NVIDIA's client gives for rows [N, ...]; a process of its own, in Triton's environment."""
        import numpy as np  # not at the top: whoever only starts a server may lack it
        with tempfile.TemporaryDirectory(prefix="millrace-triton-") as folder:
            source, target = Path(folder, "in.npy"), Path(folder, "out.npy")
            np.save(source, rows)
            address = self.http if protocol == "http" else self.grpc
            done = subprocess.run([self.environment.python, CLIENT_CODE, protocol, address, model, source, target,
                                   *(["--shared"] if shared else [])],
                                  stderr=subprocess.PIPE, check=False, text=True, timeout=READY_S)
            if done.returncode:
                raise ServerError(done.stderr.strip().rpartition("\n")[2])
            return np.load(target)


def triton(*models, options=()):
    """`with triton() as server:` or `with triton(Model(dim=16), Model("slow", delay_ms=200)) as server:`, on free
    ports. Without models it has the one of the defaults; `options` are more words of its command line."""
    return Triton(models or (Model(),), tuple(options))
