"""Programs that print their arguments (printf, seq, yes) or their input (tee)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from resilience.sandbox.images.text.command_line import Refused, as_read, complain, taken

_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "e": "\x1b",
}  # fmt: skip

_FORMAT = re.compile(r"%(%|[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[bcdeEfgGiosuxX])")


def unescaped(text: str) -> str:
    """Backslash escapes as in `printf` and `echo -e`."""

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "01234567":
            return _byte(int(body, 8) & 0xFF)
        return _byte(int(body[1:], 16)) if body[0] == "x" else _ESCAPES[body]

    return re.sub(r"\\([0-7]{1,4}|x[0-9a-fA-F]{1,2}|[ntr\\abfve])", value, text)


def _byte(value: int) -> str:
    """A byte as the programs' texts hold it: those of no ASCII character as escaped ones."""
    return bytes([value]).decode("ascii", errors="surrogateescape")


def printf_(argv: list[str]) -> int:
    """Print by a format, repeated until all arguments are used."""
    words = argv[2:] if argv[1:2] == ["--"] else argv[1:]
    if not words:
        raise Refused("usage: printf FORMAT [ARGUMENT...]")
    as_read()
    form, stop, _ = words[0].partition("\\c")
    form, rest, code = unescaped(form), words[1:], [0]
    while True:
        before = len(rest)
        sys.stdout.write(_FORMAT.sub(lambda m: _formatted(m[1], rest, code), form))
        if stop or not rest or len(rest) == before:
            return code[0]


def _formatted(spec: str, rest: list[str], code: list[int]) -> str:
    if spec == "%":
        return "%"
    if "*" in spec:
        spec = spec.replace("*", rest.pop(0) if rest else "0")
    text, kind = (rest.pop(0) if rest else ""), spec[-1]
    if kind in "sbc":
        text = unescaped(text) if kind == "b" else text
        return f"%{spec[:-1]}s" % (text[:1] if kind == "c" else text)
    try:
        number = float(text or 0) if kind in "eEfgG" else _integer(text or "0")
    except ValueError:
        print(f"printf: {text}: invalid number", file=sys.stderr)
        code[0], number = 1, 0
    if kind in "ouxX" and number < 0:
        number = int(number) + (1 << 64)
    return f"%{spec.replace('i', 'd').replace('u', 'd')}" % number


def _integer(text: str) -> int:
    if text[:1] in ("'", '"'):
        return ord(text[1:2] or "\0")
    return int(text, 8 if re.fullmatch(r"[-+]?0\d+", text) else 0)


def seq_(argv: list[str]) -> int:
    """Numbers: LAST, FIRST LAST or FIRST STEP LAST; -s SEPARATOR, -w equal widths, -f FORMAT."""
    at = next((at for at, word in enumerate(argv) if at and re.match(r"-[\d.]", word)), len(argv))
    given = taken(argv[:at], "w", "sf", {"separator": "s", "equal-width": "w", "format": "f"})
    words = given.words + argv[at:]
    if not 1 <= len(words) <= 3:
        raise Refused("one to three numbers are needed")
    try:
        numbers = [Decimal(word) for word in words]
    except InvalidOperation:
        raise Refused(f"invalid number in '{' '.join(words)}'") from None
    first = numbers[0] if len(numbers) > 1 else Decimal(1)
    step = numbers[1] if len(numbers) > 2 else Decimal(1)
    places = max((len(word.partition(".")[2]) for word in words[:2] if words[1:]), default=0)
    shown = [_shown(value, places, given.last("f")) for value in _counted(first, step, numbers[-1])]
    width = max(map(len, shown), default=0) if "w" in given else 0
    if shown:
        print(unescaped(given.last("s", "\n")).join(text.zfill(width) for text in shown))
    return 0


def _counted(first: Decimal, step: Decimal, last: Decimal) -> Iterator[Decimal]:
    if step == 0:
        raise Refused("the step is 0")
    value = first
    while value <= last if step > 0 else value >= last:
        yield value
        value += step


def _shown(value: Decimal, places: int, form: str) -> str:
    if form:
        return _FORMAT.sub(lambda found: f"%{found[1]}" % (() if found[1] == "%" else value), form)
    return f"{value:.{places}f}"


def yes_(argv: list[str]) -> int:
    """Print a word forever."""
    text = " ".join(argv[1:]) or "y"
    while True:
        print(text)


def tee_(argv: list[str]) -> int:
    """Copy stdin to stdout and to files; -a appends, -i is the rule here."""
    given = taken(argv, "ai", "", {"append": "a"})
    targets, code = [], 0
    for path in given.words:
        try:
            targets.append(open(path, "ab" if "a" in given else "wb"))  # noqa: SIM115
        except OSError as error:
            code = complain("tee", path, error)
    sys.stdout.flush()
    while piece := os.read(0, 1 << 16):
        view = memoryview(piece)
        while view:
            view = view[os.write(1, view) :]
        for target in targets:
            target.write(piece)
            target.flush()
    return code
