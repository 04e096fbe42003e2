"""`base64`, and the programs that print and check the hashes of files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import sys
from collections.abc import Callable, Iterator

from resilience.sandbox.images.text.command_line import (
    Given,
    Refused,
    complain,
    lines,
    pieces,
    put,
    taken,
)

_TRIPLES = 3 * (1 << 14)
_SUM = re.compile(r"([0-9a-fA-F]+) [ *](.+)")
_LONG = {
    "check": "c", "status": "s", "quiet": "q", "warn": "w", "binary": "b", "text": "t",
    "ignore-missing": "i",
}  # fmt: skip


def base64_(argv: list[str]) -> int:
    """Encode; -d decodes, -w COLUMNS wraps (76, 0 never)."""
    long = {"decode": "d", "wrap": "w", "ignore-garbage": "i"}
    given = taken(argv, "dDi", "w", long)
    path = given.words[0] if given.words else "-"
    try:
        if given.any("dD"):
            return _decode(path)
        _encode(path, given.number("w", 76))
    except OSError as error:
        return complain("base64", path, error)
    return 0


def _encode(path: str, width: int) -> None:
    column = 0
    for data in _regrouped(pieces(path), _TRIPLES):
        text = base64.b64encode(data).decode()
        while text:
            room = width - column if width else len(text)
            sys.stdout.write(text[:room])
            column = (column + len(text[:room])) if width else 0
            text = text[room:]
            if width and column == width:
                sys.stdout.write("\n")
                column = 0
    if column:
        sys.stdout.write("\n")


def _regrouped(found: Iterator[bytes], size: int) -> Iterator[bytes]:
    held = b""
    for piece in found:
        held += piece
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def _decode(path: str) -> int:
    kept = (re.sub(rb"[^A-Za-z0-9+/=]", b"", piece) for piece in pieces(path))
    for data in _regrouped(kept, 4 * (1 << 14)):
        try:
            put(base64.b64decode(data))
        except binascii.Error:
            put(base64.b64decode(data[: len(data) // 4 * 4]))
            print("base64: truncated input", file=sys.stderr)
            return 1
    return 0


def _digest(kind: str) -> Callable[[list[str]], int]:
    def run(argv: list[str]) -> int:
        given = taken(argv, "cswbtqi", "", _LONG)
        if "c" in given:
            return max(_checked(argv[0], kind, given, list_) for list_ in given.words or ["-"])
        code = 0
        for path in given.words or ["-"]:
            try:
                print(f"{_hash(kind, path)} {'*' if 'b' in given else ' '}{path}")
            except OSError as error:
                code = complain(argv[0], path, error)
        return code

    return run


def _hash(kind: str, path: str) -> str:
    found = hashlib.new(kind, usedforsecurity=False)
    for piece in pieces(path):
        found.update(piece)
    return found.hexdigest()


def _checked(name: str, kind: str, given: Given, listed: str) -> int:
    """Check the files that a list names; 1 if one differs or cannot be read."""
    failed: list[int] = []
    wrong = seen = 0
    for _, line in lines(name, [listed], failed):
        found = _SUM.fullmatch(line.rstrip("\r\n"))
        if found is None:
            continue
        seen += 1
        said = _verdict(name, kind, given, found)
        wrong += said.startswith("FAILED")
        if said and "s" not in given and not (said == "OK" and "q" in given):
            print(f"{found[2]}: {said}")
    sys.stdout.flush()
    if wrong and "s" not in given:
        print(
            f"{name}: WARNING: {wrong} of {seen} computed checksums did NOT match", file=sys.stderr
        )
    if not seen and not failed:
        raise Refused(f"no checksum lines found in '{listed}'")
    return int(bool(wrong or failed))


def _verdict(name: str, kind: str, given: Given, found: re.Match[str]) -> str:
    try:
        return "OK" if _hash(kind, found[2]) == found[1].lower() else "FAILED"
    except OSError as error:
        if "i" in given and isinstance(error, FileNotFoundError):
            return ""
        complain(name, found[2], error)
        return "FAILED"


md5sum_ = _digest("md5")

sha1sum_ = _digest("sha1")

sha256sum_ = _digest("sha256")

sha512sum_ = _digest("sha512")
