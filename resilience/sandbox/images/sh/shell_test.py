"""`test` and `[`: files, texts and numbers, joined by `-a` and `-o`, maybe after `!`."""

from __future__ import annotations

import operator
import os
import stat
import sys
from collections.abc import Callable
from functools import partial

USAGE = 2
_FILES: dict[str, Callable[[int], bool]] = {
    "-b": stat.S_ISBLK, "-c": stat.S_ISCHR, "-d": stat.S_ISDIR, "-f": stat.S_ISREG,
    "-p": stat.S_ISFIFO, "-S": stat.S_ISSOCK, "-e": lambda mode: True,
}  # fmt: skip


def _mode_of(fits: Callable[[int], bool], path: str) -> bool:
    try:
        return fits(os.stat(path).st_mode)
    except OSError:
        return False


UNARY: dict[str, Callable[[str], bool]] = {
    "-n": bool,
    "-z": lambda text: not text,
    "-h": os.path.islink,
    "-L": os.path.islink,
    "-G": lambda path: _owners(path)[1] == os.getegid(),
    "-O": lambda path: _owners(path)[0] == os.geteuid(),
    "-r": lambda path: os.access(path, os.R_OK),
    "-s": lambda path: os.path.exists(path) and os.path.getsize(path) > 0,
    "-t": lambda number: os.isatty(int(number)),
    "-w": lambda path: os.access(path, os.W_OK),
    "-x": lambda path: os.access(path, os.X_OK),
    **{flag: partial(_mode_of, fits) for flag, fits in _FILES.items()},
}
NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le,
    "-gt": operator.gt, "-ge": operator.ge,
}  # fmt: skip
TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    "-nt": lambda one, two: _changed(one) > _changed(two),
    "-ot": lambda one, two: _changed(one) < _changed(two),
}  # fmt: skip


def check(words: list[str]) -> int:
    """0 if it holds, 1 if not, 2 if it is invalid."""
    rest = words[1:]
    if words[0] == "[":
        if rest[-1:] != ["]"]:
            print("[: missing ]", file=sys.stderr)
            return USAGE
        del rest[-1]
    try:
        return int(not _either(rest)) if rest else 1
    except ValueError as error:
        print(f"{words[0]}: {error}", file=sys.stderr)
        return USAGE


def _either(words: list[str]) -> bool:
    for joint, join in (("-o", any), ("-a", all), ("||", any), ("&&", all)):
        if joint in words[1:-1] and len(words) > 3:
            at = words.index(joint, 1)
            return join([_either(words[:at]), _either(words[at + 1 :])])
    return _one(words)


def _one(words: list[str]) -> bool:
    if words[0] == "!" and len(words) > 1:
        return not _one(words[1:])
    if words[0] == "(" and words[-1] == ")" and len(words) > 2:
        return _either(words[1:-1])
    if len(words) == 1:
        return bool(words[0])
    if len(words) == 2 and words[0] in UNARY:
        return UNARY[words[0]](words[1])
    if len(words) == 3 and words[1] in NUMBERS:
        return NUMBERS[words[1]](_number(words[0]), _number(words[2]))
    if len(words) == 3 and words[1] in TEXTS:
        return TEXTS[words[1]](words[0], words[2])
    raise ValueError(f"{words[-1]}: unexpected operator")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text}: bad number") from None


def _owners(path: str) -> tuple[int, int]:
    """User and group; -1 for what is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_uid, found.st_gid


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return float("-inf")
