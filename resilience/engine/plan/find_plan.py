"""Finds a plan by name, for scenarios that say `snapshot: PLAN` or `restore: PLAN`.

Searches next to the scenario, in a folder `backups` next to or above it, and in the working
directory of the run. The name is the plan's id or its title.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from resilience.model.scenario import Plan
from resilience.verbs.context import ActionFailed

SUFFIXES = (".plan.yaml", ".plan.yml")


def find(name: str, directory: Path) -> Plan:
    """ActionFailed names the existing plans."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    others, broken = list[str](), list[str]()
    for path in _files(directory):
        loaded = load(path, None, catalogue(), os.environ)
        for plan in loaded.plans:
            if name in (plan.id, plan.title):
                return plan
        others += [plan.id for plan in loaded.plans]
        broken += [str(problem) for problem in loaded.problems[:1]]
    there = f"there are {', '.join(others)}" if others else "there is none"
    told = f"; {broken[0]}" if broken else ""
    raise ActionFailed(
        f"no plan {name!r} next to {directory} or in a folder backups: {there}{told}"
    )


def _files(directory: Path) -> Iterator[Path]:
    folders = (directory, directory / "backups", directory.parent / "backups", Path("backups"))
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        if folder.is_dir():
            yield from sorted(each for each in folder.iterdir() if each.name.endswith(SUFFIXES))
