# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a free port of this machine that does, by path, what servers should not do."""
import http.server
import socket
import ssl
import struct
import subprocess
import threading
from collections import Counter

WAIT_S = 120  # that a stalled answer is held at most; it ends when the client gives up


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def send(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drop(self):
        """Ends the connection with a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def gone(self, seconds):
        """Waits until the client is gone, or so long."""
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(None)  # what is kept may wait for its next request as long as it likes

    def drip(self, pieces):
        """A byte every 50 ms: what an idle limit alone does not see."""
        self.close_connection = True
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
            if self.gone(0.05):
                return

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path))
            server.peers[self.client_address] += 1
            server.seen[self.path] += 1
            server.busy += 1
            server.most = max(server.most, server.busy)
            turn = server.seen[self.path]
        name, _, rest = self.path[1:].partition("?")[0].partition("/")
        try:
            getattr(self, "at_" + name.replace("-", "_"))(rest, turn)
        except OSError:
            self.close_connection = True
        finally:
            with server.lock:
                server.busy -= 1

    def at_ok(self, _rest, _turn):
        self.send(self.server.body)

    def at_etag(self, _rest, _turn):
        self.send(self.server.body, ETag=self.server.etag)

    def at_dated(self, _rest, _turn):
        self.send(self.server.body, Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT")

    def at_unhashed(self, _rest, _turn):
        self.send(self.server.body)

    def at_status(self, rest, _turn):
        self.send(b"no\n", status=int(rest))

    def at_long_error(self, _rest, _turn):
        self.send(b"x" * (1 << 20), status=404)

    def at_slow_head(self, _rest, _turn):
        self.drip([b"HTTP/1.1 200 OK\r\n"] + [b"X"] * 10000)

    def at_no_answer(self, _rest, _turn):
        self.gone(WAIT_S)

    def at_stall(self, _rest, _turn):
        self.send(self.server.body[:100], Content_Length=len(self.server.body))
        self.wfile.flush()
        self.gone(WAIT_S)
        self.close_connection = True

    def at_drip(self, _rest, _turn):
        self.send(b"", Content_Length=len(self.server.body))
        self.drip([self.server.body[i:i + 1] for i in range(len(self.server.body))])

    def at_short(self, _rest, _turn):
        """The length promises more than comes."""
        self.send(self.server.body, Content_Length=len(self.server.body) + 1000)
        self.close_connection = True

    def at_long(self, _rest, _turn):
        """More comes than the length promises: what it promises counts."""
        self.send(self.server.body + b"x" * 1000, Content_Length=len(self.server.body))
        self.close_connection = True

    def at_huge_length(self, _rest, _turn):
        self.send(self.server.body, Content_Length=1 << 50)
        self.close_connection = True

    def chunks(self, pieces):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.chunk(piece)
        self.chunk(b"")

    def at_chunked(self, _rest, _turn):
        body = self.server.body
        self.chunks([body[i:i + 1000] for i in range(0, len(body), 1000)])

    def at_chunked_large(self, _rest, _turn):
        self.chunks([self.server.large])

    def at_large(self, _rest, _turn):
        self.send(self.server.large)

    def at_large_cut_once(self, _rest, turn):
        if turn == 1:
            self.send(self.server.large[:500000], Content_Length=len(self.server.large))
            self.drop()
        else:
            self.send(self.server.large)

    def at_large_changes(self, _rest, turn):
        if turn == 1:
            self.send(self.server.large[:500000], Content_Length=len(self.server.large), ETag='"a"')
            self.drop()
        else:
            self.send(self.server.large, ETag='"b"')

    def at_endless(self, _rest, _turn):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.chunk(bytes(65536))

    def at_until_close(self, _rest, _turn):
        """Neither length nor chunks: HTTP/1.0."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + self.server.body)

    def at_loop(self, _rest, _turn):
        self.send(b"", status=302, Location=self.path)

    def at_hops(self, rest, _turn):
        """That many redirects before the picture."""
        self.send(b"", status=301, Location="/ok/end" if rest == "1" else f"/hops/{int(rest) - 1}")

    def at_to(self, rest, _turn):
        self.send(b"", status=302, Location=bytes.fromhex(rest).decode())

    def at_gzip(self, _rest, _turn):
        self.send(self.server.body, Content_Encoding="gzip")

    def at_asks(self, _rest, _turn):
        """The picture only for those who ask for it as it is, without credentials or cookies."""
        good = self.headers["Accept-Encoding"] == "identity" and not self.headers["Cookie"]
        self.send(self.server.body if good else b"no\n", status=200 if good else 418)

    def at_login(self, _rest, _turn):
        good = self.headers["Authorization"] == "Basic dXNlcjpoZW1saWNo"  # user:hemlich
        self.send(self.server.body if good else b"no\n", status=200 if good else 401)

    def at_busy_once(self, rest, turn):
        """The status `rest` and Retry-After, then the picture."""
        if turn == 1:
            self.send(b"no\n", status=int(rest), Retry_After=1)
        else:
            self.send(self.server.body)

    def at_broken_twice(self, _rest, turn):
        self.send(*((b"no\n", 500) if turn <= 2 else (self.server.body, 200)))

    def at_later(self, _rest, _turn):
        self.send(b"no\n", status=503, Retry_After=3600)

    def at_reset_once(self, _rest, turn):
        if turn == 1:
            self.send(self.server.body[:100], Content_Length=len(self.server.body))
            self.drop()
        else:
            self.send(self.server.body)

    def at_reset(self, _rest, _turn):
        self.send(self.server.body[:100], Content_Length=len(self.server.body))
        self.drop()

    def at_headers(self, _rest, _turn):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(100000):
            self.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 100))

    def at_far(self, _rest, _turn):
        """As if it were 50 ms away."""
        if not self.gone(0.05):
            self.send(self.server.body)

    def at_garbage(self, _rest, _turn):
        self.close_connection = True
        self.wfile.write(bytes(range(256)) * 10)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, body, large=b"", certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.large, self.etag = body, large, '"one"'
        self.lock = threading.Lock()
        self.requests, self.seen, self.peers = [], Counter(), Counter()
        self.busy = self.most = 0
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def handle_error(self, request, client_address):
        pass  # clients that give up are what is tested

    def url(self, path, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.server_address[1]}/{path}"

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()


def self_signed(folder):
    """A certificate that nobody vouches for: (certificate, key)."""
    names = [str(folder / "cert.pem"), str(folder / "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-out", names[0], "-keyout", names[1]], check=True,
                   capture_output=True)
    return names
