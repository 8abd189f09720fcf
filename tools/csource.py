# SPDX-License-Identifier: Apache-2.0
"""Reads C well enough for tools/lint.py: code without comments, functions, prototypes."""
import re
from dataclasses import dataclass

_NOT_FUNCTIONS = {"if", "for", "while", "switch", "return", "sizeof", "defined", "_Static_assert",
                  "static_assert", "__attribute__", "_Alignas", "alignas", "MR__PRINTF"}
_TOKENS = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.DOTALL)


def blank(text, keep_text=False):
    """The code with comments (and, unless `keep_text`, literals) made blanks; lines stay in place."""

    def spaces(match):
        if match.group("text") and keep_text:
            return match.group(0)
        inner = re.sub(r"[^\n]", " ", match.group(0))
        if match.group("text"):
            return match.group(0)[0] + inner[1:-1] + match.group(0)[-1]
        return inner

    return _TOKENS.sub(spaces, text)


@dataclass
class Function:
    """A definition or prototype. Lines count from 1; a prototype has no body."""

    name: str
    line: int
    parameters: int
    body_lines: int = 0
    public: bool = False


def _closing(text, start):
    """Index of the parenthesis that closes the one at `start`, or -1."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return -1


def _count_parameters(inside):
    """Parameters of a list, `...` not counted."""
    depth = 0
    parts = [""]
    for char in inside:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    names = [part.strip() for part in parts]
    return len([name for name in names if name not in ("", "void", "...")])


def _declared(statement, line):
    """The function that a file-level statement declares, or None."""
    if re.match(r"\s*typedef\b", statement) or re.search(r"[{=]", statement.split("(")[0]):
        return None
    for match in re.finditer(r"\b([A-Za-z_]\w*)\s*\(", statement):
        if match.group(1) in _NOT_FUNCTIONS:
            continue
        end = _closing(statement, match.end() - 1)
        if end < 0 or not statement[: match.start()].strip():
            return None
        lead = len(statement) - len(statement.lstrip())
        first = line + statement[:lead].count("\n")
        return Function(match.group(1), first, _count_parameters(statement[match.end() : end]),
                        public="MR_API" in statement)
    return None


def functions(text):
    """All definitions and prototypes at file level (also inside extern "C")."""
    code = blank(text)
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code,
                  flags=re.MULTILINE)
    code = re.sub(r'extern\s+"\s*"\s*\{', lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)
    found = []
    start = 0
    i = 0
    while i < len(code):
        char = code[i]
        if char == ";":
            function = _declared(code[start:i], code.count("\n", 0, start) + 1)
            if function:
                found.append(function)
            start = i + 1
        elif char == "{":
            end = _body_end(code, i)
            function = _declared(code[start:i], code.count("\n", 0, start) + 1)
            if function:
                function.body_lines = max(0, code.count("\n", i, end) - 1)
                found.append(function)
                start = end + 1
            i = end
        elif char == "}":
            start = i + 1
        i += 1
    return found


def _body_end(code, start):
    """Index of the brace that closes the one at `start`, or the end of the file."""
    depth = 0
    for i in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[i], 0)
        if depth == 0:
            return i
    return len(code) - 1


def documented(text, line):
    """Does a `/** */` comment end right above this line (from 1)?"""
    lines = text.splitlines()
    above = line - 2
    while above >= 0 and not lines[above].strip():
        return False
    if above < 0 or not lines[above].rstrip().endswith("*/"):
        return False
    while above >= 0 and "/*" not in lines[above]:
        above -= 1
    return above >= 0 and lines[above].lstrip().startswith("/**")
