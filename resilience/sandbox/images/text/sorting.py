"""`sort`, `uniq`, `comm` and `shuf`: the order of lines. Texts compare byte for byte."""

from __future__ import annotations

import functools
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resilience.sandbox.images.text.command_line import Given, Refused, lines, taken

_KEY = re.compile(r"(\d+)(?:\.(\d+))?([bdfghMnrV]*)(?:,(\d+)(?:\.(\d+))?([bdfghMnrV]*))?")
_LONG = {
    "numeric-sort": "n", "reverse": "r", "unique": "u", "key": "k", "field-separator": "t",
    "output": "o", "check": "c", "stable": "s", "version-sort": "V", "human-numeric-sort": "h",
    "ignore-case": "f", "general-numeric-sort": "g", "zero-terminated": "z",
}  # fmt: skip
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
Value = float | str | tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Key:
    """From which place to which of a line, and how it compares."""

    first: tuple[int, int]
    last: tuple[int, int] | None
    how: str


def sort_(argv: list[str]) -> int:
    """Sort lines: -n -g -h -V -M -r -u -f -b -d -s -c -z, -k KEY, -t SEPARATOR, -o FILE."""
    given = taken(argv, "nghVMrufbdscz", "ktoTS", _LONG, usage=2)
    separator = given.last("t")
    if len(separator) > 1:
        raise Refused(f"bad -t parameter '{separator}'")
    common = "".join(letter for letter in "bdfghMnV" if letter in given)
    reverse = "r" in given
    keys = [_key(text, common, reverse=reverse) for text in given.get("k", [])]
    keys = keys or [_Key((0, 0), None, common + "r" * reverse)]
    compare = _comparing(
        keys, separator, last_resort="" if given.any("su") else "r" * reverse + "l"
    )
    failed: list[int] = []
    end = "\0" if "z" in given else "\n"
    found = _records(given, failed, end)
    if "c" in given:
        return _checked(found, compare, given)
    found = sorted(found, key=functools.cmp_to_key(compare))
    if "u" in given:
        found = [line for at, line in enumerate(found) if not at or compare(found[at - 1], line)]
    _put(found, given, end)
    return 2 if failed else 0


def _records(given: Given, failed: list[int], end: str) -> list[str]:
    read = (line for _, line in lines("sort", given.words, failed))
    if end == "\n":
        return [line.removesuffix("\n") for line in read]
    return "".join(read).removesuffix(end).split(end)


def _put(found: list[str], given: Given, end: str) -> None:
    text = "".join(line + end for line in found)
    if "o" not in given:
        sys.stdout.write(text)
        return
    with open(given.last("o"), "w", errors="surrogateescape", newline="\n") as file:
        file.write(text)


def _checked(found: list[str], compare: Callable[[str, str], int], given: Given) -> int:
    for at in range(1, len(found)):
        order = compare(found[at - 1], found[at])
        if order > 0 or (order == 0 and "u" in given):
            print(f"sort: -:{at + 1}: disorder: {found[at]}", file=sys.stderr)
            return 1
    return 0


def _key(text: str, common: str, *, reverse: bool) -> _Key:
    found = _KEY.fullmatch(text)
    if found is None or found[1] == "0":
        raise Refused(f"bad key '{text}'")
    how = found[3] + (found[6] or "")
    first = (int(found[1]) - 1, int(found[2] or 1) - 1)
    last = (int(found[4]), int(found[5] or 0)) if found[4] else None
    return _Key(first, last, how or common + "r" * reverse)


def _comparing(keys: list[_Key], separator: str, last_resort: str) -> Callable[[str, str], int]:
    @functools.cache
    def values(line: str) -> list[Value]:
        return [_value(_part(line, key, separator), key.how) for key in keys]

    def compare(one: str, two: str) -> int:
        for key, a, b in zip(keys, values(one), values(two), strict=True):
            order = (a > b) - (a < b)  # type: ignore[operator]
            if order:
                return -order if "r" in key.how else order
        if not last_resort or one == two:
            return 0
        order = 1 if one > two else -1
        return -order if "r" in last_resort else order

    return compare


def _part(line: str, key: _Key, separator: str) -> str:
    if key.first == (0, 0) and key.last is None:
        return line
    starts = [match.span() for match in _fields(line, separator)]
    at, skipped = key.first
    begin = starts[at][0] if at < len(starts) else len(line)
    if "b" in key.how:
        begin += len(line[begin:]) - len(line[begin:].lstrip())
    if key.last is None:
        return line[begin + skipped :]
    field, chars = key.last
    if field > len(starts):
        end = len(line)
    else:
        end = starts[field - 1][0] + chars if chars else starts[field - 1][1]
    return line[begin + skipped : max(end, begin + skipped)]


def _fields(line: str, separator: str) -> Iterator[re.Match[str]]:
    """Blanks before a field belong to it where no separator is named."""
    form = (
        f"(?:^|(?<={re.escape(separator)}))[^{re.escape(separator)}]*" if separator else r"\s*\S+"
    )
    return re.finditer(form, line)


def _value(text: str, how: str) -> Value:
    if "n" in how or "h" in how:
        found = re.match(r"\s*(-?\d*\.?\d*)([kKMGTPE]?)", text)
        number = float(found[1]) if found and re.search(r"\d", found[1]) else 0.0
        unit = " KMGTPE".find(found[2].upper() or " ") if found and "h" in how else 0
        return (unit * (1 if number >= 0 else -1), number)
    if "g" in how:
        general = re.match(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text)
        return float(general[0]) if general else float("-inf")
    if "M" in how:
        month = text.strip()[:3].upper()
        return _MONTHS.index(month) if month in _MONTHS else -1
    if "V" in how:
        return _version(text)
    if "b" in how:
        text = text.lstrip()
    if "d" in how:
        text = re.sub(r"[^\w\s]|_", "", text)
    return text.upper() if "f" in how else text


def _version(text: str) -> tuple[object, ...]:
    parts = re.split(r"(\d+)", text)
    return tuple((int(part), "") if at % 2 else (-1, part) for at, part in enumerate(parts))


def uniq_(argv: list[str]) -> int:
    """Drop repeated lines: -c counts, -d only repeated, -u only single ones; -i, -f, -s, -w."""
    long = {"count": "c", "repeated": "d", "unique": "u", "ignore-case": "i", "skip-fields": "f",
            "skip-chars": "s", "check-chars": "w"}  # fmt: skip
    given = taken(argv, "cdui", "fsw", long)
    fields, chars = given.number("f", 0), given.number("s", 0)

    def compared(line: str) -> str:
        text = re.sub(rf"^(\s*\S+){{0,{fields}}}", "", line.removesuffix("\n"))[chars:]
        text = text[: given.number("w", len(text))]
        return text.lower() if "i" in given else text

    failed: list[int] = []
    target = open(given.words[1], "w") if given.words[1:] else sys.stdout  # noqa: SIM115
    for line, count in _runs(
        (line for _, line in lines("uniq", given.words[:1], failed)), compared
    ):
        if ("d" in given and count == 1) or ("u" in given and count > 1):
            continue
        target.write(f"{count:7} {line}" if "c" in given else line)
        target.write("" if line.endswith("\n") else "\n")
    target.flush()
    return max(failed, default=0)


def _runs(found: Iterator[str], compared: Callable[[str], str]) -> Iterator[tuple[str, int]]:
    held, count = "", 0
    for line in found:
        if count and compared(line) == compared(held):
            count += 1
            continue
        if count:
            yield held, count
        held, count = line, 1
    if count:
        yield held, count


def comm_(argv: list[str]) -> int:
    """Compare two sorted files: columns 1, 2 and 3 (both); -1 -2 -3 leave one out."""
    given = taken(argv, "123")
    if len(given.words) != 2:
        raise Refused("two files are needed")
    failed: list[int] = []
    one, two = ([line.removesuffix("\n") for _, line in lines("comm", [path], failed)]
                for path in given.words)  # fmt: skip
    while one or two:
        both = bool(one and two and one[0] == two[0])
        left = bool(one and (not two or one[0] < two[0]))
        column = "3" if both else "1" if left else "2"
        line = one.pop(0) if both or left else two.pop(0)
        if both:
            two.pop(0)
        if column not in given:
            print("\t" * sum(before not in given for before in "123"[: int(column) - 1]) + line)
    return max(failed, default=0)


def shuf_(argv: list[str]) -> int:
    """Lines in any order: -n MOST, -e WORDS, -i LOW-HIGH."""
    given, failed = taken(argv, "e", "nio"), list[int]()
    if "e" in given:
        found = given.words
    elif "i" in given:
        low, dash, high = given.last("i").partition("-")
        if not (dash and low.isdigit() and high.isdigit()):
            raise Refused(f"bad range '{given.last('i')}'")
        found = [str(number) for number in range(int(low), int(high) + 1)]
    else:
        found = [line.removesuffix("\n") for _, line in lines("shuf", given.words, failed)]
    random.shuffle(found)
    _put(found[: given.number("n", len(found))], given, "\n")
    return max(failed, default=0)
