#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the main job on the demo's corpus and writes what came out as one page.

    tools/demo.py [FOLDER]   after `make` and tools/make_corpus.py; `make demo` does all three

Ingests build/corpus/list.txt into FOLDER/photos.mill (FOLDER: build/demo), searches it for stored
pictures and for altered copies, asks for the report of failures, and writes FOLDER/index.html,
which needs no other file. Ends with 0 only if every picture was stored and every broken item has the reason code
that expected.json names.
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import demo_page

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path("build/corpus")
DEMO = Path("build/demo")
NEIGHBOURS = 8
STORED_QUERIES = 3
LIMIT_S = 900


class DemoError(Exception):
    """What went wrong, for people."""


def millrace(*args, ok=(0,)):
    """Runs the command with its progress shown; returns the lines of its stdout."""
    command = [os.environ.get("MILLRACE_BIN", "build/millrace"), *map(str, args)]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"{command[0]} {args[0]}: {error}") from error
    if done.returncode not in ok:
        raise DemoError(f"{command[0]} {args[0]} ended with status {done.returncode}")
    return done.stdout.decode("utf-8", "replace").splitlines()


def parsed(lines, what):
    """JSON lines as objects."""
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except json.JSONDecodeError as error:
        raise DemoError(f"{what} is no JSON: {error}") from error


def ingest(store):
    """Fills a new store; returns the summary."""
    for old in store.parent.glob(f"{store.name}*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    args = ["ingest", f"@{CORPUS / 'list.txt'}", "--into", store, "--error-budget", "5%", "--json"]
    summary = parsed(millrace(*args)[-1:], "the summary of ingest")
    if not summary:
        raise DemoError("ingest said nothing on stdout")
    return summary[0]


def search(store, *query):
    answer = parsed(millrace("search", store, *query, "-k", NEIGHBOURS, "--json"), "the answer of search")
    if len(answer) != 1:
        raise DemoError("search did not answer with one line")
    return answer[0]


def searches(store, expected):
    """Queries with their answers: altered copies first, then stored pictures."""
    found = []
    for query in expected["queries"]:
        found.append({"kind": query["kind"], "path": query["path"], "of": query["of"],
                      "answer": search(store, "--image", query["path"])})
    # pictures of photographs that no altered copy shows, spread over the alphabet
    used = {Path(query["of"]).stem.rsplit("-", 1)[0] for query in expected["queries"]}
    first = {}
    for item in expected["good"]:
        if item["source"] not in used and min(item["size"]) >= 160:
            first.setdefault(item["source"], item)
    rest = list(first.values())
    for item in rest[::max(1, len(rest) // STORED_QUERIES)][:STORED_QUERIES]:
        found.append({"kind": "stored", "path": item["path"], "of": item["path"],
                      "answer": search(store, "--id", item["path"])})
    return found


def rank_of(query):
    """Place of the original among the answers, from 1; 0 if it is not there."""
    ids = [hit.get("id") for hit in query["answer"].get("results", [])]
    return ids.index(query["of"]) + 1 if query["of"] in ids else 0


def problems(summary, failures, queries, expected):
    """What differs from expected.json and from a good run, in words."""
    found = []
    codes = {failure.get("id"): failure.get("code") for failure in failures}
    for path, code in expected["broken"].items():
        if codes.get(path) != code:
            found.append(f"{path}: {codes.get(path, 'not reported')} instead of {code}")
    found += [f"{path}: {code}" for path, code in codes.items() if path not in expected["broken"]]
    if summary.get("ok") != len(expected["good"]):
        found.append(f"{summary.get('ok')} pictures stored instead of {len(expected['good'])}")
    for query in queries:
        if query["kind"] != "flip" and rank_of(query) == 0:
            found.append(f"{query['path']}: its original is not among the {NEIGHBOURS} nearest")
    return found


def first_match(path, key):
    """Value of the first `key : value` line of a file of /proc, or ''."""
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def machine():
    """What the figures were measured on."""
    system = ""
    try:
        release = Path("/etc/os-release").read_text("utf-8").splitlines()
        fields = dict(line.split("=", 1) for line in release if "=" in line)
        system = fields.get("PRETTY_NAME", "").strip('"')
    except OSError:
        pass
    memory = first_match("/proc/meminfo", "MemTotal").split()
    doctor = parsed(millrace("doctor", "--json", ok=(0, 1, 3))[-1:], "the answer of doctor")
    return {"cpu": first_match("/proc/cpuinfo", "model name") or os.uname().machine,
            "cores": len(os.sched_getaffinity(0)), "system": system,
            "kernel": f"Linux {os.uname().release}",
            "memory_bytes": int(memory[0]) * 1024 if memory else 0,
            "doctor": doctor[0] if doctor else {}}


def run(folder):
    facts, store = CORPUS / "expected.json", folder / "photos.mill"
    if not facts.is_file():
        raise DemoError(f"{facts} is missing: run `make corpus` first")
    expected = json.loads(facts.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    summary = ingest(store)
    queries = searches(store, expected)
    failures = parsed(millrace("report", store, "--failed", "--json"), "the report")
    items = parsed(millrace("report", store, "--json"), "the report")
    wrong = problems(summary, failures, queries, expected)
    for query in queries:
        query["rank"] = rank_of(query)
    page = demo_page.render({"summary": summary, "queries": queries, "failures": failures,
                             "items": items, "machine": machine(), "expected": expected,
                             "problems": wrong, "corpus": CORPUS, "store": store,
                             "corpus_link": os.path.relpath(CORPUS, folder),
                             "time": time.strftime("%Y-%m-%d %H:%M %Z")})
    index = folder / "index.html"
    index.write_text(page, "utf-8")
    print(f"demo: {summary.get('ok')} pictures stored, {summary.get('failed')} broken items named, "
          f"{summary.get('items_per_s', 0):.0f} pictures/s")
    print(f"demo: open {(ROOT / index).as_uri()}")
    return wrong


def main():
    os.chdir(ROOT)
    try:
        wrong = run(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO)
    except DemoError as error:
        sys.exit(f"demo: {error}")
    for line in wrong:
        print(f"demo: unexpected: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
