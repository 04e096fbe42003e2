"""`make test` installs what a machine lacks, and never over what is there; modules compile once,
and workers are as many as the processors carry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"


def _program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The only folder on the PATH: root's `id` and an apt-get that notes what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    _program(folder, "id", "echo 0")
    _program(folder, "apt-get", f'echo "$@" >> {tmp_path / "asked"}')
    return folder


def _lacking(machine: Path, *programs: tuple[str, str]) -> tuple[str, list[str]]:
    """What the rule printed, and what apt-get was asked."""
    calls = "".join(f"\t@$(call lacking,{name},{package})\n" for name, package in programs)
    told = _made(machine.parent, calls, PATH=str(machine))
    asked = machine.parent / "asked"
    return told, asked.read_text().splitlines() if asked.exists() else []


def _made(folder: Path, recipe: str, **environment: str) -> str:
    """What a target of that recipe prints beside those of the Makefile."""
    ours = folder / "ours.mk"
    ours.write_text(f"include {MAKEFILE}\nprobe:\n{recipe}.PHONY: probe\n")
    make = shutil.which("make")
    assert make is not None
    return subprocess.run(
        [make, "-s", "-f", str(ours), "probe"],
        env=os.environ | environment,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


KUBECTL, RESTIC = ("kubectl", "kubernetes-client"), ("restic", "restic")


def test_only_what_is_missing_is_installed(machine: Path) -> None:
    _program(machine, "kubectl", "exit 0")
    _, asked = _lacking(machine, KUBECTL, RESTIC)
    assert asked == ["update -q", "install -qy --no-upgrade restic"]


def test_nothing_is_asked_where_everything_is_there(machine: Path) -> None:
    _program(machine, "kubectl", "exit 0")
    _program(machine, "restic", "exit 0")
    assert _lacking(machine, KUBECTL, RESTIC) == ("", [])


@pytest.mark.parametrize("trouble", ["no root", "no apt", "apt fails"])
def test_what_cannot_be_had_is_named_and_stops_nothing(machine: Path, trouble: str) -> None:
    if trouble == "no root":
        _program(machine, "id", "echo 1000")
    elif trouble == "no apt":
        (machine / "apt-get").unlink()
    else:
        _program(machine, "apt-get", "exit 100")
    told, asked = _lacking(machine, RESTIC)
    assert told == "restic cannot be had here; install it to run the tests that need it\n"
    assert asked == []


def test_modules_are_compiled_once_whatever_the_environment_forbids(tmp_path: Path) -> None:
    recipe = f"\t@{sys.executable} -c 'import sys; print(sys.dont_write_bytecode)'\n"
    assert _made(tmp_path, recipe, PYTHONDONTWRITEBYTECODE="1") == "False\n"


@pytest.mark.parametrize(
    ("processors", "workers"),
    [(1, "3 0 0"), (2, "5 2 2"), (3, "7 2 2"), (4, "9 4 2"), (64, "9 4 4")],
)
def test_what_measures_has_a_processor_for_each_worker(
    machine: Path, processors: int, workers: str
) -> None:
    _program(machine, "nproc", f"echo {processors}")
    recipe = '\t@echo "$(WORKERS) $(CLOCKED) $(DEMO_WORKERS)"\n'
    assert _made(machine.parent, recipe, PATH=str(machine)) == f"{workers}\n"
