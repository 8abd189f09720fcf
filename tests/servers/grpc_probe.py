# SPDX-License-Identifier: Apache-2.0
"""One gRPC call with an empty message, by hand, so that asking a server needs no package.

HTTP/2 (RFC 9113) without TLS; header fields are literals that are never indexed (RFC 7541, 6.2.3). What the
server's header fields say is not looked at: a DATA frame on our stream is the answer.
"""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
FRAME_MAX = 1 << 20


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    assert len(name) < 127 and len(value) < 127
    return b"\x10" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def receive(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def call(port, method, timeout_s=5.0):
    """Calls `method` ("/package.Service/Name") at 127.0.0.1:`port`; the bytes of the answering message, or
    None if there is none: nobody listens, it refuses, or it takes too long."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", f"127.0.0.1:{port}"),
              ("te", "trailers"), ("content-type", "application/grpc")]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as sock:
            sock.sendall(PREFACE + frame(SETTINGS, 0, 0)
                         + frame(HEADERS, END_HEADERS, 1, b"".join(field(*f) for f in fields))
                         + frame(DATA, END_STREAM, 1, bytes(5)))  # uncompressed, length 0
            return answer(sock)
    except OSError:
        return None


def answer(sock):
    body = b""
    while True:
        head = receive(sock, 9)
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        if size > FRAME_MAX:
            return None
        payload = receive(sock, size)
        if kind in (SETTINGS, PING) and not flags & ACK:
            sock.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind == DATA and stream == 1:
            body += payload
            if len(body) >= 5 and len(body) >= 5 + int.from_bytes(body[1:5], "big"):
                return body[5:]
        if kind in (RST_STREAM, GOAWAY) or (kind == HEADERS and flags & END_STREAM):
            return None  # trailers without a message: an error


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def numbers(message):
    """{field: value} of the whole numbers of a Protocol Buffers message, nested ones passed over."""
    found, at = {}, 0
    while at < len(message):
        key, at = varint(message, at)
        if key & 7 == 0:
            found[key >> 3], at = varint(message, at)
        elif key & 7 == 2:
            size, at = varint(message, at)
            at += size
        else:
            at += {1: 8, 5: 4}[key & 7]
    return found


def milvus_healthy(port):
    """Does a Milvus at this port say that it is healthy?"""
    message = call(port, "/milvus.proto.milvus.MilvusService/CheckHealth")
    return message is not None and numbers(message).get(2) == 1  # CheckHealthResponse.isHealthy
