"""The rooms of the project and the arrows between them: who may import whom.

Data passes from language through engine to report; what talks to Kubernetes is one room; verbs know
what they are given and nothing of who runs them. The same holds inside each room: folders beside
each other import in one direction, no two files import each other, a folder holds about fifteen
files, and a file name appears once below a room. Tests mirror the tree. An import against an arrow,
also one inside of a function, fails here with its place.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "resilience"
TESTS = Path(__file__).parent

LEAF = {"model", "kube"}
SPOKEN = LEAF | {"cluster", "verbs"}

ARROWS: dict[str, set[str]] = {
    "kube": set(),
    "model": {"kube"},
    "cluster": LEAF,
    "verbs": LEAF | {"cluster"},
    "language": LEAF,
    "machines": LEAF | {"cluster", "verbs"},
    "config": LEAF | {"cluster", "machines"},
    "drain": LEAF | {"cluster"},
    "backup": LEAF | {"cluster"},
    "ledger": SPOKEN,
    "probes": SPOKEN | {"drain", "ledger"},
    "actions": SPOKEN | {"drain", "backup"},
    "checks": SPOKEN | {"actions", "backup"},
    "engine": SPOKEN | {"language", "config", "backup", "drain", "machines", "report"},
    "report": LEAF,
    "publish": LEAF | {"backup", "config", "report"},
    "history": LEAF | {"backup", "publish", "report"},
    "audit": SPOKEN | {"actions"},
    "convert": LEAF,
    "daily": SPOKEN | {"config", "engine"},
    "drafts": SPOKEN | {"audit"},
    "sandbox": {"kube"},
}
"""Room to the rooms that it may import. The rooms that are not here stand outside of all: the
plugin, the command and what is theirs. They may import any room but the sandbox."""

OUTSIDE = {
    "__init__",
    "__main__",
    "plugin",
    "hookspecs",
    "harness",
    "cli",
    "commands",
    "reference",
}

SANDBOX: tuple[set[str], ...] = (
    {"host"},
    {"kube"},
    {"store", "wire", "reconcile"},
    {"schema", "inside"},
    {"patch", "images", "scheduler", "dataplane"},
    {"zygote", "controllers"},
    {"kubelet", "apiserver"},
    {"owner", "__main__"},
)
"""The floors of the sandbox, the lowest first: a room imports rooms of its own floor and below."""

MOST_FILES = 15
BIGGER = {
    "resilience/commands": "one file for each command",
    "resilience/model": "one file for each value that several rooms share",
    "resilience/sandbox/apiserver/http": "one file for each thing that HTTP brings in",
    "resilience/sandbox/images/agnhost": "one file for each subcommand, or two of a kind",
}
"""Folders over `MOST_FILES`, each with its reason."""

PURE = (
    "language",
    "model",
    "engine/evidence/verdict.py",
    "engine/base/timeline.py",
    "backup/objects/order.py",
    "backup/proof/diff.py",
    "backup/proof/drill_terms.py",
    "backup/proof/expected_names.py",
    "backup/proof/may_be_absent.py",
    "backup/proof/may_differ.py",
    "backup/objects/kind_identity.py",
    "backup/objects/written_fields.py",
    "backup/drills/wall/canary_guises.py",
    "backup/drills/publishing.py",
    "backup/drills/safety.py",
    "backup/catalog/retention.py",
    "ledger/analysis.py",
    "ledger/attribution.py",
    "ledger/promises.py",
    "ledger/records.py",
    "ledger/restored.py",
    "ledger/values.py",
    "backup/format/layout.py",
    "history/change_points.py",
    "history/trends.py",
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

BESIDE = {"conformance", "e2e", "killed", "mutants", "zoo"}
"""Folders of tests that hold the whole, not one room."""


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

    @property
    def target(self) -> Path | None:
        """The file of ours that is imported."""
        return _file(self.module)


def _file(module: str) -> Path | None:
    if module.split(".")[0] != "resilience":
        return None
    path = ROOT.parent.joinpath(*module.split("."))
    for found in (path.with_suffix(".py"), path / "__init__.py"):
        if found.exists():
            return found
    return None


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
    inner = [f"{node.module}.{alias.name}" for alias in node.names]
    modules = [name for name in inner if _file(name) is not None]
    return modules if len(modules) == len(inner) else [node.module, *modules]


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
    """It is another process behind an API; see `cluster.access.embedded`."""
    wrong = [
        str(one) for one in everything() if one.imported == "sandbox" and one.room != "sandbox"
    ]
    assert wrong == []


def test_the_sandboxs_rooms_import_downwards() -> None:
    floors = {room: number for number, rooms in enumerate(SANDBOX) for room in rooms}
    inside = [one for one in everything() if one.room == "sandbox" and not one.for_types]
    wrong = [
        str(one)
        for one in inside
        if one.module.startswith("resilience.sandbox.")
        and floors[one.path.relative_to(ROOT / "sandbox").parts[0].removesuffix(".py")]
        < floors[one.module.split(".")[2]]
    ]
    assert wrong == []


def test_no_import_is_relative() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


def _graph() -> Mapping[Path, set[Path]]:
    found: defaultdict[Path, set[Path]] = defaultdict(set)
    for one in everything():
        if one.target is not None and not one.for_types and one.target != one.path:
            found[one.path].add(one.target)
    return found


def _circle(graph: Mapping[Path, set[Path]]) -> list[str]:
    """The names along one circle, [] where there is none."""
    done: set[Path] = set()
    for start in sorted(graph):
        trail: list[Path] = []
        work = [(start, iter(sorted(graph.get(start, ()))))]
        if start in done:
            continue
        trail.append(start)
        while work:
            node, following = work[-1]
            step = next((each for each in following if each not in done), None)
            if step is None:
                done.add(node)
                trail.pop()
                work.pop()
            elif step in trail:
                return [str(each.relative_to(ROOT)) for each in trail[trail.index(step) :]]
            else:
                trail.append(step)
                work.append((step, iter(sorted(graph.get(step, ())))))
    return []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert _circle(_graph()) == []


def test_folders_beside_each_other_import_in_one_direction() -> None:
    """A folder below a room may import what lies loose in the room, and its siblings one way."""
    siblings: defaultdict[Path, set[Path]] = defaultdict(set)
    for source, targets in _graph().items():
        for target in targets:
            a, b = source.parent, target.parent
            shared = next(each for each in (a, *a.parents) if each in (b, *b.parents))
            if shared in (a, b) or shared == ROOT:
                continue
            first = shared / a.relative_to(shared).parts[0]
            second = shared / b.relative_to(shared).parts[0]
            siblings[first].add(second)
    assert _circle(siblings) == []


def test_a_folder_holds_about_fifteen_files() -> None:
    files = Counter(
        str(path.parent.relative_to(ROOT.parent))
        for path in ROOT.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    crowded = {name: number for name, number in files.items() if number > MOST_FILES}
    assert set(crowded) == set(BIGGER), crowded


def test_a_file_name_appears_once_below_a_room() -> None:
    places: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        inner = path.relative_to(ROOT)
        if path.name not in ("__init__.py", "__main__.py"):
            places[inner.parts[0], path.name].append(str(inner))
    assert [found for found in places.values() if len(found) > 1] == []


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("__init__.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_tests_mirror_the_rooms() -> None:
    """The test of a module lies at the same path below `tests`."""
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    rooms = [folder for folder in folders if folder.parts and folder.parts[0] not in BESIDE]
    assert [str(room) for room in sorted(rooms) if not (ROOT / room).is_dir()] == []


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
