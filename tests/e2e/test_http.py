# SPDX-License-Identifier: Apache-2.0
"""URLs as sources, against a server that misbehaves by path and against nginx."""
import io
import json
import os
import shutil
import socket
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from command import picture, run
from hostile_server import Server, self_signed

QUICK = ["--fetch-timeout", "2s", "--fetch-idle", "500ms"]


def encoded(size, seed, kind):
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


SMALL = encoded((80, 60), 1, "JPEG")
LARGE = encoded((1000, 900), 2, "PNG")
assert len(SMALL) < 100000 < 2000000 < len(LARGE)


@pytest.fixture(name="server")
def a_server():
    with Server(SMALL, LARGE) as server:
        yield server


def ingest(folder, urls, *options, private=True, status=None, **more):
    """Ingests them; returns {id: (state, code, message)} and the summary."""
    (folder / "list.txt").write_text("".join(f"{url}\n" for url in urls))
    done = run(folder, "ingest", "@list.txt", "--into", "a.mill", "--json", "--error-budget", "none",
               *(["--allow-private"] if private else []), *(options or QUICK), expect=status or 0, **more)
    report = run(folder, "report", "a.mill", "--json")
    rows = [json.loads(line) for line in report.lines]
    return {row["id"]: (row["state"], row["code"], row["message"]) for row in rows}, done.json


# path: reason; what the message says of it
FAULTS = {
    "slow-head": ("fetch_timeout", "no head of an answer within 1000 ms"),
    "no-answer": ("fetch_timeout", "no head of an answer within 1000 ms"),
    "stall": ("fetch_timeout", "nothing more came for 500 ms"),
    "drip": ("fetch_timeout", "it took longer than 2000 ms"),
    "short": ("io_error", "the connection ended before the body did"),
    "huge-length": ("too_many_bytes", "1125899906842624 bytes"),
    "endless": ("too_many_bytes", "more than 8388608 bytes"),
    "loop": ("redirect_limit", "more than 5 redirects"),
    "hops/6": ("redirect_limit", "more than 5 redirects"),
    "to/" + b"file:///etc/passwd".hex(): ("fetch_refused", "neither http nor https"),
    "to/" + b"ftp://127.0.0.1/x.jpg".hex(): ("fetch_refused", "neither http nor https"),
    "gzip": ("unsupported_format", "Content-Encoding gzip"),
    "status/404": ("http_status", "the server answered 404"),
    "status/403": ("http_status", "the server answered 403"),
    "status/206": ("http_status", "the server answered 206"),
    "status/304": ("http_status", "the server answered 304"),
    "long-error": ("http_status", "the server answered 404"),
    "status/204": ("empty", "0 bytes"),
    "later": ("http_status", "the server answered 503"),
    "headers": ("io_error", "headers"),
    "garbage": ("io_error", "no HTTP"),
}


def test_each_fault_has_its_code_and_nobody_else_notices(server, tmp_path):
    urls = {server.url(path): fault for path, fault in FAULTS.items()}
    good = [server.url(f"ok/{i}") for i in range(20)]
    names = [name for pair in zip(list(urls) + [None] * 20, good + [None] * 40) for name in pair if name]
    began = time.monotonic()
    rows, summary = ingest(tmp_path, names, *QUICK, "--memory", "192M", "--max-bytes", "8M")
    assert time.monotonic() - began < 60
    assert {url: rows[url][:2] for url in good} == {url: ("stored", "none") for url in good}
    assert {url: rows[url][:2] for url in urls} == {url: ("failed", urls[url][0]) for url in urls}
    for url, (_, words) in urls.items():
        assert words in rows[url][2], (url, rows[url])
    assert (summary["ok"], summary["failed"]) == (20, len(urls))
    assert summary["peak_memory_bytes"] < 192 << 20


def test_what_is_well_comes_through(server, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "small.jpg").write_bytes(SMALL)
    (plain / "large.png").write_bytes(LARGE)
    run(tmp_path, "preprocess", "plain/small.jpg", "plain/large.png", "--out", "plain.npy")
    small, large = np.load(tmp_path / "plain.npy")
    same = {"ok": small, "chunked": small, "until-close": small, "long": small, "hops/5": small,
            "asks": small, "reset-once": small, "broken-twice": small, "busy-once/429": small,
            "busy-once/503": small, "large": large, "chunked-large": large, "large-cut-once": large}
    (tmp_path / "urls.txt").write_text("".join(server.url(path) + "\n" for path in same))
    began = time.monotonic()
    run(tmp_path, "preprocess", "@urls.txt", "--out", "urls.npy", "--allow-private")
    assert time.monotonic() - began >= 1  # two of them said Retry-After: 1
    rows = np.load(tmp_path / "urls.npy")
    assert len(rows) == len(same)
    for row, (path, pixels) in zip(rows, same.items()):
        assert np.array_equal(row, pixels), path
    assert {path: n for path, n in server.seen.items() if n > 1} == {
        "/reset-once": 2, "/broken-twice": 3, "/busy-once/429": 2, "/busy-once/503": 2, "/large-cut-once": 2}


def test_attempts_end(server, tmp_path):
    rows, _ = ingest(tmp_path, [server.url("reset"), server.url("status/500"), server.url("later"),
                                server.url("large-changes")],
                     "--fetch-timeout", "20s")
    assert rows[server.url("reset")][:2] == ("failed", "io_error")
    assert rows[server.url("status/500")][1:] == ("http_status", "the server answered 500 (attempt 4)")
    assert rows[server.url("large-changes")][:2] == ("failed", "changed_while_reading")
    # an hour is more than there is time for
    assert dict(server.seen) == {"/reset": 4, "/status/500": 4, "/later": 1, "/large-changes": 2}


def test_nobody_listens(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.jpg"
        rows, _ = ingest(tmp_path, [url])
    assert rows[url][:2] == ("failed", "io_error")


def test_addresses_are_refused_unless_allowed(server, tmp_path):
    """Whatever a name or a redirect says: the address decides. Nothing arrives at the server."""
    port = server.server_address[1]
    urls = [f"http://{host}:{port}/ok" for host in (
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::ffff:127.0.0.1]",
        "[::1]", "10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.0.1", "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1")]
    rows, _ = ingest(tmp_path, urls, private=False)
    assert {rows[url][:2] for url in urls} == {("failed", "fetch_refused")}
    assert "loopback" in rows[urls[0]][2] and "--allow-private" in rows[urls[0]][2]
    assert server.requests == []
    rows, _ = ingest(tmp_path, urls[:4])
    assert {rows[url][:2] for url in urls[:4]} == {("stored", "none")}


def test_no_proxy_from_the_environment(server, tmp_path):
    with Server(b"a proxy was asked") as proxy:
        env = {name: proxy.url("") for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}
        rows, _ = ingest(tmp_path, [server.url("ok")], env=env)
        assert proxy.requests == []
    assert rows[server.url("ok")][0] == "stored"


def test_other_schemes_and_nonsense(tmp_path):
    urls = ["ftp://example.org/a.jpg", "gopher://example.org/", "file:///etc/passwd", "http://", "http:///a.jpg",
            "http://exa mple/", "https://[::1/"]
    rows, _ = ingest(tmp_path, urls)
    assert {rows[url][1] for url in urls} <= {"fetch_refused", "dns_error"}
    assert rows["file:///etc/passwd"][1] == "fetch_refused"


def test_names_that_do_not_resolve(tmp_path):
    rows, _ = ingest(tmp_path, ["http://no-such-name.invalid/a.jpg"], "--fetch-timeout", "30s")
    (_, code, message), = rows.values()
    assert (code, "attempt 2" in message) in (("dns_error", True), ("fetch_timeout", False))


def test_passwords_are_shown_nowhere(server, tmp_path):
    open_url = server.url("login")
    secret = open_url.replace("://", "://user:hemlich@")
    (tmp_path / "list.txt").write_text(secret + "\n" + secret.replace("login", "status/404") + "\n")
    done = run(tmp_path, "ingest", "@list.txt", "--into", "a.mill", "--json", "--error-budget", "none",
               "--allow-private", "--progress", "always", "--log-level", "debug")
    report = run(tmp_path, "report", "a.mill", "--json")
    rows = [json.loads(line) for line in report.lines]
    masked = open_url.replace("://", "://***@")
    assert [(row["id"], row["uri"], row["state"]) for row in rows][0] == (masked, masked, "stored")
    assert rows[1]["code"] == "http_status"
    everything = done.stdout + done.stderr + report.stdout + report.stderr
    assert "hemlich" not in everything
    assert b"hemlich" not in b"".join(p.read_bytes() for p in tmp_path.glob("a.mill*"))


def test_secret_parameters_are_in_no_message(server, tmp_path):
    """A signed URL is the item's name, so ids and uris keep it; what is said about it does not."""
    good, bad = server.url("ok?w=1&X-Amz-Signature=hemlich"), server.url("status/404?access_token=hemlich")
    (tmp_path / "list.txt").write_text(f"{good}\n{bad}\n")
    done = run(tmp_path, "ingest", "@list.txt", "--into", "a.mill", "--error-budget", "none", "--allow-private",
               "--log-level", "debug")
    rows = [json.loads(line) for line in run(tmp_path, "report", "a.mill", "--json").lines]
    assert [row["uri"] for row in rows] == [good, bad] and rows[1]["code"] == "http_status"
    told = run(tmp_path, "search", "a.mill", "--image", bad, "--allow-private", expect=1).stderr
    assert "/status/404?access_token=***: " in told
    wrong = run(tmp_path, "search", "a.mill", good, bad, "--allow-private", expect=2).stderr
    assert "hemlich" not in done.stdout + done.stderr + told + wrong + "".join(row["message"] for row in rows)


def test_certificates_are_checked(tmp_path):
    with Server(SMALL, certificate=self_signed(tmp_path)) as server:
        rows, _ = ingest(tmp_path, [server.url("ok")], "--fetch-timeout", "20s")
        assert rows[server.url("ok")][:2] == ("failed", "tls_error")
        assert "self-signed certificate" in rows[server.url("ok")][2].replace("self signed", "self-signed")
        assert server.requests == []


def test_resume_asks_for_versions_only(server, tmp_path):
    urls = [server.url("etag"), server.url("dated"), server.url("unhashed")]
    rows, summary = ingest(tmp_path, urls)
    assert summary["ok"] == 3, rows
    server.requests.clear()
    _, summary = ingest(tmp_path, urls)
    assert (summary["skipped"], summary["ok"]) == (2, 1)  # what has no version is fetched again
    assert sorted(server.requests) == [("GET", "/unhashed"), ("HEAD", "/dated"), ("HEAD", "/etag"),
                                       ("HEAD", "/unhashed")]
    server.etag = '"two"'
    _, summary = ingest(tmp_path, urls[:2])
    assert (summary["skipped"], summary["ok"]) == (1, 1)


@pytest.mark.parametrize("threads,most", [(None, 32), (3, 3)])
def test_concurrency_is_bounded_and_connections_are_kept(server, tmp_path, threads, most):
    urls = [server.url(f"ok/{i}") for i in range(300)]
    options = ["--fetch-threads", threads] if threads else ["--batch-wait-ms", 1000]
    _, summary = ingest(tmp_path, urls, *options)
    assert summary["ok"] == 300
    assert 1 <= server.most <= most
    assert len(server.peers) <= most


def test_more_at_once_from_a_server_that_is_far(server, tmp_path):
    """While the workers wait for the net, each round trip doubles what is asked at once."""
    _, summary = ingest(tmp_path, [server.url(f"far/{i}") for i in range(500)])
    assert summary["ok"] == 500
    assert 16 < server.most <= 32 and len(server.peers) <= 32


def test_too_little_memory_is_refused_with_the_figure(server, tmp_path):
    (tmp_path / "list.txt").write_text(server.url("ok") + "\n")
    args = ["preprocess", "@list.txt", "--out", "null:", "--allow-private", "--workers", 1, "--batch", 1]
    fits = next(m for m in range(30, 400, 2) if starts(tmp_path, m))
    done = run(tmp_path, *args, "--memory", f"{fits}M", expect=3)
    assert "URLs need 20 MiB with 32 fetch threads" in done.stderr
    run(tmp_path, *args, "--memory", f"{fits + 22}M")


def starts(folder, mebibytes):
    """Do pictures that are no URLs fit in so much memory?"""
    (folder / "small.jpg").write_bytes(SMALL)
    return subprocess.run([os.environ["MILLRACE_BIN"], "preprocess", "small.jpg", "--out", "null:", "--workers", "1",
                           "--batch", "1", "--memory", f"{mebibytes}M"], cwd=folder, capture_output=True,
                          check=False).returncode == 0


CONFIG = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 100000; default_type image/jpeg;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


@pytest.fixture(name="nginx")
def an_nginx(tmp_path):
    """nginx with 64 pictures; yields the base of their URLs."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    (tmp_path / "www").mkdir()
    for i in range(64):
        picture(tmp_path / "www" / f"{i:02}.jpg", i)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(CONFIG.format(folder=tmp_path, port=port))
    with subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
                          stderr=subprocess.PIPE) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            continue
    raise AssertionError("nginx does not answer")


def test_nginx_gives_the_same_vectors_as_files(nginx, tmp_path):
    names = [f"{i:02}.jpg" for i in range(64)]
    (tmp_path / "files.txt").write_text("".join(f"www/{name}\n" for name in names))
    (tmp_path / "urls.txt").write_text("".join(f"{nginx}/{name}\n" for name in names))
    run(tmp_path, "embed", "@files.txt", "--out", "files.npy")
    run(tmp_path, "embed", "@urls.txt", "--out", "urls.npy", "--allow-private")
    assert np.array_equal(np.load(tmp_path / "files.npy"), np.load(tmp_path / "urls.npy"))
    args = ["ingest", "@urls.txt", "--into", "a.mill", "--allow-private", "--json"]
    assert run(tmp_path, *args).json["ok"] == 64
    assert run(tmp_path, *args).json["skipped"] == 64  # by ETag
    (tmp_path / "one.txt").write_text(f"{nginx}/none.jpg\n")
    done = run(tmp_path, "ingest", f"{nginx}/00.jpg", f"{nginx}/none.jpg", "--into", "b.mill", "--allow-private",
               "--json", expect=1)
    assert (done.json["ok"], done.json["by_code"]) == (1, {"http_status": 1})
