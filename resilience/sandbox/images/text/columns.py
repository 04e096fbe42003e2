"""Programs on parts of lines: cut, paste, fold, nl, expand, rev, tac."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import TypeVar

from resilience.sandbox.images.text.command_line import Refused, lines, taken
from resilience.sandbox.images.text.printing import unescaped

_Part = TypeVar("_Part")


def cut_(argv: list[str]) -> int:
    """Parts of lines: -f, -c or -b with lists as 1,3-5; -d the separator; -s only with it."""
    long = {"fields": "f", "delimiter": "d", "characters": "c", "bytes": "b",
            "only-delimited": "s", "output-delimiter": "O"}  # fmt: skip
    given = taken(argv, "sn", "dfcbO", long)
    chosen = [letter for letter in "fcb" if letter in given]
    if len(chosen) != 1:
        raise Refused("expected a list of bytes, characters, or fields")
    wanted, failed = _list(given.last(chosen[0])), list[int]()
    separator = given.last("d") or "\t"
    for _, line in lines("cut", given.words, failed):
        text = line.removesuffix("\n")
        if chosen == ["b"]:
            data = text.encode(errors="surrogateescape")
            picked = bytes(_picked(data, wanted))
            print(picked.decode(errors="surrogateescape"))
        elif chosen == ["c"]:
            print("".join(_picked(text, wanted)))
        elif separator in text:
            parts = _picked(text.split(separator), wanted)
            print(given.last("O", separator).join(parts))
        elif "s" not in given:
            print(text)
    return max(failed, default=0)


def _list(text: str) -> list[tuple[int, int | None]]:
    found: list[tuple[int, int | None]] = []
    for piece in re.split(r"[, ]", text):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", piece)
        if match is None or not (match[1] or match[3]) or match[1] == "0":
            raise Refused(f"invalid range '{piece}'")
        last = int(match[3]) if match[3] else None if match[2] else int(match[1])
        found.append((int(match[1] or 1) - 1, last))
    return found


def _picked(parts: Sequence[_Part], wanted: list[tuple[int, int | None]]) -> list[_Part]:
    kept = {at for first, last in wanted for at in range(len(parts))[first:last]}
    return [part for at, part in enumerate(parts) if at in kept]


def paste_(argv: list[str]) -> int:
    """Lines beside each other: -d SEPARATORS, -s one file after another."""
    given, failed = taken(argv, "s", "d", {"delimiters": "d", "serial": "s"}), list[int]()
    marks = [mark if mark != "\0" else "" for mark in unescaped(given.last("d", "\t"))] or [""]
    words = given.words or ["-"]
    dashes = words.count("-")
    read = [line.removesuffix("\n") for _, line in lines("paste", ["-"], failed)] if dashes else []
    shares = iter([read] if "s" in given else [read[at::dashes] for at in range(dashes)])
    columns = [
        next(shares, []) if word == "-"
        else [line.removesuffix("\n") for _, line in lines("paste", [word], failed)]
        for word in words
    ]  # fmt: skip
    for row in columns if "s" in given else zip_longest(*columns, fillvalue=""):
        joined = "".join(part + marks[at % len(marks)] for at, part in enumerate(row[:-1]))
        print(joined + (row[-1] if row else ""))
    return max(failed, default=0)


def rev_(argv: list[str]) -> int:
    """Lines backwards."""
    failed: list[int] = []
    for _, line in lines("rev", taken(argv, "").words, failed):
        text = line.removesuffix("\n")
        sys.stdout.write(text[::-1] + line[len(text) :])
    return max(failed, default=0)


def tac_(argv: list[str]) -> int:
    """The last line first."""
    failed: list[int] = []
    for path in taken(argv, "").words or ["-"]:
        sys.stdout.writelines(reversed([line for _, line in lines("tac", [path], failed)]))
    return max(failed, default=0)


def fold_(argv: list[str]) -> int:
    """Break long lines: -w WIDTH (80), -s at blanks."""
    given, failed = taken(argv, "bs", "w"), list[int]()
    width = given.number("w", 80)
    if width < 1:
        raise Refused(f"invalid width '{width}'")
    for _, line in lines("fold", given.words, failed):
        text = line.removesuffix("\n")
        while len(text) > width:
            blank = text.rfind(" ", 0, width) + 1 if "s" in given else 0
            print(text[: blank or width])
            text = text[blank or width :]
        sys.stdout.write(text + "\n" * line.endswith("\n"))
    return max(failed, default=0)


def nl_(argv: list[str]) -> int:
    """Number lines: -b a, t or n; -w WIDTH, -s TEXT, -i STEP, -v FIRST."""
    given, failed = taken(argv, "p", "bwsiv"), list[int]()
    number, width = given.number("v", 1), given.number("w", 6)
    style, mark = given.last("b", "t"), given.last("s", "\t")
    if style not in ("a", "t", "n"):
        raise Refused(f"invalid body numbering style: '{style}'")
    for _, line in lines("nl", given.words, failed):
        if style == "a" or (style == "t" and line.strip("\n")):
            sys.stdout.write(f"{number:{width}}{mark}{line}")
            number += given.number("i", 1)
        else:
            sys.stdout.write(" " * (width + len(mark)) + line)
    return max(failed, default=0)


def expand_(argv: list[str]) -> int:
    """Tabs become blanks: -t WIDTH (8)."""
    given, failed = taken(argv, "", "t"), list[int]()
    for _, line in lines("expand", given.words, failed):
        sys.stdout.write(line.expandtabs(given.number("t", 8)))
    return max(failed, default=0)
