"""`read` and `getopts`: a line, or the next option, into variables."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.sandbox.images.sh.shell import Shell


def read(shell: Shell, words: list[str]) -> int:
    """One line of stdin, a character at a time: the rest belongs to the next reader.

    -r keeps backslashes, -u reads from a descriptor, -p prints a prompt at a terminal; -n ends
    after so many characters, -t after so many seconds, -d at a character; -a fills an array.
    """
    given, names = _options(words[1:], "pntuda")
    if refused := [letter for letter in given if letter not in "rspntuda"]:
        print(f"{shell.name}: read: bad option -{refused[0]}", file=sys.stderr)
        return 2
    if "p" in given and os.isatty(0):
        print(given["p"], end="", file=sys.stderr, flush=True)
    line, ended = _line(given)
    if "a" in given:
        fields = _fields(shell, line, 0)
        shell.arrays[given["a"]] = dict(enumerate(fields[:-1] if not fields[-1] else fields))
        return int(not ended)
    parts = _fields(shell, line, len(names)) if names else [line]
    for number, name in enumerate(names or ["REPLY"]):
        shell.assign(name, parts[number] if number < len(parts) else "")
    return int(not ended)


def _fields(shell: Shell, line: str, most: int) -> list[str]:
    """The line split at IFS; the last of `most` fields, 0 for all, has the rest, without a
    separator that only ends it."""
    separator, blanks = shell.separators()
    line = line.strip(blanks) if blanks else line
    parts = [line] if most == 1 else re.split(separator, line, maxsplit=max(0, most - 1))
    last = re.split(separator, parts[-1])
    if len(parts) == most and len(last) == 2 and not last[1]:
        parts[-1] = last[0]
    return parts


def _options(words: list[str], valued: str) -> tuple[dict[str, str], list[str]]:
    """Letters given, with values for those of `valued`, and the other words."""
    given: dict[str, str] = {}
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word, words = words[0], words[1:]
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            given[letter] = ""
            if letter in valued:
                value = letters or (words[0] if words else "")
                words = words if letters else words[1:]
                given[letter], letters = value, ""
    return given, words


def _line(given: dict[str, str]) -> tuple[str, bool]:
    """A line and whether it was terminated; a backslash joins it with the next."""
    out, raw = b"", "r" in given
    closing = (given["d"][:1].encode() or b"\0") if "d" in given else b"\n"
    most = int(given.get("n") or 0)
    char = _characters(int(given.get("u") or 0), float(given["t"]) if given.get("t") else None)
    while one := char():
        if one == closing:
            return out.decode(errors="replace"), True
        if one == b"\\" and not raw:
            one = char().replace(b"\n", b"")
        out += one
        if most and len(out) >= most:
            return out.decode(errors="replace"), True
    return out.decode(errors="replace"), False


def _characters(source: int, seconds: float | None) -> Callable[[], bytes]:
    """What gives the next character; none at the end of the input, or when the time is over."""
    end = None if seconds is None else time.monotonic() + seconds

    def one() -> bytes:
        left = None if end is None else max(0.0, end - time.monotonic())
        if left is not None and not select.select([source], [], [], left)[0]:
            return b""
        return os.read(source, 1)

    return one


def mapfile(shell: Shell, words: list[str]) -> int:
    """`mapfile -t NAME`: the lines of stdin as an array."""
    given, names = _options(words[1:], "nsOudcC")
    refused = [letter for letter in given if letter != "t"]
    if refused or len(names) > 1:
        why = f"-{refused[0]}: not supported by the sandbox" if refused else "expected one name"
        print(f"{shell.name}: {words[0]}: {why}", file=sys.stderr)
        return 2
    with open(0, closefd=False, errors="replace") as file:
        lines = [line.rstrip("\n") if "t" in given else line for line in file]
    shell.arrays[names[0] if names else "MAPFILE"] = dict(enumerate(lines))
    return 0


def getopts(shell: Shell, words: list[str]) -> int:
    """`getopts LETTERS NAME [ARGUMENTS]`: one option a call, with OPTIND and OPTARG (XCU 4)."""
    if len(words) < 3:
        print(f"{shell.name}: getopts: usage: getopts LETTERS NAME [ARGUMENTS]", file=sys.stderr)
        return 2
    letters, name, arguments = words[1], words[2], words[3:] or shell.arguments
    index = int(shell.variable("OPTIND") or 1)
    word = arguments[index - 1] if index <= len(arguments) else ""
    at = shell.option_at if 1 < shell.option_at < len(word) else 1
    if at == 1 and (not word.startswith("-") or word in ("-", "--")):
        _found(shell, name, "?", "", index + (word == "--"))
        return 1
    letter, rest = word[at], word[at + 1 :]
    shell.option_at = at + 1 if rest else 1
    after = letters.removeprefix(":").partition(letter)
    if not after[1] or letter == ":":
        return _wrong(shell, name, letter, letters, index + (not rest))
    if not after[2].startswith(":"):
        return _found(shell, name, letter, "", index + (not rest))
    shell.option_at = 1
    if not rest and index == len(arguments):
        return _wrong(shell, name, letter, letters, index + 1, known=True)
    return _found(shell, name, letter, rest or arguments[index], index + 1 + (not rest))


def _found(shell: Shell, name: str, value: str, argument: str, index: int) -> int:
    shell.assign("OPTIND", str(index))
    shell.assign(name, value)
    shell.assign("OPTARG", argument)
    return 0


def _wrong(
    shell: Shell, name: str, letter: str, letters: str, index: int, *, known: bool = False
) -> int:
    """An option that is unknown, or lacks its argument: told, or with `:` first left to the
    script."""
    if letters.startswith(":"):
        return _found(shell, name, ":" if known else "?", letter, index)
    print(f"No arg for -{letter} option" if known else f"Illegal option -{letter}", file=sys.stderr)
    return _found(shell, name, "?", "", index)
