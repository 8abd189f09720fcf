#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of keys in docs/configuration.md from what `millrace config init` prints.

    tools/config_docs.py [--check] MILLRACE

The command's own tables are the source: nothing is typed twice. --check writes nothing and fails if the
page differs.
"""
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/configuration.md"
BLOCK = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def own_keys(text):
    """(section, key, default, option, variable, help) of each key that is not commented out."""
    section, comment = "", []
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            section = match[1]
        elif line.startswith("  # "):
            comment.append(line[4:])
        elif match := re.fullmatch(r"  (\w+): (.*)", line):
            option, variable, words = re.fullmatch(r"(--.*?), (MILLRACE_\w+): (.*)", " ".join(comment)).groups()
            yield section, match[1], match[2], option, variable, words
            comment = []


def original_keys(text):
    """(key, default, variable, help) of each commented key; the default of items of lists is empty."""
    section, comment, done = "", [], False
    for line in text[text.index("# Sections of"):].splitlines()[2:]:
        if line == "#":
            if comment and comment[0].startswith("collections"):
                yield from _of_lists(comment)
            section, comment, done = "", [], False
        elif match := re.fullmatch(r"# (\w+):(?: a list, of:)?", line):
            section = match[1] + "."
        elif match := re.fullmatch(r"#   ?# ?(.*)|# # (.*)", line):
            comment.append(match[1] or match[2])
        elif match := re.fullmatch(r"#\s+(\w+): (.*)", line):
            words = " ".join(comment)
            variable = re.match(r"((?:TRITON|MILVUS|JAX|LOG)_[A-Z_]+): ", words)
            yield (section + match[1], match[2], variable[1] if variable else "",
                   words[variable.end():] if variable else words)
            comment, done = [], True
    assert done


def _of_lists(comment):
    rows = []
    for line in comment:
        if match := re.match(r"(collections\S*): (.*)", line):
            rows.append([match[1], "", "", match[2]])
        else:
            rows[-1][3] += " " + line
    return rows


def _cell(text):
    return text.replace("|", "\\|")


def _code(text):
    return f"`{_cell(text)}`" if text else ""


def tables(text):
    own = ["| key | default | option | variable | what |", "|---|---|---|---|---|"]
    own += [f"| {_code(f'{s}.{k}')} | {_code(d)} | {_code(o)} | {_code(v)} | {_cell(w)} |" for s, k, d, o, v, w in own_keys(text)]
    original = ["| key | default | variable | what |", "|---|---|---|---|"]
    original += [f"| {_code(k)} | {_code(d)} | {_code(v)} | {_cell(w)} |" for k, d, v, w in original_keys(text)]
    return {"own": own, "original": original}


def page(text, init):
    lines = tables(init)
    return BLOCK.sub(lambda m: m[1] + "\n".join(lines[m[2]]) + "\n" + m[3], text)


def main(args):
    check = "--check" in args
    names = [a for a in args if a != "--check"]
    if len(names) != 1:
        sys.exit(__doc__)
    init = subprocess.run([names[0], "config", "init"], capture_output=True, text=True, check=True).stdout
    old = PAGE.read_text()
    new = page(old, init)
    if check:
        sys.exit(0 if new == old else f"{PAGE.name} differs from the tables: run tools/config_docs.py {names[0]}")
    PAGE.write_text(new)


if __name__ == "__main__":
    main(sys.argv[1:])
