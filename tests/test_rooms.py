"""The rooms of the project and the arrows between them: who may import whom.

Data passes from language through engine to report; what talks to Kubernetes is one room; verbs know
what they are given and nothing of who runs them. An import against an arrow, also one inside of a
function, fails here with its place.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "resilience"

LEAF = {"model"}
SPOKEN = {"cluster", "context", "model"}

ARROWS: dict[str, set[str]] = {
    "model": set(),
    "language": LEAF,
    "catalogue": LEAF,
    "schedule": LEAF,
    "windows": LEAF | {"schedule"},
    "settings": LEAF,
    "root": set(),
    "target_keys": set(),
    "targets": LEAF | {"settings", "target_keys", "windows", "cluster"},
    "cluster": LEAF,
    "context": LEAF | {"cluster"},
    "drain": LEAF | {"cluster"},
    "backup": LEAF | {"cluster", "schedule"},
    "probes": SPOKEN | {"drain"},
    "actions": SPOKEN | {"drain", "backup"},
    "checks": SPOKEN | {"actions", "backup"},
    "engine": SPOKEN | {"language", "catalogue", "targets", "windows", "backup", "drain", "report"},
    "report": LEAF,
    "sandbox": set(),
}
"""Room to the rooms that it may import. The rooms that are not here stand outside of all: the
plugin, the command and what is theirs. They may import any room but the sandbox."""

OUTSIDE = {"__init__", "__main__", "plugin", "harness", "cli", "commands", "hookspecs"}

PURE = (
    "language",
    "model",
    "engine/verdict.py",
    "engine/timeline.py",
    "backup/drill_terms.py",
    "backup/expected_names.py",
    "backup/identity.py",
    "backup/may_be_absent.py",
    "backup/may_differ.py",
    "backup/publishing.py",
    "backup/safety.py",
    "backup/written_fields.py",
    "backup/order.py",
    "backup/diff.py",
    "backup/retention.py",
    "backup/layout.py",
)
"""Rooms and modules that know no clock, no chance, no network and no process."""

IMPURE = {
    "time",
    "random",
    "uuid",
    "secrets",
    "socket",
    "subprocess",
    "asyncio",
    "signal",
    "urllib3",
    "kubernetes",
    "boto3",
    "aiohttp",
    "requests",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement."""

    path: Path
    line: int
    module: str
    for_types: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT.parent)}:{self.line} imports {self.module}"

    @property
    def room(self) -> str:
        """The room that imports."""
        return self.path.relative_to(ROOT).parts[0].removesuffix(".py")

    @property
    def imported(self) -> str:
        """The room of ours that is imported; "" for any other package."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "resilience" and len(parts) > 1 else ""


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for module in _modules(node):
            yield Import(path, node.lineno, module, id(node) in typing_only)  # type: ignore[attr-defined]


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return []
    if node.module == "resilience":
        return [f"resilience.{alias.name}" for alias in node.names]
    return [node.module]


@cache
def everything() -> tuple[Import, ...]:
    """Read when a test asks: what only collects should not read the whole package."""
    return tuple(found for path in sorted(ROOT.rglob("*.py")) for found in imports(path))


def test_every_room_has_its_arrows() -> None:
    assert {found.room for found in everything()} <= set(ARROWS) | OUTSIDE


@pytest.mark.parametrize("room", sorted(ARROWS))
def test_a_room_imports_only_what_its_arrows_allow(room: str) -> None:
    allowed = ARROWS[room] | {room, "", "__version__"}
    wrong = [str(one) for one in everything() if one.room == room and one.imported not in allowed]
    assert wrong == []


def test_nothing_imports_the_sandbox() -> None:
    """It is another process behind an API; see `cluster.embedded`."""
    wrong = [
        str(one) for one in everything() if one.imported == "sandbox" and one.room != "sandbox"
    ]
    assert wrong == []


def test_no_import_is_relative() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


@pytest.mark.parametrize("name", PURE)
def test_a_pure_room_knows_no_clock_no_chance_and_no_network(name: str) -> None:
    assert (ROOT / name).exists()
    wrong = [
        str(one)
        for one in everything()
        if one.path.is_relative_to(ROOT / name)
        and not one.for_types
        and one.module.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_the_language_needs_nothing_but_yaml() -> None:
    foreign = {
        one.module.split(".")[0]
        for one in everything()
        if one.room == "language" and one.imported == "" and one.module != "resilience"
    }
    assert foreign - set(sys.stdlib_module_names) <= {"yaml", "__future__"}
