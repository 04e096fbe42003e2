"""Measures a scenario once more if a busy machine is the only reason that it has no verdict.

The second attempt is a whole run: consent, lock, journal, `given`, undo, and its own id. Both
records are kept and name each other; the second one decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from resilience.engine.evidence.lateness import only_busy
from resilience.verbs.context import Refused

if TYPE_CHECKING:
    from resilience.model.report import RunRecord

TEXT = "this machine was too busy and nothing failed: the scenario is measured once more"


def run(
    attempt: Callable[[], RunRecord],
    records: list[RunRecord],
    announce: Callable[[str], None],
    interrupted: Callable[[], bool],
) -> RunRecord:
    """The record that decides; `records` receives every record."""
    first = attempt()
    records.append(first)
    if not only_busy(first) or interrupted():
        return first
    announce(TEXT)
    place = len(records) - 1
    try:
        second = replace(attempt(), before=first.run)
    except Refused as error:  # refused, for instance by a closed window: the first result is kept
        announce(f"it was refused: {error}")
        return first
    records[place] = replace(first, again=second.run)
    records.append(second)
    return second
