"""`wc`: how many lines, words, characters and bytes."""

from __future__ import annotations

import re

from resilience.sandbox.images.text.command_line import Given, complain, opened, taken

PIECE = 1 << 20
_LONG = {
    "lines": "l", "words": "w", "chars": "m", "bytes": "c", "max-line-length": "L",
}  # fmt: skip


def wc_(argv: list[str]) -> int:
    """Count: -l lines, -w words, -m characters, -c bytes, -L the longest line."""
    given = taken(argv, "lwmcL", "", _LONG)
    shown = [letter for letter in "lwmcL" if letter in given] or ["l", "w", "c"]
    total, code = dict.fromkeys("lwmcL", 0), 0
    for path in given.words or ["-"]:
        try:
            counts = _counted(path)
        except OSError as error:
            code = complain("wc", path, error)
            continue
        _show(counts, shown, path if given.words else "", given)
        total = {key: total[key] + counts[key] for key in total}
        total["L"] = max(total["L"], counts["L"])
    if len(given.words) > 1:
        _show(total, shown, "total", given)
    return code


def _counted(path: str) -> dict[str, int]:
    found, inside = dict.fromkeys("lwmcL", 0), False
    longest = line = 0
    with opened(path) as file:
        while piece := file.read(PIECE):
            found["l"] += piece.count(b"\n")
            found["c"] += len(piece)
            found["m"] += len(piece) - len(re.findall(rb"[\x80-\xbf]", piece))
            words = len(piece.split())
            found["w"] += words - (inside and not piece[:1].isspace())
            inside = not piece[-1:].isspace()
            first, *rest = piece.decode(errors="surrogateescape").expandtabs().split("\n")
            line += len(first)
            for each in rest:
                longest, line = max(longest, line), len(each)
    found["L"] = max(longest, line)
    return found


def _show(counts: dict[str, int], shown: list[str], name: str, given: Given) -> None:
    width = 0 if len(shown) == 1 and len(given.words) < 2 else 9
    print(" ".join([*(f"{counts[key]:{width}}" for key in shown), *([name] if name else [])]))
