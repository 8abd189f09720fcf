# SPDX-License-Identifier: Apache-2.0
"""A server of the Open Inference Protocol over HTTP that fails as it is told: for what a real one cannot be made to do."""
import http.server
import json
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

import numpy as np

TYPES = {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8}
STALL_S = 60  # that a stalled answer is held at most; it ends when the client gives up


def vectors(rows, dim):
    """Means of `dim` blocks of each row."""
    return np.stack([block.mean(1) for block in np.array_split(rows.reshape(len(rows), -1).astype(np.float64), dim, 1)], 1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def say(self, value, status=200):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, text, status):
        self.say({"error": text}, status)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def stall(self):
        """Answers nothing until the client is gone."""
        self.connection.settimeout(STALL_S)
        self.close_connection = True
        self.server.stalled_client_left = self.connection.recv(1) == b""

    def do_GET(self):
        server, path = self.server, self.path
        if server.needs and self.headers.get(server.needs[0]) != server.needs[1]:
            self.error(f"refused: {dict(self.headers)}", 401)
        elif path == "/v2":
            self.say({"name": "fake", "version": server.version, "extensions": ["binary_tensor_data"]})
        elif path in ("/v2/models/m", "/v2/models/m/versions/1"):
            self.say({"name": "m", "versions": ["1"], "inputs": [server.input], "outputs": [server.output]})
        elif path.endswith("/config"):
            self.say({"max_batch_size": server.max_batch, "instance_group": [{"count": 1}]})
        else:
            self.error("Request for unknown model: 'x' is not found", 404)

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/v2/systemsharedmemory/"):
            self.region(body, *self.path.split("/")[-2:])
            return
        n = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        request = json.loads(body[:n])
        tensor = request["inputs"][0]
        where = tensor["parameters"]
        if "shared_memory_region" in where and where["shared_memory_region"] not in server.regions:
            self.error("Unable to find shared memory region: 'x'", 404)
            return
        if "shared_memory_region" in where:
            begin, size = where["shared_memory_offset"], where["shared_memory_byte_size"]
            with server.regions[where["shared_memory_region"]].open("rb") as file:
                file.seek(begin)
                data = file.read(size)
            server.shared += 1
        else:
            data = body[n:]
        rows = np.frombuffer(data, TYPES[tensor["datatype"]]).reshape(tensor["shape"])
        self.level = vectors(rows, 1)[:, 0]
        with server.lock:
            server.rows.append(len(rows))
            number = len(server.rows)
            server.inside += 1
            server.most_inside = max(server.most_inside, server.inside)
        try:
            if not (server.fault and server.fault(self, number)):
                self.answer(vectors(rows, server.dim).astype(TYPES[server.output["datatype"]]))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with server.lock:
                server.inside -= 1

    def region(self, body, name, verb):
        """Registers as 2.51 does: a name once, and the same memory once."""
        server = self.server
        server.verbs.append(verb)
        if verb == "register":
            key = Path("/dev/shm" + json.loads(body)["key"])
            server.keys.append(key)
        if server.no_shm:
            self.error(server.no_shm, 501)
        elif verb == "register" and (len(server.verbs) <= server.taken or name in server.regions):
            self.error(f"shared memory region '{name}' already in manager", 400)
        elif verb == "register":
            if key in server.regions.values():
                self.error("failed to register shared memory region: invalid args", 400)
                return
            server.regions[name] = key
            if server.lose and server.verbs.count("register") <= server.lose:
                self.reset()
            else:
                self.say(b"")
        else:
            server.regions.pop(name, None)  # of a name that is not there: no error either
            self.say(b"")

    def answer(self, out, header=None, tail=b"", **tensor):
        """`out` as it should be, or with other members of its tensor, bytes behind it, another length of its JSON."""
        blob = out.tobytes()
        said = {"name": "out", "datatype": self.server.output["datatype"], "shape": list(out.shape),
                "parameters": {"binary_data_size": len(blob)}, **tensor}
        text = json.dumps({"model_name": "m", "model_version": "1", "outputs": [said]}).encode()
        self.send_response(200)
        if header != "":
            self.send_header("Inference-Header-Content-Length", str(len(text) if header is None else header))
        self.send_header("Content-Length", str(len(text) + len(blob) + len(tail)))
        self.end_headers()
        self.wfile.write(text + blob + tail)


class Fake(http.server.ThreadingHTTPServer):
    """`fault(handler, number)` is asked at each inference (the first is millrace's empty one, number 1); true: it has
    answered by itself. `needs`: a header and its value, without which nothing is answered."""
    daemon_threads = True
    block_on_close = False

    def __init__(self, shape=(3, 224, 224), dtype="FP32", out="FP32", **more):
        """`more`: dim, max_batch, rows (-1: any number), fault, needs, tls (a folder of certificates), no_shm (why
        it takes no shared memory), taken (requests about regions among which names are refused), lose (answers of registrations that
        are lost)."""
        super().__init__(("127.0.0.1", 0), Handler)
        more = {"dim": 16, "max_batch": 8, "rows": -1, "fault": None, "needs": None, "tls": None, "no_shm": "",
                "taken": 0, "lose": 0, "version": "2.51.0"} | more
        self.dim, self.max_batch, self.fault, self.needs = (more[k] for k in ("dim", "max_batch", "fault", "needs"))
        self.input = {"name": "in", "datatype": dtype, "shape": [more["rows"], *shape]}
        self.output = {"name": "out", "datatype": out, "shape": [more["rows"], self.dim]}
        tls, self.no_shm, self.taken, self.lose = (more[k] for k in ("tls", "no_shm", "taken", "lose"))
        self.version = more["version"]
        self.regions, self.verbs, self.keys, self.shared = {}, [], [], 0
        self.rows, self.lock, self.inside, self.most_inside = [], threading.Lock(), 0, 0
        self.stalled_client_left = False
        self.port = self.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.pem", tls / "server.key")
            context.load_verify_locations(tls / "server.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def spec(self, options="", scheme="http"):
        return f"triton:{scheme}://127.0.0.1:{self.port}/m{'?' if options else ''}{options}"

    def handle_error(self, *args):
        pass  # connections that end early are what is tested

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()


def certificates(folder):
    """server.pem and server.key, signed by itself, for 127.0.0.1; also taken for a client's."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "server.key", "-out", folder / "server.pem"],
                   check=True, capture_output=True)
    return folder
