# SPDX-License-Identifier: Apache-2.0
"""tools/lint.py finds each thing that it looks for, where it is, and nothing in clean code."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import lint  # noqa: E402

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
CLEAN = {
    "README.md": "make demo, make test\n",
    "README.zh-CN.md": "make demo, make test\n",
    "Makefile": "# SPDX-License-Identifier: Apache-2.0\n",
    "tools/x.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nsleep 1\n",
    "src/base/cpu.c": SPDX + "#ifdef __x86_64__\n#endif\n",
    "src/ring/atomic.h": SPDX + "#ifndef MR_RING_ATOMIC_H\n#define MR_RING_ATOMIC_H\n"
                                "/* x */ int a(void); // memory_order_relaxed\n"
                                "static int b(_Atomic int *p) { return m(p, memory_order_acquire); }\n"
                                "#endif\n",
    "src/transform/x86/k.c": SPDX + "#if defined(__AVX2__)\n#endif\n",
    "src/store/local.c": SPDX + '#include <stdio.h>\n#include "base/error.h"\n#include "fetch/fetch.h"\n'
                                '#include "store/store.h"\n#include "millrace/store.h"\n'
                                "/* strcpy( is banned, and so is memory_order_relaxed here */\n"
                                'static const char text[] = "strcpy(a, b)";\n'
                                "static int six(int a, int b, int (*c)(int, int), int d[2], int e, int f)\n"
                                "{\n    char *p = malloc(sizeof *q);\n    p = malloc(4 * 1024);\n"
                                "    x.system(1);\n    return my_strcpy(p);\n}\n",
    "include/millrace/x.h": SPDX + "#ifndef MILLRACE_X_H\n#define MILLRACE_X_H\n#ifdef __cplusplus\n"
                                   'extern "C" {\n#endif\n/** Says\n * so. */\n'
                                   "MR_API MR_MUST_CHECK mr_status mr_x(int (*fn)(void *c, int d),\n"
                                   "    void *cookie);\n#ifdef __cplusplus\n}\n#endif\n#endif\n",
    "cli/verb.c": SPDX + '#include "verb.h"\n#include "cli/args.h"\n#include "millrace/x.h"\n',
    "tests/unit/t.c": SPDX + "/* no sleep 5 here */\nint sleeper(void);\n",
}
# rule -> (path, content, line) of one violation; several where a rule has several ways to fail
BROKEN = [
    ("spdx", "src/base/a.c", "int x;\n", 1),
    ("spdx", "tools/a.py", "#!/usr/bin/env python3\nx = 1\n", 2),
    ("file_length", "src/base/a.c", SPDX + "\n" * 500, 501),
    ("function_length", "src/base/a.c", SPDX + "int f(void)\n{\n" + "    g();\n" * 61 + "}\n", 2),
    ("function_length", "tools/a.py", "# SPDX-License-Identifier: Apache-2.0\ndef f():\n" + "    g()\n" * 61, 2),
    ("parameters", "src/base/a.h", SPDX + "\nint f(int a, int b, int c, int d, int e, int f, int g);\n", 3),
    ("parameters", "src/base/a.c", SPDX + "static int f(int a, int b, int c, int d,\n int e, int f, int g)\n{\n}\n", 2),
    ("banned_calls", "cli/a.c", SPDX + "void f(void)\n{\n    (void)sprintf(a, b);\n}\n", 4),
    ("banned_calls", "tests/unit/a.c", SPDX + "void f(void)\n{\n    system(a);\n}\n", 4),
    ("unchecked_size", "src/base/a.c", SPDX + "void f(void)\n{\n    p = malloc(n * sizeof *p);\n}\n", 4),
    ("unchecked_size", "src/base/a.c", SPDX + "void f(void)\n{\n    p = realloc(p, 4 * (n + 1));\n}\n", 4),
    ("memory_order", "src/ring/slab.c", SPDX + "int x = memory_order_relaxed;\n", 2),
    ("conditionals", "src/store/a.c", SPDX + "#ifdef DEBUG\n#endif\n", 2),
    ("conditionals", "src/store/a.h", SPDX + "#ifndef MR_STORE_A_H\n#define MR_STORE_A_H\n#if X\n#endif\n#endif\n", 4),
    ("conditionals", "include/millrace/a.h", SPDX + "#ifdef _WIN32\n#endif\n", 2),
    ("include_direction", "src/decode/a.c", SPDX + '#include "transform/transform.h"\n', 2),
    ("include_direction", "src/worker/a.c", SPDX + '#include "proc/pool.h"\n', 2),
    ("include_direction", "src/base/a.c", SPDX + '#include "plan/spec.h"\n', 2),
    ("include_direction", "src/stream/a.c", SPDX + '#include "../store/store.h"\n', 2),
    ("include_direction", "cli/a.c", SPDX + '#include "base/text.h"\n', 2),
    ("include_direction", "examples/a.c", SPDX + '#include "base/text.h"\n', 2),
    ("include_direction", "include/millrace/a.h", SPDX + '#include "base/text.h"\n', 2),
    ("unfinished", "docs/a.md", "x\n" + "TO" + "DO: more\n", 2),
    ("unfinished", "src/base/a.c", SPDX + "/* FIX" + "ME */\n", 2),
    ("documented", "include/millrace/a.h", SPDX + "/** Says so. */\n\nMR_API void mr_a(void);\n", 4),
    ("documented", "include/millrace/a.h", SPDX + "/* plain */\nMR_API void mr_a(void);\n", 3),
    ("documented", "include/millrace/a.h", SPDX + "/** of b */\nMR_API void mr_b(void);\nMR_API void mr_a(void);\n", 4),
    ("no_sleep", "tests/unit/a.c", SPDX + "void f(void)\n{\n    usl" + "eep(5);\n}\n", 4),
    ("no_sleep", "tests/e2e/test_a.py", "# SPDX-License-Identifier: Apache-2.0\ntime.sl" + "eep(1)\n", 2),
    ("no_sleep", "tests/e2e/a.sh", "# SPDX-License-Identifier: Apache-2.0\nx; sle" + "ep 1\n", 2),
    ("python", "tools/a.py", "# SPDX-License-Identifier: Apache-2.0\ndef f(:\n", 2),
    ("include_direction", "src/stream.c", SPDX + '#include "stream/run.h"\n#include "store/store.h"\n', 3),
    ("readme", "README.md", "make demo\n", 1),
]


def tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_clean_tree_passes(tmp_path):
    assert lint.violations(tree(tmp_path, CLEAN)) == []


@pytest.mark.parametrize("rule,path,content,line", BROKEN, ids=[f"{b[0]}-{i}" for i, b in enumerate(BROKEN)])
def test_violation_is_found(tmp_path, rule, path, content, line):
    found = lint.violations(tree(tmp_path, {**CLEAN, path: content}))
    assert [(v[0], v[1], v[2]) for v in found] == [(rule, path, line)]


def test_every_rule_has_a_violation():
    assert {b[0] for b in BROKEN} == set(lint.RULES)


def test_missing_readme_is_found(tmp_path):
    files = {name: text for name, text in CLEAN.items() if name != "README.zh-CN.md"}
    assert [(v[0], v[1]) for v in lint.violations(tree(tmp_path, files))] == [("readme", "README.zh-CN.md")]
