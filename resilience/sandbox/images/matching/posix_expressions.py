"""POSIX expressions (basic and extended, with GNU's additions) as Python's.

One difference stays: of `a|ab` Python takes the first that fits, POSIX the longest.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CLASSES = {
    "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r" \t\n\r\f\v", "blank": r" \t", "xdigit": "0-9A-Fa-f", "cntrl": r"\x00-\x1f\x7f",
    "punct": r"!-/:-@\[-`{-~", "print": r"\x20-\x7e", "graph": r"\x21-\x7e",
}  # fmt: skip
_WORDS = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)", "`": r"\A", "'": r"\Z"}
_SAME = "wWsSbBntrfv"
_BRACKET = re.compile(r"\[(\^?)(\]?(?:\[:\w+:\]|\[=.=\]|\[\..\.\]|[^\]])*)\]", re.DOTALL)
_TIMES = re.compile(r"\{(\d*)(,?)(\d*)\}")


@lru_cache(maxsize=256)
def expression(
    text: str,
    *,
    extended: bool,
    ignore_case: bool = False,
    multiline: bool = False,
    escapes: bool = False,
) -> re.Pattern[str]:
    """The expression; with `escapes` a backslash is special between brackets too."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0) | (re.M if multiline else 0)
    return re.compile(_Translation(text, extended, multiline, escapes).whole(), flags | re.ASCII)


class _Translation:
    def __init__(self, text: str, extended: bool, multiline: bool, escapes: bool) -> None:
        self.text = text
        self.extended = extended
        self.end = "$" if multiline else r"\Z"
        self.escapes = escapes
        self.at = 0
        self.out: list[str] = []
        self.begins = True
        """Whether an expression, a group or an alternative begins here."""

    def whole(self) -> str:
        while self.at < len(self.text):
            self._one()
        return "".join(self.out)

    def _one(self) -> None:
        char = self.text[self.at]
        if char == "[":
            self._bracket()
        elif char == "\\":
            self._backslash()
        elif char == "^":
            self._put("^" if self.extended or self.begins else r"\^", begins=True)
        elif char == "$":
            self._put(self.end if self._ends() else r"\$")
        elif char == "*":
            self._put(r"\*" if self.begins else "*")
        elif self.extended and char in "+?(|)":
            special = not (char in "+?" and self.begins)
            self._put(char if special else f"\\{char}", begins=char in "(|")
        elif self.extended and char == "{":
            self._interval(1)
        else:
            self._put("." if char == "." else re.escape(char))

    def _put(self, piece: str, *, begins: bool = False, over: int = 1) -> None:
        self.out.append(piece)
        self.begins = begins
        self.at += over

    def _ends(self) -> bool:
        rest = self.text[self.at + 1 :]
        return self.extended or not rest or rest.startswith((r"\)", r"\|"))

    def _bracket(self) -> None:
        found = _BRACKET.match(self.text, self.at)
        if found is None:
            raise re.error("unmatched [")
        inside, body = "", found[2]
        for piece in re.findall(r"\[:\w+:\]|\[[=.].[=.]\]|\\.|.", body, re.DOTALL):
            if piece.startswith("[:"):
                if piece[2:-2] not in _CLASSES:
                    raise re.error(f"unknown class {piece}")
                inside += _CLASSES[piece[2:-2]]
            elif len(piece) > 2:
                inside += re.escape(piece[2])
            elif len(piece) == 2:
                known = self.escapes or piece[1] in "nt]"
                inside += (
                    piece
                    if known and piece[1] in "ntrfv\\"
                    else (re.escape(piece[1]) if self.escapes else "\\\\" + re.escape(piece[1]))
                )
            else:
                inside += piece if piece == "-" else re.escape(piece)
        self._put(f"[{found[1]}{inside}]", over=len(found[0]))

    def _backslash(self) -> None:
        follower = self.text[self.at + 1 : self.at + 2]
        if not follower:
            raise re.error("trailing backslash")
        if not self.extended and follower in "(|)":
            self._put(follower, begins=follower in "(|", over=2)
        elif not self.extended and follower in "+?":
            self._put(follower if not self.begins else f"\\{follower}", over=2)
        elif not self.extended and follower == "{":
            self._interval(2)
        elif follower in _WORDS:
            self._put(_WORDS[follower], over=2)
        elif follower.isdigit():
            self._put(f"(?:\\{follower})", over=2)
        else:
            self._put(f"\\{follower}" if follower in _SAME else re.escape(follower), over=2)

    def _interval(self, over: int) -> None:
        rest = self.text[self.at + over - 1 :]
        found = _TIMES.match(rest if over == 1 else rest.replace(r"\}", "}", 1))
        if found is None or not (found[1] or found[2]):
            if over == 2:
                raise re.error("invalid contents of {}")
            self._put(r"\{")
            return
        times = f"{{{found[1] or 0}{found[2]}{found[3]}}}"
        self._put(times, over=len(found[0]) + 2 * (over - 1))
