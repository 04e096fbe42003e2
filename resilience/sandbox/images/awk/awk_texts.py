"""`printf`, fields and replacements: what awk does with texts."""

from __future__ import annotations

import re
from collections.abc import Callable

from resilience.sandbox.images.awk.awk_values import Input, Value, number, text
from resilience.sandbox.images.matching.posix_expressions import expression

_FORMAT = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z%])")


def regex(source: str) -> re.Pattern[str]:
    """An extended expression; a backslash is special between brackets too."""
    return expression(source, extended=True, escapes=True)


def formatted(form: str, values: list[Value]) -> str:
    """As `printf`; a value that lacks is empty."""
    ahead = list(values)

    def value(found: re.Match[str]) -> str:
        kind = found[4]
        if kind == "%":
            return "%"
        spec = found[0][:-1]
        while "*" in spec:
            spec = spec.replace("*", str(int(number(ahead.pop(0) if ahead else 0.0))), 1)
        one: Value = ahead.pop(0) if ahead else ""
        if kind in "diouxX":
            return f"{spec}{'d' if kind in 'iu' else kind}" % int(number(one))
        if kind in "eEfFgG":
            return f"{spec}{kind}" % number(one)
        if kind == "c":
            char = chr(int(one)) if isinstance(one, float) else text(one)[:1]
            return f"{spec}s" % char
        return f"{spec}s" % text(one) if kind == "s" else found[0]

    return _FORMAT.sub(value, form)


def fields(line: str, separator: str) -> list[str]:
    """The fields of a line: between blanks, a character, or what fits an expression."""
    if separator == " ":
        return [Input(each) for each in line.split()]
    if not line:
        return []
    if separator == "":
        return [Input(each) for each in line]
    if separator == "\t" or (len(separator) == 1 and separator not in "|.*+?^$()[]{}\\"):
        return [Input(each) for each in line.split(separator)]
    form = re.compile(re.escape(separator)) if len(separator) == 1 else regex(separator)
    return [Input(each) for each in pieces(form, line)]


def pieces(form: re.Pattern[str], line: str) -> list[str]:
    """Parts between matches; groups of the expression add nothing."""
    found, at = [], 0
    for match in form.finditer(line):
        if match.end() > match.start():
            found.append(line[at : match.start()])
            at = match.end()
    return [*found, line[at:]]


def replaced(form: re.Pattern[str], by: str, subject: str, count: int) -> tuple[str, int]:
    """`sub` and `gsub`: `&` is what fitted, `\\&` the sign itself."""
    parts = re.split(r"(\\\\|\\&|&)", by)
    signs: dict[str, Callable[[str], str]] = {
        "&": lambda found: found, "\\&": lambda found: "&", "\\\\": lambda found: "\\",
    }  # fmt: skip

    def value(match: re.Match[str]) -> str:
        return "".join(signs[part](match[0]) if part in signs else part for part in parts)

    return form.subn(value, subject, count)
