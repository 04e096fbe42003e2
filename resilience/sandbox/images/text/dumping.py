"""`od` and `xxd`: bytes as numbers and characters."""

from __future__ import annotations

import sys

from resilience.sandbox.images.text.command_line import Given, Refused, complain, opened, put, taken
from resilience.sandbox.images.text.ends import size

ROW = 16
_TYPES = {"x1": ("02x", 1), "x2": ("04x", 2), "x4": ("08x", 4), "o1": ("03o", 1), "o2": ("06o", 2),
          "u1": ("3d", 1), "u2": ("5d", 2), "u4": ("10d", 4), "x": ("08x", 4), "o": ("011o", 4),
          "u": ("10d", 4)}  # fmt: skip
_OLD = {"x": "x2", "b": "o1", "o": "o2", "c": "c", "d": "u2"}
_NAMED = {0: r"\0", 7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r"}


def od_(argv: list[str]) -> int:
    """Rows of 16 bytes: -A d, o, x or n, -t x1 and the like or c, -c -x -b -d -o, -v, -N, -j."""
    given = taken(argv, "cxbdov", "AtNj")
    kinds = [*given.get("t", []), *(_OLD[letter] for letter in "cxbdo" if letter in given)] or [
        "o2"
    ]
    base = given.last("A", "o")
    unknown = [kind for kind in kinds if kind != "c" and kind not in _TYPES]
    if unknown or base not in "doxn":
        raise Refused(f"invalid type or base '{(unknown or [base])[0]}'")
    data = _content("od", given.words)
    if data is None:
        return 1
    skip = size(given.last("j", "0"))
    data = data[skip:][: size(given.last("N")) if "N" in given else None]
    before, starred = b"", False
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        if row == before and "v" not in given:
            if not starred:
                print("*")
            starred = True
            continue
        before, starred = row, False
        for number, kind in enumerate(kinds):
            address = _address(at + skip, base) if number == 0 else " " * len(_address(0, base))
            print(address + _row(row, kind))
    if base != "n":
        print(_address(len(data) + skip, base))
    return 0


def _address(at: int, base: str) -> str:
    return "" if base == "n" else f"{at:0{6 if base == 'x' else 7}{base}}"


def _row(row: bytes, kind: str) -> str:
    if kind == "c":
        return "".join(f" {_char(byte):>3}" for byte in row)
    form, width = _TYPES[kind]
    words = (int.from_bytes(row[at : at + width], "little") for at in range(0, len(row), width))
    return "".join(f" {word:{form}}" for word in words)


def _char(byte: int) -> str:
    return _NAMED.get(byte) or (chr(byte) if 32 <= byte < 127 else f"{byte:03o}")


def _content(name: str, words: list[str]) -> bytes | None:
    data = b""
    for word in words or ["-"]:
        try:
            with opened(word) as file:
                data += file.read()
        except OSError as error:
            complain(name, word, error)
            return None
    return data


def xxd_(argv: list[str]) -> int:
    """Rows of 16 bytes with their characters; -p plain, -r back from plain, -l, -s, -c COLUMNS."""
    given = taken(argv, "pru", "lsc")
    data = _content("xxd", given.words[:1])
    if data is None:
        return 1
    if "r" in given:
        return _back(data, given)
    data = data[size(given.last("s", "0")) :][: size(given.last("l")) if "l" in given else None]
    columns = given.number("c", 30 if "p" in given else ROW)
    for at in range(0, len(data), columns):
        row = data[at : at + columns]
        text = row.hex().upper() if "u" in given else row.hex()
        if "p" in given:
            print(text)
            continue
        pairs = " ".join(text[start : start + 4] for start in range(0, len(text), 4))
        seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        print(f"{at:08x}: {pairs:<{columns * 5 // 2}} {seen}")
    return 0


def _back(data: bytes, given: Given) -> int:
    if "p" not in given:
        raise Refused("the sandbox's xxd goes back from -p only")
    try:
        put(bytes.fromhex("".join(data.decode("ascii").split())))
    except (ValueError, UnicodeDecodeError):
        print("xxd: the input is not in hexadecimal", file=sys.stderr)
        return 1
    return 0
