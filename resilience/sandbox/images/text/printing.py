"""Programs that print their arguments (printf, seq, expr, yes) or their input (tr, tee)."""

from __future__ import annotations

import os
import re
import sys

from resilience.sandbox.images.text.command_line import options

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
            return chr(int(body, 8) & 0xFF)
        return chr(int(body[1:], 16)) if body[0] == "x" else _ESCAPES[body]

    return re.sub(r"\\([0-7]{1,4}|x[0-9a-fA-F]{1,2}|[ntr\\abfve])", value, text)


def printf_(argv: list[str]) -> int:
    """Print by a format, repeated until all arguments are used."""
    if len(argv) < 2:
        print("printf: usage: printf FORMAT [ARGUMENT...]", file=sys.stderr)
        return 1
    form, rest, code = unescaped(argv[1]), list(argv[2:]), [0]
    while True:
        before = len(rest)
        sys.stdout.write(_FORMAT.sub(lambda m: _formatted(m[1], rest, code), form))
        if not rest or len(rest) == before:
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
    return f"%{spec.replace('i', 'd').replace('u', 'd')}" % number


def _integer(text: str) -> int:
    if text[:1] in ("'", '"'):
        return ord(text[1:2] or "\0")
    return int(text, 8 if re.fullmatch(r"[-+]?0\d+", text) else 0)


def seq_(argv: list[str]) -> int:
    """Print numbers: LAST, FIRST LAST or FIRST STEP LAST; -s SEPARATOR, -w equal widths."""
    given, words = options([argv[0], *(word for word in argv[1:])], "s") if not any(
        re.fullmatch(r"-\d+", word) for word in argv[1:]
    ) else ({}, argv[1:])  # fmt: skip
    numbers = [float(word) if "." in word else int(word) for word in words]
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) > 2 else 1
    found, value = [], first
    while step and (value <= numbers[-1] if step > 0 else value >= numbers[-1]):
        found.append(f"{value:g}" if isinstance(value, float) else str(value))
        value += step
    width = max(map(len, found), default=0) if "w" in given else 0
    if found:
        print((given.get("s") or "\n").join(text.rjust(width, "0") for text in found))
    return 0


def yes_(argv: list[str]) -> int:
    """Print a word forever."""
    text = " ".join(argv[1:]) or "y"
    while True:
        print(text)


def expr_(argv: list[str]) -> int:
    """Calculate with whole numbers and compare: `expr 1 + 2`."""
    from resilience.sandbox.images.sh.shell_arithmetic import ArithmeticFault, evaluate

    class Nothing:
        def variable(self, name: str) -> str | None:
            return None

        def assign(self, name: str, value: str) -> None:
            """Expressions of `expr` set no variables."""

    try:
        value = evaluate(" ".join("==" if word == "=" else word for word in argv[1:]), Nothing())
    except ArithmeticFault as error:
        print(f"expr: {error}", file=sys.stderr)
        return 2
    print(value)
    return int(value == 0)


def tr_(argv: list[str]) -> int:
    """Translate characters; -d deletes, -s squeezes, -c takes all others."""
    given, sets = options(argv)
    first = _set(sets[0])
    second = _set(sets[1]) if len(sets) > 1 else ""
    text = open(0, errors="replace", closefd=False).read()  # noqa: SIM115
    if "c" in given or "C" in given:
        first = "".join(sorted(set(text) - set(first)))
        second = second[-1:] * len(first)
    if "d" in given:
        text = text.translate({ord(char): None for char in first})
    elif second:
        padded = second + second[-1] * (len(first) - len(second))
        text = text.translate(dict(zip(map(ord, first), padded, strict=False)))
    if "s" in given:
        text = re.sub(f"([{re.escape(second or first)}])\\1+", r"\1", text)
    sys.stdout.write(text)
    return 0


_CLASSES = {
    "lower": "a-z", "upper": "A-Z", "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9",
    "space": " \t\n\r", "punct": "!-/:-@",
}  # fmt: skip


def _set(text: str) -> str:
    for name, members in _CLASSES.items():
        text = text.replace(f"[:{name}:]", members)
    return re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))),
        unescaped(text),
        flags=re.DOTALL,
    )


def tee_(argv: list[str]) -> int:
    """Copy stdin to stdout and to files; -a appends."""
    given, paths = options(argv)
    targets = [open(path, "ab" if "a" in given else "wb") for path in paths]  # noqa: SIM115
    sys.stdout.flush()
    while piece := os.read(0, 1 << 16):
        os.write(1, piece)
        for target in targets:
            target.write(piece)
            target.flush()
    return 0
