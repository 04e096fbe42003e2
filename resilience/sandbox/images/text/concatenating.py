"""`cat`: files, one after another."""

from __future__ import annotations

import os

from resilience.sandbox.images.text.command_line import PIECE, complain, put, taken

_LONG = {
    "number": "n", "number-nonblank": "b", "show-all": "A", "show-ends": "E", "show-tabs": "T",
    "show-nonprinting": "v", "squeeze-blank": "s",
}  # fmt: skip


def cat_(argv: list[str]) -> int:
    """Files, or stdin as it arrives: -n and -b number lines, -s, -v, -e, -t, -E, -T, -A show what
    is not seen."""
    given = taken(argv, "nbsvetETAu", "", _LONG)
    letters = set(given)
    if "A" in letters:
        letters |= set("vET")
    if letters & {"e", "t"}:
        letters |= {"v", "E" if "e" in letters else "T"}
    code, lines = 0, _Lines(letters)
    for path in given.words or ["-"]:
        try:
            source = 0 if path == "-" else os.open(path, os.O_RDONLY)
            try:
                while piece := os.read(source, PIECE):
                    put(lines.shown(piece) if letters - {"u"} else piece)
            finally:
                if source:
                    os.close(source)
        except OSError as error:
            code = complain("cat", path, error)
    return code


class _Lines:
    """What -n and the like make of text that arrives in pieces."""

    def __init__(self, letters: set[str]) -> None:
        self.letters = letters
        self.number = 0
        self.begins, self.blank = True, False

    def shown(self, piece: bytes) -> bytes:
        return b"".join(map(self._line, _split(piece)))

    def _line(self, line: bytes) -> bytes:
        begins, self.begins = self.begins, line.endswith(b"\n")
        if begins and line == b"\n" and "s" in self.letters:
            if self.blank:
                return b""
            self.blank = True
        elif line != b"\n":
            self.blank = False
        text = line.removesuffix(b"\n")
        numbered = "n" in self.letters or ("b" in self.letters and text)
        if "b" in self.letters and not text:
            numbered = False
        prefix = b""
        if begins and numbered:
            self.number += 1
            prefix = b"%6d\t" % self.number
        if "v" in self.letters or "T" in self.letters:
            text = b"".join(self._char(byte) for byte in text)
        ends = b"$" if "E" in self.letters and self.begins else b""
        return prefix + text + ends + b"\n" * self.begins

    def _char(self, byte: int) -> bytes:
        if byte == 9:
            return b"^I" if "T" in self.letters else b"\t"
        if "v" not in self.letters:
            return bytes([byte])
        prefix, low = (b"M-", byte - 128) if byte >= 128 else (b"", byte)
        if low == 127:
            return prefix + b"^?"
        return prefix + (b"^" + bytes([low + 64]) if low < 32 else bytes([low]))


def _split(piece: bytes) -> list[bytes]:
    """Lines by newlines alone."""
    found = [line + b"\n" for line in piece.split(b"\n")]
    found[-1] = found[-1][:-1]
    return [line for line in found if line]
