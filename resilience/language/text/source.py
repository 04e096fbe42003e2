"""Decodes the bytes of a file, or reports one problem.

Files are UTF-8 (a byte order mark is allowed) and small: a scenario that needs more than 256 KiB is
a program. Positions are counted as the YAML parser and editors count them.
"""

from __future__ import annotations

import codecs
import re

from resilience.model.place import Place, Problem

LIMIT = 256 * 1024

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(file: str, data: bytes) -> str | Problem:
    """The text of a file without its byte order mark."""
    if len(data) > LIMIT:
        return Problem(
            Place(file, 1, 1),
            f"the file has {len(data):,} bytes",
            f"at most {LIMIT:,}: split it into several files",
        )
    if data.startswith(_UTF16):
        return Problem(Place(file, 1, 1), "the file is UTF-16", "UTF-8")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        return Problem(
            place_at(file, before, len(before)),
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            "a file saved as UTF-8",
        )


def lines(text: str) -> list[str]:
    """The lines of a text, split where YAML splits them."""
    return _BREAK.split(text)


def place_at(file: str, text: str, offset: int) -> Place:
    """The place of the character at an offset."""
    before = lines(text[:offset])
    return Place(file, len(before), len(before[-1]) + 1)


def inside(file: str, text: str, line: int, column: int) -> Place:
    """A place for a parser's mark (counted from 0), moved back into the file if the parser ran
    past its end."""
    rows = lines(text)
    while rows and line >= len(rows) - 1 and not rows[-1].strip() and len(rows) > 1:
        rows.pop()
    if line >= len(rows):
        return Place(file, len(rows), len(rows[-1]) + 1)
    return Place(file, line + 1, min(column, len(rows[line])) + 1)
