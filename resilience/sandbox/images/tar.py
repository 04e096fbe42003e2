"""`tar` as `kubectl cp` and volume copies use it: create to stdout, extract from stdin.

Supports c, x, t with f, v, m, z and -C, each written with or without the dash; the archive is
always stdin or stdout (`-f -`), because a container here has no files of its own to name.
"""

from __future__ import annotations

import os
import sys
import tarfile
from dataclasses import dataclass, field

KNOWN = frozenset("cxtfvmzpC")


class Misused(Exception):
    """An option this tar does not have."""


@dataclass(slots=True)
class _Wanted:
    mode: str = ""
    compressed: bool = False
    verbose: bool = False
    directory: str = "."
    paths: list[str] = field(default_factory=list)


def tar_(argv: list[str]) -> int:
    """0, or 2 as tar ends after an error."""
    try:
        wanted = _parse(argv[1:])
        os.chdir(wanted.directory)
        _create(wanted) if wanted.mode == "c" else _read(wanted)
    except (Misused, OSError, tarfile.TarError) as error:
        print(f"tar: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(arguments: list[str]) -> _Wanted:
    wanted, ahead = _Wanted(), list(arguments)
    if ahead and not ahead[0].startswith("-"):
        ahead[0] = "-" + ahead[0]
    while ahead:
        word = ahead.pop(0)
        if not word.startswith("-") or word == "-":
            wanted.paths.append(word)
            continue
        for letter in word[1:]:
            _option(letter, word, ahead, wanted)
    if not wanted.mode:
        raise Misused("You must specify one of the 'ctx' options")
    return wanted


def _option(letter: str, word: str, ahead: list[str], wanted: _Wanted) -> None:
    if letter not in KNOWN or word.startswith("--"):
        raise Misused(f"the sandbox's tar does not know {word!r}")
    if letter in "cxt":
        wanted.mode = letter
    elif letter == "z":
        wanted.compressed = True
    elif letter == "v":
        wanted.verbose = True
    elif letter == "C":
        wanted.directory = ahead.pop(0) if ahead else "."
    elif letter == "f" and (not ahead or ahead.pop(0) != "-"):
        raise Misused("the sandbox's tar reads stdin and writes stdout: -f -")


def _create(wanted: _Wanted) -> None:
    with tarfile.open(
        mode="w|gz" if wanted.compressed else "w|", fileobj=sys.stdout.buffer
    ) as archive:
        for path in wanted.paths:
            archive.add(path, arcname=path.lstrip("/") or ".")


def _read(wanted: _Wanted) -> None:
    with tarfile.open(mode="r|*", fileobj=sys.stdin.buffer) as archive:
        # Nothing outside the directory is written; the first patch releases of 3.11 lack it.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        for member in archive:
            if wanted.mode == "t" or wanted.verbose:
                print(member.name)
            if wanted.mode == "x":
                archive.extract(member)
