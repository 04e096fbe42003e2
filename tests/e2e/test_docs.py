"""Every command in the docs is executed, and its output compared.

A fenced block marked `console` is a session: lines that begin with `$ ` are commands, run in order
in one folder per page; what follows is the expected output, in which `...` stands for anything. A
block whose first line is `# FILE` (any other language) is written to that file first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorial").glob("*.md")) + sorted(
    (ROOT / "docs" / "how-to").glob("*.md")
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (?:file: )?([\w./-]+\.(?:yaml|py|toml))\n")


@dataclass(frozen=True)
class Command:
    """One `$ ` line and what must follow it."""

    line: str
    expected: str


def commands(session: str) -> list[Command]:
    """The commands of one console block, each with its expected output."""
    parts = re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]
    return [Command(*part.partition("\n")[::2]) for part in parts]


def matches(expected: str, actual: str) -> bool:
    """Whether `actual` is `expected`, where `...` is any text, also over several lines."""
    pieces = [re.escape(piece) for piece in expected.strip().split("...")]
    return re.fullmatch(".*?".join(pieces), actual.strip(), re.DOTALL) is not None


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short TMPDIR of the page's own, so that `sandbox down --all` ends no one else's."""
    with tempfile.TemporaryDirectory(prefix="rd-") as folder:
        yield Path(folder)


def run(command: Command, folder: Path, temporary: Path) -> str:
    """Standard output and error of one command, with this environment's programs on the PATH."""
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(temporary),
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTEST_ADDOPTS": "-p no:asyncio -p no:hypothesispytest -p no:randomly",
        "PYTHONPATH": str(folder),  # where a page installs a package of its own
    }
    environment = {**os.environ, **own}
    done = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder,
        env=environment,
        timeout=180,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def install(folder: Path) -> None:
    """What `pip install -e .` leaves behind for a package with entry points, without a download."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name']}.egg-info"
    metadata.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "PKG-INFO").write_text(head)
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """A page that probes a service holds it to a clock: it is read alone."""
    return [pytest.mark.alone] if re.search(r"\brate[:=]", page.read_text()) else []


@pytest.mark.parametrize(
    "page",
    [pytest.param(each, id=f"{each.parent.name}-{each.stem}", marks=marks(each)) for each in PAGES],
)
def test_every_command_of_the_page_prints_what_the_page_says(
    page: Path, tmp_path: Path, temporary: Path
) -> None:
    if page.parent.name != "tutorial":  # which begins with an empty folder, as its reader does
        for folder in ("scenarios", "backups", "deploy"):
            shutil.copytree(ROOT / folder, tmp_path / folder)
    ran = 0
    for language, body in BLOCK.findall(page.read_text()):
        if language == "console":
            for command in commands(body):
                printed = run(command, tmp_path, temporary)
                ran += 1
                if command.expected.strip():
                    assert matches(command.expected, printed), f"$ {command.line}\n{printed}"
        elif named := NAMED.match(body):
            target = tmp_path / named[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(body)
            if target.name == "pyproject.toml":
                install(tmp_path)
    assert ran, "the page has no command that could be executed"


def test_there_are_pages_to_check() -> None:
    assert len(PAGES) >= 3


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = []
    pages = [ROOT / "README.md", ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
