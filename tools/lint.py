#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the code that no compiler checks. Each rule is one case; see tests/lint for proof that
each one finds what it looks for.

    tools/lint.py [ROOT]
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

import csource

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
# a border that every decoder shares: input (bytes, n, picture), wish, answer
MORE_PARAMETERS = {"mr__decoder_begin": 7}
# signatures that another project has fixed
GIVEN_SIGNATURES = {"python/millrace/embedding_pipeline.py", "python/millrace/preprocessors.py",
                    "python/millrace/streaming.py"}

# part of src/ -> parts whose headers it may include, besides its own and base
MAY_INCLUDE = {
    "base": set(),
    "plan": set(),
    "source": set(),
    "fetch": set(),
    "ring": {"plan"},
    "decode": {"plan"},
    "transform": {"plan"},
    "worker": {"plan", "ring", "decode", "transform"},
    "proc": {"plan", "ring", "decode", "transform"},  # their standing allowances
    "stream": {"plan", "source", "fetch", "ring", "proc"},
    "module": set(),
    "rpc": set(),
    "embed": {"plan", "module", "fetch", "rpc"},
    "store": {"plan", "fetch", "module", "rpc"},  # fetch.h says what the version of an object is
    "config": {"plan"},
    "pipeline": {"plan", "source", "fetch", "proc", "stream", "module", "embed", "store"},
}
# folders that see only include/millrace, and their own headers
OUTSIDE = ("cli", "examples", "python")

BANNED = re.compile(
    r"(?<![\w.>])(strcpy|stpcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|alloca|system|popen"
    r"|tmpnam|mktemp|atoi|atol|atoll|atof)\s*\(")
ALLOCATION = re.compile(r"(?<![\w.>])(?:malloc|realloc|aligned_alloc|posix_memalign)\s*(\()")
PRODUCT = re.compile(r"(?!sizeof\b)\b(\w+|[)\]])\s*\*\s*(\w+|\()|[)\]]\s*\*\s*[\w(]")
# spelt in halves, so that this file passes its own rule
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SLEEP = re.compile(r"\b(usleep|nanosleep|clock_nanosleep|time\.sleep|asyncio\.sleep)\b"
                   r"|\bsleep\s*\(|(?:^|[;&|\"'(]\s*)sleep\s+[\d.$]")


class Source:
    """One file of the tree."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text("utf-8")
        self.lines = self.text.splitlines()
        self.is_c = path.suffix in (".c", ".h")
        self.is_python = path.suffix == ".py"
        self.is_script = not path.suffix and self.text.startswith("#!") or path.suffix == ".sh"
        self.code = csource.blank(self.text) if self.is_c else self.text

    def under(self, *folders):
        return self.path.split("/")[0] in folders

    def line_of(self, offset):
        return self.code.count("\n", 0, offset) + 1


def files_of(root):
    """All files of the project: those that git tracks or would, else all outside build*/."""
    git = subprocess.run(["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if git.returncode == 0 and (root / ".git").exists():
        names = [name for name in git.stdout.split("\0") if name]
    else:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    kinds = {".c", ".h", ".py", ".sh", ".md", ".build", ".txt", ".ini", ".toml", ".yml", ".yaml"}
    for name in sorted(set(names)):
        path = root / name
        plain = path.suffix in kinds or path.name in ("Makefile", "run", ".clang-tidy")
        if path.is_file() and plain and not name.startswith("build"):
            yield Source(root, path)


def rule_spdx(source):
    """The licence is on the first line (the second after #!)."""
    if not (source.is_c or source.is_python or source.is_script or source.path == "Makefile"):
        return
    first = 1 if source.text.startswith("#!") else 0
    line = source.lines[first] if len(source.lines) > first else ""
    if "SPDX-License-Identifier: Apache-2.0" not in line:
        yield first + 1, "no SPDX-License-Identifier: Apache-2.0"


def rule_file_length(source):
    """A file is one noun."""
    if (source.is_c or source.is_python) and len(source.lines) > MAX_FILE_LINES:
        yield len(source.lines), f"{len(source.lines)} lines, at most {MAX_FILE_LINES}"


def python_functions(source):
    try:
        tree = ast.parse(source.text)
    except SyntaxError:
        return  # rule_python says so
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def rule_function_length(source):
    """A function fits on a screen."""
    if source.is_c:
        sizes = [(f.line, f.name, f.body_lines) for f in csource.functions(source.text)]
    elif source.is_python:
        sizes = [(f.lineno, f.name, f.end_lineno - f.lineno) for f in python_functions(source)]
    else:
        return
    for line, name, size in sizes:
        if size > MAX_FUNCTION_LINES:
            yield line, f"{name}: {size} lines, at most {MAX_FUNCTION_LINES}"


def rule_python(source):
    """Python parses."""
    if source.is_python:
        try:
            ast.parse(source.text)
        except SyntaxError as error:
            yield error.lineno or 1, f"is no Python: {error.msg}"


def rule_parameters(source):
    """More than six parameters are an options struct."""
    if source.path in GIVEN_SIGNATURES:
        return
    if source.is_c:
        counts = [(f.line, f.name, f.parameters) for f in csource.functions(source.text)]
    elif source.is_python:
        counts = [(f.lineno, f.name, len(f.args.args) + len(f.args.kwonlyargs))
                  for f in python_functions(source)]
    else:
        return
    for line, name, count in counts:
        limit = MORE_PARAMETERS.get(name, MAX_PARAMETERS)
        if count > limit:
            yield line, f"{name}: {count} parameters, at most {limit}"


def rule_banned_calls(source):
    """Calls that cannot be bounded, or that start a shell."""
    if source.is_c:
        for match in BANNED.finditer(source.code):
            yield source.line_of(match.start()), f"{match.group(1)} is banned"


def rule_unchecked_size(source):
    """A product that sizes memory goes through base/size.h or calloc."""
    if not source.is_c:
        return
    for call in ALLOCATION.finditer(source.code):
        inside = source.code[call.end(): source.code.find(";", call.end())]
        for product in PRODUCT.finditer(inside):
            if not (product.group(1) and product.group(1).isdigit() and product.group(2).isdigit()):
                yield source.line_of(call.start()), "a product sizes memory unchecked"
                break


def rule_memory_order(source):
    """All memory ordering lives in one header."""
    if source.is_c and source.under("src", "cli", "examples") and source.path != "src/ring/atomic.h":
        for match in re.finditer(r"\bmemory_order_\w+", source.code):
            yield source.line_of(match.start()), f"{match.group(0)} outside src/ring/atomic.h"


def rule_conditionals(source):
    """Conditional compilation only in base/ and in kernels."""
    folders = source.path.split("/")
    if not source.is_c or not source.under("src", "cli", "include", "examples"):
        return
    kernel = {"x86", "arm", "kernels"} & set(folders[:-1]) or "kernel" in folders[-1]
    if folders[1] == "base" or kernel:
        return
    for number, line in enumerate(source.code.splitlines(), 1):
        match = re.match(r"\s*#\s*(?:if|ifdef|ifndef|elif)\b\s*(.*)", line)
        if not match:
            continue
        what = match.group(1).strip()
        guard = source.path.endswith(".h") and re.fullmatch(r"(MR|MILLRACE)_\w+_H", what)
        public = source.under("include") and what in ("__cplusplus", "defined(__GNUC__)")
        if not guard and not public:
            yield number, f"#if {what}: only in base/ and kernels"


def rule_include_direction(source):
    """Dependencies point one way; stages never include each other."""
    if not source.is_c or not source.under("src", "include", *OUTSIDE):
        return
    code = csource.blank(source.text, keep_text=True)
    # src/stream.c and src/pipeline.c belong to the parts of their names
    part = source.path.split("/")[1].removesuffix(".c") if source.under("src") else None
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', code, re.MULTILINE):
        target = match.group(1)
        line = code.count("\n", 0, match.start()) + 1
        folder = target.split("/")[0] if "/" in target else None
        if target.startswith("../") or "/../" in target:
            yield line, f"{target}: no way up"
        elif folder == "millrace":
            continue
        elif source.under("include"):
            yield line, f"{target}: a public header includes only millrace/"
        elif part is None:
            if folder is not None and folder not in OUTSIDE:
                yield line, f"{target}: only millrace/ is seen from here"
        elif folder not in ({part, "base"} | MAY_INCLUDE.get(part, set())):
            yield line, f"{target}: {part} may not include {folder or 'a bare name'}"


def rule_unfinished(source):
    """What is not done is not in the tree."""
    for number, line in enumerate(source.lines, 1):
        if UNFINISHED.search(line):
            yield number, f"unfinished: {UNFINISHED.search(line).group(1)}"


def rule_documented(source):
    """Every exported prototype says what it does."""
    if source.under("include") and source.path.endswith(".h"):
        for function in csource.functions(source.text):
            if function.public and not csource.documented(source.text, function.line):
                yield function.line, f"{function.name} has no /** comment above it"


def rule_no_sleep(source):
    """Tests wait for events with a deadline."""
    if source.under("tests") and (source.is_c or source.is_python or source.is_script):
        text = csource.blank(source.text) if source.is_c else source.text
        for number, line in enumerate(text.splitlines(), 1):
            if SLEEP.search(line):
                yield number, "a sleep in a test"


def rule_readme(source):
    """Both READMEs show the two commands."""
    if source.path in ("README.md", "README.zh-CN.md"):
        for command in ("make demo", "make test"):
            if command not in source.text:
                yield 1, f"does not name `{command}`"


RULES = {name[5:]: rule for name, rule in sorted(globals().items()) if name.startswith("rule_")}


def violations(root):
    """All violations under `root`: (rule, path, line, message)."""
    sources = list(files_of(root))
    present = {source.path for source in sources}
    found = [("readme", name, 1, "is missing") for name in ("README.md", "README.zh-CN.md")
             if name not in present]
    for source in sources:
        for name, rule in RULES.items():
            found.extend((name, source.path, line, message) for line, message in rule(source))
    return found


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent).resolve()
    found = violations(root)
    for name, path, line, message in found:
        print(f"{path}:{line}: {name}: {message}")
    failed = len({name for name, *_ in found})
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
