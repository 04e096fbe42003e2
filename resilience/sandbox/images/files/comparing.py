"""`cmp` and `diff`: how two files differ."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator

from resilience.sandbox.images.text.command_line import Given, Refused, complain, opened, put, taken

TROUBLE = 2
_DIFF = {"brief": "q", "recursive": "r", "unified": "u", "ignore-case": "i",
         "ignore-all-space": "w", "ignore-space-change": "b", "new-file": "N",
         "text": "a"}  # fmt: skip


def cmp_(argv: list[str]) -> int:
    """The first byte that differs: -s silent; 0 the same, 1 different, 2 trouble."""
    given = taken(argv, "s", "", {"silent": "s", "quiet": "s"}, usage=TROUBLE)
    if not 1 <= len(given.words) <= 2:
        raise Refused("two files are needed", TROUBLE)
    one, two = [*given.words, "-"][:2]
    try:
        with opened(one) as first, opened(two) as second:
            return _compared(one, first.read(), two, second.read(), silent="s" in given)
    except OSError as error:
        if "s" not in given:
            complain("cmp", str(error.filename), error)
        return TROUBLE


def _compared(one: str, first: bytes, two: str, second: bytes, *, silent: bool) -> int:
    if first == second:
        return 0
    shorter = min(len(first), len(second))
    at = next((at for at in range(shorter) if first[at] != second[at]), None)
    if at is not None and not silent:
        line = first.count(b"\n", 0, at) + 1
        print(f"{one} {two} differ: char {at + 1}, line {line}")
    elif not silent:
        sys.stdout.flush()
        print(f"cmp: EOF on {one if len(first) < len(second) else two}", file=sys.stderr)
    return 1


def diff_(argv: list[str]) -> int:
    """Lines that differ, in the unified form: -u -q -r -N -i -w -b -a; 0 the same, 1, 2."""
    given = taken(argv, "uqrNiwba", "U", _DIFF, usage=TROUBLE)
    if len(given.words) != 2:
        raise Refused("two files are needed", TROUBLE)
    one, two = given.words
    if os.path.isdir(one) != os.path.isdir(two) and "-" not in (one, two):
        inner = os.path.basename(one if os.path.isdir(two) else two)
        one, two = (
            os.path.join(each, inner) if os.path.isdir(each) else each for each in (one, two)
        )
    if os.path.isdir(one):
        return max([_of_pair(given, *pair) for pair in _pairs(given, one, two)], default=0)
    return _of_pair(given, one, two)


def _pairs(given: Given, one: str, two: str) -> Iterator[tuple[str, str]]:
    """The files of two folders, below them with -r; those of one alone are named."""
    for name in sorted({*os.listdir(one), *os.listdir(two)}):
        a, b = os.path.join(one, name), os.path.join(two, name)
        if os.path.isdir(a) and os.path.isdir(b):
            if "r" in given:
                yield from _pairs(given, a, b)
            else:
                print(f"Common subdirectories: {a} and {b}")
        else:
            yield a, b


def _of_pair(given: Given, one: str, two: str) -> int:
    for here, there in ((one, two), (two, one)):
        alone = not os.path.lexists(here) and here != "-" and os.path.lexists(there)
        if alone and one not in given.words and "N" not in given:
            print(f"Only in {os.path.dirname(there)}: {os.path.basename(there)}")
            return 1
    try:
        first, second = _lines(one, given), _lines(two, given)
    except OSError as error:
        return TROUBLE if complain("diff", str(error.filename), error) else 0
    if [_plain(line, given) for line in first] == [_plain(line, given) for line in second]:
        return 0
    if "q" in given:
        print(f"Files {one} and {two} differ")
    elif any(b"\0" in line for line in (*first, *second)) and "a" not in given:
        print(f"Binary files {one} and {two} differ")
    else:
        _unified(one, first, two, second, given.number("U", 3))
    return 1


def _lines(path: str, given: Given) -> list[bytes]:
    if "N" in given and not os.path.lexists(path):
        return []
    with opened(path) as file:
        return file.readlines()


def _plain(line: bytes, given: Given) -> bytes:
    if "w" in given:
        line = b"".join(line.split())
    elif "b" in given:
        line = b" ".join(line.split())
    return line.lower() if "i" in given else line


def _unified(one: str, first: list[bytes], two: str, second: list[bytes], around: int) -> None:
    for line in difflib.diff_bytes(
        difflib.unified_diff, first, second, os.fsencode(one), os.fsencode(two), n=around
    ):
        if not line.endswith(b"\n"):
            line += b"\n\\ No newline at end of file\n"
        put(line)
