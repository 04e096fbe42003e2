"""`grep`: the lines that fit an expression."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from resilience.sandbox.images.matching.posix_expressions import expression
from resilience.sandbox.images.text.command_line import Given, Refused, lines, taken

_LONG = {
    "count": "c", "extended-regexp": "E", "fixed-strings": "F", "perl-regexp": "P",
    "basic-regexp": "G", "no-filename": "h", "with-filename": "H", "ignore-case": "i",
    "files-with-matches": "l", "files-without-match": "L", "line-number": "n",
    "only-matching": "o", "quiet": "q", "silent": "q", "recursive": "r", "no-messages": "s",
    "invert-match": "v", "word-regexp": "w", "line-regexp": "x", "regexp": "e", "file": "f",
    "max-count": "m", "after-context": "A", "before-context": "B", "context": "C",
    "include": "I", "exclude": "X", "text": "a", "line-buffered": "u",
}  # fmt: skip


@dataclass(slots=True)
class _Search:
    given: Given
    fitting: list[re.Pattern[str]]
    named: bool
    before: int
    after: int
    most: int
    failed: list[int] = field(default_factory=list)
    printed: int = -1
    """Number of the line printed last, in the file that is read."""


def grep_(argv: list[str]) -> int:
    """Lines that fit: -c -E -F -G -P -h -H -i -l -L -n -o -q -r -s -v -w -x -a,
    -e PATTERN, -f FILE, -m MOST, -A -B -C LINES."""
    plain = [word for word in argv if not re.fullmatch(r"--colou?r(=\w+)?", word)]
    words = [re.sub(r"^-(\d+)$", r"-C\1", word) for word in plain]
    given = taken(words, "cEFGPhHilLnoqrRsvwxayu", "efmABCIX", _LONG, usage=2)
    patterns = _patterns(given)
    context = given.number("C", 0)
    paths = given.words
    recursive = given.any("rR")
    if recursive:
        paths = [path for top in paths or ["."] for path in _files_below(top, given)]
    named = ("H" in given or len(paths) > 1 or recursive) and "h" not in given
    search = _Search(
        given, _expressions(argv[0], patterns, given), named,
        given.number("B", context), given.number("A", context), given.number("m", -1),
    )  # fmt: skip
    any_ = False
    for path in paths or ([] if recursive else ["-"]):
        any_ = _one(search, path) or any_
        if any_ and "q" in given:
            return 0
    return 2 if search.failed and not (any_ and "s" in given) else int(not any_)


def _patterns(given: Given) -> list[str]:
    found = list(given.get("e", []))
    failed: list[int] = []
    for file in given.get("f", []):
        found += [line.removesuffix("\n") for _, line in lines("grep", [file], failed)]
    if failed:
        raise Refused("no patterns", 2)
    if "e" not in given and "f" not in given:
        if not given.words:
            raise Refused("no pattern is given", 2)
        found = [given.words.pop(0)]
    return [each for pattern in found for each in pattern.split("\n")]


def _expressions(name: str, patterns: list[str], given: Given) -> list[re.Pattern[str]]:
    program = os.path.basename(name)
    fixed, perl = "F" in given or program == "fgrep", "P" in given
    extended = "E" in given or program == "egrep"
    found = []
    for pattern in patterns:
        try:
            if fixed or perl:
                flags = re.IGNORECASE if given.any("iy") else 0
                fit = re.compile(re.escape(pattern) if fixed else pattern, flags)
            else:
                fit = expression(pattern, extended=extended, ignore_case=given.any("iy"))
            found.append(_whole(fit, given))
        except re.error as error:
            raise Refused(f"bad regex '{pattern}': {error}", 2) from None
    return found


def _whole(fit: re.Pattern[str], given: Given) -> re.Pattern[str]:
    if "x" in given:
        return re.compile(rf"\A(?:{fit.pattern})\Z", fit.flags)
    return re.compile(rf"(?<!\w)(?:{fit.pattern})(?!\w)", fit.flags) if "w" in given else fit


def _files_below(top: str, given: Given) -> Iterator[str]:
    if not os.path.isdir(top):
        yield top
        return
    for at, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            wanted = "I" not in given or any(fnmatchcase(name, form) for form in given["I"])
            if wanted and not any(fnmatchcase(name, form) for form in given.get("X", [])):
                yield os.path.join(at, name)


def _one(search: _Search, path: str) -> bool:
    """Search one file; whether a line of it fits."""
    given, count = search.given, 0
    held: deque[tuple[int, str]] = deque(maxlen=search.before)
    follow, search.printed = 0, -1 if search.printed < 0 else 0
    for number, text in enumerate(_read(search, path), 1):
        hits = [hit for each in search.fitting for hit in each.finditer(text)]
        if search.most >= 0 and count >= search.most:
            if follow <= 0:
                break
            hits = []
        elif bool(hits) != ("v" in given):
            count += 1
            if given.any("qlL"):
                break
            if "c" not in given:
                _hit(search, path, number, text, held, hits)
            follow = search.after
            continue
        if follow > 0 and "c" not in given:
            _print(search, path, number, text, "-")
            follow -= 1
        else:
            held.append((number, text))
    _summary(search, path, count)
    return bool(count)


def _read(search: _Search, path: str) -> Iterator[str]:
    if os.path.isdir(path):
        if "s" not in search.given:
            print(f"grep: {path}: Is a directory", file=sys.stderr)
        return
    if "s" in search.given and path != "-" and not os.path.exists(path):
        search.failed.append(2)
        return
    for _, line in lines("grep", [path], search.failed):
        yield line.removesuffix("\n")


def _hit(
    search: _Search, path: str, number: int, text: str,
    held: deque[tuple[int, str]], hits: list[re.Match[str]],
) -> None:  # fmt: skip
    if "o" in search.given:
        for hit in hits:
            if hit[0]:
                print(_prefix(search, path, number, ":") + hit[0])
        return
    for earlier, line in held:
        _print(search, path, earlier, line, "-")
    held.clear()
    _print(search, path, number, text, ":")


def _print(search: _Search, path: str, number: int, text: str, mark: str) -> None:
    with_context = search.before or search.after
    if with_context and search.printed >= 0 and number > search.printed + 1:
        print("--")
    search.printed = number
    print(_prefix(search, path, number, mark) + text)


def _prefix(search: _Search, path: str, number: int, mark: str) -> str:
    name = "(standard input)" if path == "-" else path
    return f"{name}{mark}" * search.named + f"{number}{mark}" * ("n" in search.given)


def _summary(search: _Search, path: str, count: int) -> None:
    given = search.given
    if "q" in given:
        return
    name = "(standard input)" if path == "-" else path
    if "l" in given or "L" in given:
        if bool(count) == ("l" in given):
            print(name)
    elif "c" in given:
        print(f"{name}:" * search.named + str(count))
