"""What the programs share: options by letters, files by lines, complaints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator


def complain(name: str, about: str, error: OSError) -> int:
    """Report why a file cannot be used; 1."""
    sys.stdout.flush()
    print(f"{name}: {about}: {error.strerror}", file=sys.stderr)
    return 1


def options(argv: list[str], with_value: str = "") -> tuple[dict[str, str], list[str]]:
    """Letters given, with values for those of `with_value`, and the other words."""
    found: dict[str, str] = {}
    rest: list[str] = []
    ahead = iter(argv[1:])
    for word in ahead:
        if word == "--":
            rest += ahead
        elif not word.startswith("-") or word == "-" or (word[1:].isdigit() and "n" in with_value):
            if word.startswith("-") and word != "-":
                found["n"] = word[1:]
            else:
                rest.append(word)
        else:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                found[letter] = ""
                if letter in with_value:
                    found[letter], letters = letters or next(ahead, ""), ""
    return found, rest


def lines(name: str, paths: Iterable[str], failed: list[int]) -> Iterator[tuple[str, str]]:
    """Each line with its newline and its file; a file that cannot be read is reported."""
    for path in list(paths) or ["-"]:
        try:
            with open(0 if path == "-" else path, errors="replace", closefd=path != "-") as file:
                for line in file:
                    yield path, line
        except OSError as error:
            failed.append(complain(name, path, error))


def content(path: str, most: int) -> bytes:
    """The first bytes of a file, or of stdin (`-`)."""
    with open(0 if path == "-" else path, "rb", closefd=path != "-", buffering=0) as file:
        out = b""
        while len(out) < most and (piece := file.read(most - len(out))):
            out += piece
    return out
