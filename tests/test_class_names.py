"""A class name appears once below each room, so that "go to symbol" leads to one place.

Rooms are separate: which names recur between rooms, and why, is in docs/internals/glossary.md.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "resilience"


def _classes(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            yield node.name


def _repeated(files: dict[Path, str]) -> dict[tuple[str, str], list[Path]]:
    places: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, source in files.items():
        for name in _classes(source):
            places[path.parts[0], name].append(path)
    return {key: found for key, found in places.items() if len(found) > 1}


def test_no_class_name_is_used_twice_in_a_room() -> None:
    files = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")
    }
    assert not _repeated(files)


def test_a_repeated_name_is_found() -> None:
    source = "class Entry: ..."
    one, two = Path("backup/a.py"), Path("backup/b/c.py")
    assert _repeated({one: source, two: source}) == {("backup", "Entry"): [one, two]}


def test_rooms_may_share_a_name() -> None:
    source = "class Entry: ..."
    assert not _repeated({Path("backup/a.py"): source, Path("model/b.py"): source})
