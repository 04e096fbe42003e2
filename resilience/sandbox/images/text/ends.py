"""`head` and `tail`: the first and the last of files, by lines or bytes."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Iterator

from resilience.sandbox.images.text.command_line import (
    Given,
    Refused,
    complain,
    opened,
    pieces,
    put,
    taken,
)
from resilience.sandbox.inside import awake

_UNITS = {"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "G": 1 << 30}
_LONG = {"lines": "n", "bytes": "c", "quiet": "q", "silent": "q", "verbose": "v", "follow": "f"}


def size(text: str) -> int:
    """A number with a unit: 12, 4k, 1M."""
    found = re.fullmatch(r"([-+]?\d+)([bkKmMG]?)i?B?", text)
    if found is None:
        raise Refused(f"invalid number '{text}'")
    return int(found[1]) * _UNITS[found[2]]


def _old_style(argv: list[str]) -> list[str]:
    """`-5` means `-n 5`."""
    return [
        word if argv[at - 1 : at] in (["-n"], ["-c"]) else re.sub(r"^-(\d+)$", r"-n\1", word)
        for at, word in enumerate(argv)
    ]


def head_(argv: list[str]) -> int:
    """The first lines (-n, 10) or bytes (-c); a negative number leaves out the last; -q -v."""
    given = taken(_old_style(argv), "qv", "nc", _LONG)
    count = size(given.last("c") if "c" in given else given.last("n", "10"))
    code, shown = 0, 0
    for path in given.words or ["-"]:
        try:
            with opened(path):
                _title(given, path, shown)
            for data in _first(path, count, in_bytes="c" in given):
                put(data)
            shown += 1
        except OSError as error:
            code = complain("head", path, error)
    return code


def _title(given: Given, path: str, shown: int) -> None:
    if "q" not in given and ("v" in given or len(given.words) > 1):
        name = "standard input" if path == "-" else path
        put(f"{chr(10) * bool(shown)}==> {name} <==\n".encode())


def _first(path: str, count: int, *, in_bytes: bool) -> Iterator[bytes]:
    if in_bytes:
        data = pieces(path, count) if count >= 0 else iter([b"".join(pieces(path))[:count]])
        yield from data
        return
    held: deque[bytes] = deque()
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if count < 0:
                held.append(line)
                if len(held) > -count:
                    yield held.popleft()
            elif number <= count:
                yield line
            if number >= count >= 0:
                return


def tail_(argv: list[str]) -> int:
    """The last lines (-n, 10; +N: from that line on) or bytes (-c); -f and -F follow; -q -v."""
    given = taken(_old_style(argv), "qvfF", "ncs", _LONG)
    if given.words and re.fullmatch(r"\+\d+", given.words[0]):
        given["n"] = [given.words.pop(0)]
    wanted = given.last("c") if "c" in given else given.last("n", "10")
    code, places, shown = 0, {}, 0
    for path in given.words or ["-"]:
        try:
            with opened(path) as file:
                _title(given, path, shown)
                put(_last(file.readlines() if "c" not in given else [file.read()], wanted, given))
                places[path] = file.tell() if file.seekable() else 0
            shown += 1
        except OSError as error:
            code = complain("tail", path, error)
            if "F" in given:
                places[path] = 0
    if given.any("fF"):
        _follow({path: place for path, place in places.items() if path != "-"})
    return code


def _last(found: list[bytes], wanted: str, given: Given) -> bytes:
    count, from_start = abs(size(wanted)), wanted.startswith("+")
    if "c" in given:
        data = found[0]
        return data[max(count - 1, 0) :] if from_start else data[max(len(data) - count, 0) :]
    chosen = found[max(count - 1, 0) :] if from_start else found[max(len(found) - count, 0) :]
    return b"".join(chosen)


def _follow(places: dict[str, int]) -> None:
    """Print what is added; a file that became shorter, or is a new one, begins again."""
    while True:
        for path, place in places.items():
            try:
                place = 0 if os.path.getsize(path) < place else place
                with open(path, "rb") as file:
                    file.seek(place)
                    put(file.read())
                    places[path] = file.tell()
            except FileNotFoundError:
                places[path] = 0
        sys.stdout.flush()
        awake.sleep(0.2)
