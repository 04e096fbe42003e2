"""`grep`, and POSIX expressions as Python understands them."""

from __future__ import annotations

import os
import re
import sys

from resilience.sandbox.images.text.command_line import lines, options


def expression(text: str, *, extended: bool, ignore_case: bool = False) -> re.Pattern[str]:
    """A POSIX expression converted to Python's: basic ones escape what extended ones do not."""
    if not extended:
        text = re.sub(
            r"\\([(){}|+?])|([(){}|+?])|(\\.|\[\^?\]?[^\]]*\])",
            lambda m: m[1] or (f"\\{m[2]}" if m[2] else m[3]),
            text,
        )
    for name, inside in (("digit", "0-9"), ("alpha", "A-Za-z"), ("alnum", "A-Za-z0-9"),
                         ("space", r"\s"), ("upper", "A-Z"), ("lower", "a-z")):  # fmt: skip
        text = text.replace(f"[:{name}:]", inside)
    return re.compile(text, re.IGNORECASE if ignore_case else 0)


def grep_(argv: list[str]) -> int:
    """Print matching lines: -c -E -F -h -H -i -l -n -o -q -r -v -w -x, -e PATTERN."""
    given, rest = options(argv, "emABC")
    patterns = [given["e"]] if "e" in given else rest[:1]
    paths = rest if "e" in given else rest[1:]
    extended = "E" in given or "P" in given or argv[0].endswith("egrep")
    try:
        fitting = _expressions("\n".join(patterns), given, extended=extended)
    except re.error as error:
        print(f"grep: bad regex '{patterns[0]}': {error}", file=sys.stderr)
        return 2
    if "r" in given or "R" in given:
        paths = [path for top in paths or ["."] for path in _files_below(top)]
    named = ("H" in given or len(paths) > 1 or "r" in given) and "h" not in given
    failed: list[int] = []
    count: dict[str, int] = {path: 0 for path in paths or ["-"]}
    number: dict[str, int] = {}
    for path, line in lines("grep", paths, failed):
        number[path] = number.get(path, 0) + 1
        text = line.rstrip("\n")
        hits = [hit for each in fitting for hit in each.finditer(text)]
        if bool(hits) == ("v" in given):
            continue
        count[path] += 1
        if "q" in given:
            return 0
        if "m" in given and count[path] > int(given["m"]):
            continue
        if "c" in given or "l" in given:
            continue
        prefix = f"{path}:" * named + f"{number[path]}:" * ("n" in given)
        for out in [hit[0] for hit in hits if hit[0]] if "o" in given else [text]:
            print(prefix + out)
    for path, hits_there in count.items():
        if "l" in given and hits_there:
            print(path)
        elif "c" in given:
            print(f"{path}:" * named + str(hits_there))
    return 2 if failed else int(not any(count.values()))


def _expressions(patterns: str, given: dict[str, str], *, extended: bool) -> list[re.Pattern[str]]:
    return [
        expression(_whole(re.escape(p) if "F" in given else p, given),
                   extended=extended or "F" in given, ignore_case="i" in given)
        for p in patterns.split("\n")
    ]  # fmt: skip


def _whole(text: str, given: dict[str, str]) -> str:
    if "w" in given:
        return rf"\b{text}\b"
    return f"^{text}$" if "x" in given else text


def _files_below(top: str) -> list[str]:
    if not os.path.isdir(top):
        return [top]
    return sorted(os.path.join(at, name) for at, _, names in os.walk(top) for name in names)
