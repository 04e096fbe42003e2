"""When, by earlier reports, a Pod or a workload was last struck, so that `order: fair` spares it.

Reads report.json of a folder and of the folders in it, or the sessions of a store; the newest
`MOST` of them. A report that cannot be read is skipped: fairness is a preference, not a promise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from resilience.model.report import RunRecord
from resilience.model.timeline import What

MOST = 50
"""Reports that are read."""


def of_records(records: Sequence[RunRecord]) -> dict[str, float]:
    """Victims of runs of this session. Name of the Pod (`shop/web-0`) or of its workload
    (`shop/deployment/web`) to epoch seconds."""
    return _latest(
        (entry.facts, record.started_wall)
        for record in records
        for entry in record.timeline
        if entry.what is What.VICTIM
    )


def read(directory: Path | None, url: str) -> dict[str, float]:
    """The same from a folder and from the URL of a store; {} where there are none."""
    texts = [*(_folder(directory) if directory else ()), *(_store(url) if url else ())]
    return _latest(pair for text in texts for pair in _victims(text))


def _folder(directory: Path) -> Iterator[bytes]:
    found = [*directory.glob("report.json"), *directory.glob("*/report.json")]
    for path in sorted(found, key=_written)[-MOST:]:
        with suppress(OSError):
            yield path.read_bytes()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _store(url: str) -> Iterator[bytes]:
    from resilience.backup.format.errors import BackupError
    from resilience.backup.store.url import open_store
    from resilience.publish.report_store import folders

    try:
        store = open_store(url)
        for name, _ in [*folders(store)][-MOST:]:
            yield store.read(f"{name}/report.json")
    except BackupError:  # the new report cannot be stored either; that is reported at the end
        return


def _victims(text: bytes) -> list[tuple[Mapping[str, Any], float]]:
    try:
        return [
            (dict(entry["facts"].items()), datetime.fromisoformat(run["started"]).timestamp())
            for run in json.loads(text)["runs"]
            for entry in run["victims"]
        ]
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):  # fmt: skip  another program's file, or another version's
        return []


def _latest(found: Iterable[tuple[Mapping[str, Any], float]]) -> dict[str, float]:
    when: dict[str, float] = {}
    for facts, moment in found:
        namespace = facts.get("namespace", "")
        for name in (facts.get("name", ""), facts.get("workload", "")):
            key = f"{namespace}/{name}"
            when[key] = max(moment, when.get(key, 0.0))
    return when
