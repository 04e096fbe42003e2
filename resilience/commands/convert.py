"""`resilience convert FILE...`: scenarios from files of chaoskube, kube-monkey, krkn, Litmus and
Chaos Toolkit.

Reads files only, no cluster. Each scenario is read by the language before it is shown. What has no
counterpart is named on standard error, and in a comment of the scenario.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resilience.commands import CommandError
from resilience.commands.outputs import answer
from resilience.commands.saying import say, warn
from resilience.commands.writing import write_files
from resilience.convert import detect, writing_yaml
from resilience.convert.translation import NotOurs, Translation
from resilience.model.words import unreadable

LARGEST = 4 * 1024 * 1024
"""Bytes of one file."""


def convert(options: argparse.Namespace) -> int:
    """Print or write the scenarios; 1 when there are none."""
    made = {name: _translated(name) for name in options.files}
    texts = _texts(made)
    _require_valid(texts)
    if options.out:
        _write(texts, Path(options.out))
    elif options.output == "yaml":
        say("---\n".join(texts.values()).rstrip("\n")) if texts else None
    else:
        answer(options.output, [_data(name, each) for name, each in made.items()], str)
    for name, each in made.items():
        _tell(name, each)
    return 0 if texts else 1


def _translated(name: str) -> Translation:
    try:
        text = sys.stdin.read(LARGEST + 1) if name == "-" else _read(Path(name))
        return detect.translated(text)
    except NotOurs as error:
        raise CommandError(f"{name}: {error}") from None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise CommandError(f"{path} is larger than {LARGEST // 2**20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {unreadable(error)}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: {error}") from error


def _texts(made: dict[str, Translation]) -> dict[str, str]:
    """File name to text, of all files; names that clash get a number."""
    found: dict[str, str] = {}
    for source, each in made.items():
        for name, text in writing_yaml.files(each, source).items():
            stem, number, key = name.removesuffix(".scenario.yaml"), 1, name
            while key in found:
                number += 1
                key = f"{stem}-{number}.scenario.yaml"
            found[key] = text
    return found


def _require_valid(texts: dict[str, str]) -> None:
    """A converted scenario that the language refuses is a defect of the conversion."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    wrong = [str(each) for name, text in texts.items()
             for each in load(Path(name), text.encode(), verbs, {}).problems]  # fmt: skip
    if wrong:
        raise CommandError("what was converted is not a valid scenario; nothing was written:\n"
                           + "\n".join(wrong))  # fmt: skip


def _write(texts: dict[str, str], folder: Path) -> None:
    there = [str(folder / name) for name in texts if (folder / name).exists()]
    if there:
        raise CommandError(f"{', '.join(there)} exists already; nothing was written")
    write_files({folder / name: text for name, text in texts.items()})


def _tell(name: str, made: Translation) -> None:
    lines: Sequence[str] = [
        f"{name}: {made.tool}, {len(made.whole)} scenario{'s' * (len(made.whole) != 1)}",
        *(f"  no counterpart: {each}" for each in made.all_missing),
        *(f"  note: {each}" for each in dict.fromkeys(made.notes)),
    ]
    for line in lines:
        warn(line)


def _data(name: str, made: Translation) -> dict[str, Any]:
    return {
        "file": name,
        "tool": made.tool,
        "scenarios": [draft.body() for draft in made.whole],
        "missing": list(made.all_missing),
        "notes": list(dict.fromkeys(made.notes)),
    }
