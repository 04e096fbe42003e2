"""Which base64 Go's decoder reads (encoding/base64, StdEncoding): padded, and with line ends
anywhere. Python's also reads what has too much padding."""

from __future__ import annotations

import re

_LETTER = "[A-Za-z0-9+/]"
_WHOLE = re.compile(rf"(?:{_LETTER}{{4}})*(?:{_LETTER}{{2}}==|{_LETTER}{{3}}=)?")
_LINE_ENDS = re.compile(r"[\r\n]")


def illegal_at(text: str) -> int | None:
    """The byte at which Go's decoder stops; None for text that it reads."""
    if _WHOLE.fullmatch(_LINE_ENDS.sub("", text)):
        return None
    data = text.encode()
    kept = [at for at, byte in enumerate(data) if byte not in b"\r\n"]
    letters = 0
    for at in kept:
        if not re.fullmatch(_LETTER.encode(), data[at : at + 1]):
            break
        letters += 1
    rest, held = kept[letters:], letters % 4
    if not rest:
        return len(data) - held
    if data[rest[0]] != ord("=") or held < 2:
        return rest[0]
    return _after_padding(data, rest, 4 - held)


def _after_padding(data: bytes, rest: list[int], wanted: int) -> int:
    """Where the padding that begins at `rest[0]` is not as it has to be."""
    if wanted == 2 and len(rest) < 2:
        return len(data)
    if wanted == 2 and data[rest[1]] != ord("="):
        return rest[1] - 1
    return rest[wanted]
