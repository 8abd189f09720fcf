# SPDX-License-Identifier: Apache-2.0
"""The same filter asked of a local store and of a Milvus: the same rows must come back.

Rows differ in metadata only. `MIXED` has keys that are missing and values of every kind, of which the real
Milvus says what `!=` and `not` make; `TIDY` has every key in every row, of one kind each, which is what
milvus-lite has the same idea of.
"""
import json
import random

from command import picture, run
from pymilvus import DataType, MilvusException
from servers.clients import client_of

COLLECTION = "filters"
MIXED = [{}, {"a": 1}, {"a": 2}, {"a": 1.0}, {"a": 1.5}, {"a": "1"}, {"a": "x"}, {"a": True}, {"a": False}, {"a": None},
         {"a": {"b": 1}}, {"a": [1, "y"]}, {"a": {"b": "\u00e9"}, "b c": 3}, {"b c": "x", 'q"': 2}, {"a": -1, "b c": -0.5}]
TIDY = [{"a": n - 3, "b c": name, "n": {"r": n / 2}} for n, name in enumerate(["x", "", "\u00e9", "1", "y", "x", "B", "b"])]
NUMBERS = ["1", "2", "-1", "1.0", "1.5", "0", "-0.5", "3"]
TEXTS = ['"x"', "'1'", '"\u00e9"', '""', "'y'"]


class Drawer:
    """Draws expressions; `mixed` also draws what only the real Milvus takes."""

    def __init__(self, seed, mixed):
        self.rng = random.Random(seed)
        self.mixed = mixed

    def condition(self):
        pick, rng = self.rng.choice, self.rng
        operator = pick(["==", "!=", "<", "<=", ">", ">="])
        kind = rng.random()
        if kind < 0.15:
            return pick([f'id {operator} "r{rng.randrange(16):02}"', 'id in ["r01", "r05",]', 'id not in ["r02"]', '"r03" > id', "id in []"])
        if not self.mixed:
            field, values = pick([('metadata["a"]', NUMBERS), ("metadata['b c']", TEXTS), ('metadata["n"]["r"]', NUMBERS)])
            return f"{field} {operator} {pick(values)}"
        field = pick(['metadata["a"]'] * 3 + ["metadata['b c']", 'metadata["a"]["b"]', 'metadata["a"][0]', 'metadata["q\\""]'])
        if kind < 0.3:
            values = pick([["1", "2", "0x3"], TEXTS[:3], ["true"], ["1.5", "-0.5"]])
            return f"{field} {pick(['in', 'not in'])} [{', '.join(rng.sample(values, rng.randint(1, len(values))))}]"
        if kind < 0.4:
            return pick([f"exists {field}", f"0 < {field} <= 2", f"1.5 > {field} >= -0.5", f"{pick(NUMBERS)} {operator} {field}"])
        if kind < 0.5:
            return f"{field} {pick(['==', '!='])} {pick(['true', 'false'])}"
        return f"{field} {operator} {pick(NUMBERS + TEXTS)}"

    def expression(self, depth):
        if depth == 0 or self.rng.random() < 0.2:
            return self.condition()
        kind = self.rng.choice(["and", "&&", "or", "||", "not ", "!"])
        if kind in ("not ", "!"):
            return f"{kind}({self.expression(depth - 1)})"
        return f"({self.expression(depth - 1)}) {kind} ({self.expression(depth - 1)})"


def fill_local(folder, rows):
    """s.mill with an entry of `rows` as metadata of each of the ids r00, r01, ..."""
    for number in range(len(rows)):
        picture(folder / f"{number}.jpg", number, (32, 24))
    (folder / "m.json").write_text(json.dumps(rows))
    run(folder, "insert", *[f"{n}.jpg" for n in range(len(rows))], "--ids", *[f"r{n:02}" for n in range(len(rows))],
        "--metadata", "m.json", "--into", "s.mill")


def fill_milvus(client, rows):
    schema = client.create_schema()
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection(COLLECTION, schema=schema, index_params=index, consistency_level="Strong")
    client.upsert(COLLECTION, [{"id": f"r{n:02}", "vector": [0.0, 1.0], "metadata": row} for n, row in enumerate(rows)])
    client.load_collection(COLLECTION)


def local_rows(folder, expression):
    results = run(folder, "search", "s.mill", "--id", "r00", "-k", "100", "--filter", expression, "--json").json["results"]
    return sorted(r["id"] for r in results)


def milvus_rows(client, expression):
    try:
        return sorted(r["id"] for r in client.query(COLLECTION, filter=expression, output_fields=["id"], limit=100))
    except MilvusException as error:
        raise AssertionError(f"{expression}: {error}") from error


def compare(server, folder, mixed, count):
    """Asks both; returns how many expressions selected some rows but not all."""
    rows = MIXED if mixed else TIDY
    drawer = Drawer(7, mixed)
    client = client_of(server)
    some = 0
    try:
        fill_local(folder, rows)
        fill_milvus(client, rows)
        for number in range(count):
            expression = drawer.expression(number % 4)
            wanted = milvus_rows(client, expression)
            assert local_rows(folder, expression) == wanted, expression
            some += 0 < len(wanted) < len(rows)
    finally:
        if client.has_collection(COLLECTION):
            client.drop_collection(COLLECTION)
        client.close()
    return some
