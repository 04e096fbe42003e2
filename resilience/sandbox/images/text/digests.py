"""`base64`, and the programs that print the hash of a file."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Callable

from resilience.sandbox.images.text.command_line import complain, content, options


def base64_(argv: list[str]) -> int:
    """Encode; -d decodes, -w COLUMNS wraps (76)."""
    given, paths = options(argv, "w")
    data = content(paths[0] if paths else "-", 1 << 62)
    if "d" in given or "D" in given:
        sys.stdout.flush()
        os.write(1, base64.b64decode(data))
        return 0
    width = int(given.get("w") or 76)
    text = base64.b64encode(data).decode()
    pieces = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
    print("\n".join(pieces), end="\n" if width else "")
    return 0


def _digest(kind: str) -> Callable[[list[str]], int]:
    def run(argv: list[str]) -> int:
        for path in options(argv)[1] or ["-"]:
            try:
                print(f"{hashlib.new(kind, content(path, 1 << 62)).hexdigest()}  {path}")
            except OSError as error:
                return complain(argv[0], path, error)
        return 0

    return run


md5sum_ = _digest("md5")

sha1sum_ = _digest("sha1")

sha256sum_ = _digest("sha256")

sha512sum_ = _digest("sha512")
