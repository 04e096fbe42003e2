"""What the programs share: options by letters, files by lines, complaints.

Bytes that are no UTF-8 pass through unchanged, and so do carriage returns: what a program reads is
what it prints.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

PIECE = 1 << 16


class Refused(Exception):
    """A command line that a program does not take: the text says what is wrong with it."""

    def __init__(self, why: str, code: int = 1) -> None:
        super().__init__(why)
        self.code = code


def complain(name: str, about: str, error: OSError) -> int:
    """Report why a file cannot be used; 1."""
    sys.stdout.flush()
    print(f"{name}: {about}: {error.strerror}", file=sys.stderr)
    return 1


class Given(dict[str, list[str]]):
    """The letters that a command line gives, each with its values; and the other words."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def last(self, letter: str, default: str = "") -> str:
        """The value that counts: the last."""
        return self[letter][-1] if letter in self else default

    def any(self, letters: str) -> bool:
        """Whether one of these letters is there."""
        return any(letter in self for letter in letters)

    def number(self, letter: str, default: int) -> int:
        """A value that has to be a whole number."""
        return whole(self.last(letter)) if letter in self else default


def whole(text: str) -> int:
    """A whole number; anything else is refused."""
    try:
        return int(text)
    except ValueError:
        raise Refused(f"invalid number '{text}'") from None


def taken(
    argv: list[str],
    flags: str,
    with_value: str = "",
    long: Mapping[str, str] | None = None,
    *,
    words_end: bool = False,
    usage: int = 1,
) -> Given:
    """The options of a program; one that is neither of `flags` nor of `with_value` is refused.

    `long` says which letter a long name stands for. With `words_end` the first other word ends the
    options, as in programs that start another. `usage` is the exit code of a refusal.
    """
    try:
        return _taken(list(argv[1:]), flags, with_value, long or {}, words_end=words_end)
    except Refused as error:
        error.code = usage
        raise


def _taken(
    ahead: list[str], flags: str, with_value: str, long: Mapping[str, str], *, words_end: bool
) -> Given:
    given = Given()
    while ahead:
        word = ahead.pop(0)
        if word == "--":
            break
        if word == "-" or not word.startswith("-"):
            given.words.append(word)
            if words_end:
                break
        elif word.startswith("--"):
            _long(word, ahead, given, with_value, long)
        else:
            _letters(word[1:], ahead, given, flags, with_value)
    given.words += ahead
    return given


def _letters(letters: str, ahead: list[str], given: Given, flags: str, with_value: str) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in with_value:
            if not letters and not ahead:
                raise Refused(f"option requires an argument -- '{letter}'")
            given.setdefault(letter, []).append(letters or ahead.pop(0))
            return
        if letter not in flags:
            raise Refused(f"invalid option -- '{letter}'")
        given.setdefault(letter, []).append("")


def _long(
    word: str, ahead: list[str], given: Given, with_value: str, long: Mapping[str, str]
) -> None:
    name, equals, value = word[2:].partition("=")
    letter = long.get(name)
    if letter is None or (equals and letter not in with_value):
        raise Refused(f"unrecognized option '{word}'")
    if letter in with_value and not equals:
        if not ahead:
            raise Refused(f"option requires an argument -- '{name}'")
        value = ahead.pop(0)
    given.setdefault(letter, []).append(value)


def options(argv: list[str], with_value: str = "") -> tuple[dict[str, str], list[str]]:
    """Letters given, with values for those of `with_value`, and the other words."""
    found: dict[str, str] = {}
    rest: list[str] = []
    ahead = iter(argv[1:])
    for word in ahead:
        if word == "--":
            rest += ahead
        elif not word.startswith("-") or word == "-":
            rest.append(word)
        else:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                found[letter] = ""
                if letter in with_value:
                    found[letter], letters = letters or next(ahead, ""), ""
    return found, rest


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, or of stdin (`-`)."""
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
        yield file


def lines(name: str, paths: Iterable[str], failed: list[int]) -> Iterator[tuple[str, str]]:
    """Each line with its newline and its file; a file that cannot be read is reported."""
    as_read()
    for path in list(paths) or ["-"]:
        try:
            with open(
                0 if path == "-" else path,
                encoding="utf-8", errors="surrogateescape", newline="\n", closefd=path != "-",
            ) as file:  # fmt: skip
                for line in file:
                    yield path, line
        except OSError as error:
            failed.append(complain(name, path, error))


def as_read() -> None:
    """Let stdout print what `lines` reads, byte for byte."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors != "surrogateescape":
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def pieces(path: str, most: int = -1) -> Iterator[bytes]:
    """The first bytes of a file, or of stdin (`-`), piece by piece; all without `most`."""
    with open(0 if path == "-" else path, "rb", closefd=path != "-", buffering=0) as file:
        while most and (piece := file.read(PIECE if most < 0 else min(PIECE, most))):
            most -= len(piece) if most > 0 else 0
            yield piece


def put(data: bytes) -> None:
    """Print bytes, after what was printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
