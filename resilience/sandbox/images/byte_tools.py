"""Programs on bytes: gzip, gunzip, zcat and hexdump; and uptime."""

from __future__ import annotations

import gzip
import os
import sys
import time
import zlib
from collections.abc import Callable

from resilience.sandbox.images.text.command_line import options

_SUFFIX = ".gz"
_ROW = 16


def gzip_(argv: list[str]) -> int:
    """Compress files, or stdin to stdout: -c -d -k -f -1 to -9."""
    given, words = options(argv, "")
    if "d" in given:
        return _files(words, given, "gunzip", _decompressed, compress=False)
    level = next((int(letter) for letter in given if letter.isdigit()), 6)
    return _files(words, given, "gzip", lambda data: gzip.compress(data, level), compress=True)


def gunzip_(argv: list[str]) -> int:
    """Decompress files, or stdin to stdout: -c -k -f."""
    given, words = options(argv, "")
    return _files(words, given, "gunzip", _decompressed, compress=False)


def zcat_(argv: list[str]) -> int:
    """Decompress files, or stdin, to stdout."""
    return gunzip_([argv[0], "-c", *argv[1:]])


def _decompressed(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            "invalid magic" if data[:2] != b"\x1f\x8b" else "corrupted data"
        ) from error


def _files(
    words: list[str],
    given: dict[str, str],
    program: str,
    convert: Callable[[bytes], bytes],
    *,
    compress: bool,
) -> int:
    code = 0
    for word in words or ["-"]:
        try:
            _one(word, "c" in given or word == "-", "k" in given, convert, compress=compress)
        except OSError as error:
            print(f"{program}: {word}: {error.strerror}", file=sys.stderr)
            code = 1
        except ValueError as error:
            print(f"{program}: {error}", file=sys.stderr)
            code = 1
    return code


def _one(
    word: str, to_stdout: bool, keep: bool, convert: Callable[[bytes], bytes], *, compress: bool
) -> None:
    if not to_stdout and not compress and not word.endswith(_SUFFIX):
        raise ValueError(f"{word}: unknown suffix - ignored")
    with open(0 if word == "-" else word, "rb", closefd=word != "-") as file:
        data = convert(file.read())
    if to_stdout:
        sys.stdout.flush()
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]
        return
    with open(word + _SUFFIX if compress else word.removesuffix(_SUFFIX), "xb") as file:
        file.write(data)
    if not keep:
        os.remove(word)


def hexdump_(argv: list[str]) -> int:
    """`hexdump -C [FILE...]`: offsets, bytes and characters; equal rows are one `*`."""
    given, words = options(argv, "")
    if "C" not in given:
        print("hexdump: only `hexdump -C [FILE...]` is understood", file=sys.stderr)
        return 1
    data = b""
    for word in words or ["-"]:
        try:
            with open(0 if word == "-" else word, "rb", closefd=word != "-") as file:
                data += file.read()
        except OSError as error:
            print(f"hexdump: {word}: {error.strerror}", file=sys.stderr)
            return 1
    before, starred = b"", False
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        if row == before and len(row) == _ROW:
            if not starred:
                print("*")
            starred = True
            continue
        before, starred = row, False
        print(_row(at, row))
    if data:
        print(f"{len(data):08x}")
    return 0


def _row(at: int, row: bytes) -> str:
    halves = (row[:8], row[8:])
    shown = "  ".join(" ".join(f"{byte:02x}" for byte in half).ljust(23) for half in halves)
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{at:08x}  {shown}  |{text}|"


def uptime_(argv: list[str]) -> int:
    """Since when the machine runs, and its load."""
    with open("/proc/uptime") as file:
        minutes = int(float(file.read().split()[0]) // 60)
    days, rest = divmod(minutes, 24 * 60)
    since = f"{days} days, " if days else ""
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    print(
        f" {time.strftime('%H:%M:%S')} up {since}{rest // 60:2d}:{rest % 60:02d},"
        f"  load average: {load}"
    )
    return 0
