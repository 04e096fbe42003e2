"""`resilience history` over 5,000 runs: 1,000 sessions of five scenarios, in a process of its own.

Once as a store keeps them (`runs.json` beside each report), once as sessions of earlier versions
left them: `report.json` alone, 40 kB for each run, most of it timeline.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import Row

SESSIONS, SCENARIOS = 1000, 5
TIMELINE = 100
"""Entries of a run, about 250 bytes each."""


def measure() -> Iterator[Row]:
    """Both forms."""
    with tempfile.TemporaryDirectory() as scratch:
        digests, reports = Path(scratch) / "digests", Path(scratch) / "reports"
        _write(digests, reports)
        for what, folder in (("with runs.json", digests), ("with report.json alone", reports)):
            took = _history(folder)
            size = sum(path.stat().st_size for path in folder.rglob("*.json")) / 1e6
            yield Row(
                what=f"{SESSIONS * SCENARIOS:,} runs in {SESSIONS:,} sessions, {what}",
                measured=f"{took:.2f} s",
                reach="5 s",
                beside=f"{size:.0f} MB of JSON",
            )


def _history(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "resilience", "history", folder, "--out", folder / "out"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def _write(digests: Path, reports: Path) -> None:
    from resilience.report.digest import digest

    chance = random.Random(1)
    for number in range(SESSIONS):
        made: Any = {
            "version": 1,
            "runs": [_run(number, each, chance) for each in range(SCENARIOS)],
        }
        for folder, name, text in (
            (digests, "runs.json", digest(made)),
            (reports, "report.json", json.dumps(made)),
        ):
            path = folder / f"session-{number:04}" / name
            path.parent.mkdir(parents=True)
            path.write_text(text)


def _run(session: int, scenario: int, chance: random.Random) -> dict[str, Any]:
    figures = ("availability", "longest outage", "recovery", "p95")
    failed = chance.random() < 0.03
    started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=session)
    return {
        "run": f"{session:06x}-{scenario:06x}",
        "scenario": {"id": f"s{scenario}", "label": f"scenario {scenario}", "file": "a.yaml"},
        "environment": {"context": "prod", "commit": f"{session // 3:040x}"},
        "outcome": "service failed" if failed else "passed",
        "verdict": "", "started": started.isoformat(), "seconds": 9.0, "again": "",
        "findings": [
            {"name": f"web.{figure}", "figure": figure, "limit": 1.0,
             "result": "failed" if failed else "passed",
             "value": chance.lognormvariate(0, 0.1) * (2 if session > 600 else 1)}
            for figure in figures
        ],
        "timeline": [{"at": 1.0, "wall": "2026", "what": "event", "text": "x" * 120,
                      "facts": {"uid": "y" * 36, "message": "z" * 60}}] * TIMELINE,
    }  # fmt: skip
