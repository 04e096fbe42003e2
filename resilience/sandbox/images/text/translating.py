"""`tr`: characters for others, byte for byte."""

from __future__ import annotations

import os
import re
import string

from resilience.sandbox.images.text.command_line import PIECE, Refused, put, taken
from resilience.sandbox.images.text.printing import unescaped

CLASSES = {
    "lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "digit": string.digits,
    "alpha": string.ascii_uppercase + string.ascii_lowercase,
    "alnum": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "space": "\t\n\v\f\r ", "blank": "\t ", "punct": string.punctuation,
    "xdigit": string.digits + "ABCDEFabcdef", "cntrl": "".join(map(chr, [*range(32), 127])),
    "print": "".join(map(chr, range(32, 127))), "graph": "".join(map(chr, range(33, 127))),
}  # fmt: skip
_MEMBER = re.compile(
    r"\[:(?P<name>\w+):\]|\[=(?P<same>.)=\]|\[(?P<one>.)\*(?P<times>\d*)\]"
    r"|(?P<first>\\[0-7]{1,3}|\\.|[^\\])-(?P<last>\\[0-7]{1,3}|\\.|[^\\])|(?P<char>\\[0-7]{1,3}|\\.|.)",
    re.DOTALL,
)


def tr_(argv: list[str]) -> int:
    """Translate bytes; -d deletes, -s squeezes, -c and -C take all others, -t cuts the first."""
    long = {"delete": "d", "squeeze-repeats": "s", "complement": "c", "truncate-set1": "t"}
    given = taken(argv, "cCdst", "", long, words_end=True)
    if not given.words or len(given.words) > 2:
        raise Refused("one or two sets are needed")
    first = _set(given.words[0])
    if given.any("cC"):
        first = bytes(byte for byte in range(256) if byte not in first)
    second = _set(given.words[1], len(first)) if len(given.words) > 1 else b""
    if "d" not in given and "s" not in given and not second:
        raise Refused("two sets are needed")
    deleted = first if "d" in given else b""
    table = None
    if second and "d" not in given:
        if "t" in given:
            first = first[: len(second)]
        table = bytes.maketrans(first, second[: len(first)].ljust(len(first), second[-1:]))
    squeezed = (second or first) if "s" in given else b""
    form = re.compile(b"([" + re.escape(squeezed) + b"])\\1+", re.DOTALL) if squeezed else None
    before = b""
    while piece := os.read(0, PIECE):
        piece = piece.translate(table, deleted)
        if form is not None and piece:
            held = before if before and before in squeezed else b""
            piece = form.sub(rb"\1", held + piece)[len(held) :]
            before = piece[-1:] or before
        put(piece)
    return 0


def _set(text: str, room: int = 0) -> bytes:
    found = b""
    for match in _MEMBER.finditer(text):
        if match["name"]:
            if match["name"] not in CLASSES:
                raise Refused(f"invalid character class '{match['name']}'")
            found += CLASSES[match["name"]].encode()
        elif match["same"]:
            found += match["same"].encode(errors="surrogateescape")
        elif match["one"]:
            times = int(match["times"] or max(room - len(found), 0))
            found += match["one"].encode(errors="surrogateescape") * times
        elif match["first"]:
            found += _between(_byte(match["first"]), _byte(match["last"]), match[0])
        else:
            found += _byte(match["char"])
    return found


def _between(first: bytes, last: bytes, text: str) -> bytes:
    if len(first) > 1 or len(last) > 1:
        return text.encode(errors="surrogateescape")
    if first > last:
        raise Refused(f"range '{text}' is reversed")
    return bytes(range(first[0], last[0] + 1))


def _byte(text: str) -> bytes:
    """One character, maybe after a backslash, or a number in octal."""
    if text[:1] == "\\" and text[1:].isdigit():
        return bytes([int(text[1:], 8) & 0xFF])
    char = unescaped(text)
    return (char[1:] if len(char) == 2 else char).encode(errors="surrogateescape")
