"""Verdicts beside busy processes: how many are wrong, and how many are usable.

The zoo says what each of its services must come to, and the scenarios that are shipped hold, so
every verdict is known before. Pinned to two processors and beside so many processes that never
sleep, each round runs all of them as a user does. Wrong is a pass of what must not pass or a
failure of what must not fail; usable is the right verdict; the rest was not measured, twice. ROUNDS
in the environment sets the number of rounds (5).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import Row
from tests.zoo.busy import busy
from tests.zoo.expected import HOLD
from tests.zoo.expected import services as zoo

ROOT = Path(__file__).parents[1]
ZOO = zoo()
WANTED = {name: "passed" for name in HOLD} | {each.run: each.outcome for each in ZOO.values()}
"""Of each scenario that runs, the verdict that is right."""
FILES = [
    *(ROOT / "scenarios" / f"{name}.scenario.yaml" for name in HOLD),
    *(each.scenario for each in ZOO.values()),
]

REACH = {4: 0.95, 8: 0.85}
"""Busy processes, and the least part of usable verdicts."""

PATIENCE = 120.0
"""Seconds for each scenario; a run that hangs counts as no verdict."""


def measure() -> Iterator[Row]:
    """For 4 and for 8 busy processes."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    for count, reach in REACH.items():
        ended = Counter[str]()
        with busy(count), tempfile.TemporaryDirectory() as directory:
            for number in range(rounds):
                ended += _verdicts(Path(directory, str(number)))
        yield from _rows(count, reach, ended)


def _rows(count: int, reach: float, ended: Counter[str]) -> Iterator[Row]:
    total = sum(ended[each] for each in ("right", "wrong", "none"))
    where = f"beside {count} busy processes, of {total}"
    yield Row(what=f"wrong verdicts, {where}", measured=str(ended["wrong"]), reach="0")
    usable = ended["right"] / total if total else 0.0
    yield Row(what=f"usable verdicts, {where}", measured=f"{usable:.0%}", reach=f"{reach:.0%}")
    yield Row(what=f"measured once more, {where}", measured=str(ended["again"]))


def _verdicts(report: Path) -> Counter[str]:
    """Right, wrong and none; and how many runs were measured once more."""
    command: list[str | Path] = [sys.executable, "-m", "pytest", *FILES, "-q", "-p", "no:randomly"]
    try:
        subprocess.run(
            [*command, "--resilience-report", report],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=PATIENCE * len(FILES),
        )
    except subprocess.TimeoutExpired:
        print("  a round hung", file=sys.stderr)
    ended = Counter[str]()
    missing = set(WANTED)
    for run in _runs(report):
        name = run["scenario"]["id"]
        if name not in WANTED:
            continue  # a plan's backup: its drill decides
        kind = _kind(run, WANTED[name])
        ended[kind] += 1
        if kind != "again":
            missing.discard(name)
        if kind in ("wrong", "none"):
            print(f"  {name}: {run['outcome']}, {run['message'][:300]}", file=sys.stderr)
    ended["none"] += len(missing)
    return ended


def _runs(report: Path) -> list[Mapping[str, Any]]:
    written = report / "report.json"
    runs: list[Mapping[str, Any]] = (
        json.loads(written.read_text())["runs"] if written.exists() else []
    )
    return runs


def _kind(run: Mapping[str, Any], right: str) -> str:
    if run["again"]:
        return "again"
    if run["outcome"] == right:
        return "right"
    return "wrong" if run["outcome"] in ("passed", "service failed") else "none"
