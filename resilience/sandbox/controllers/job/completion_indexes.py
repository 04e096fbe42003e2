"""Completion indexes of Indexed Jobs: the notation "0-3,5", and which indexes need a Pod. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of

INDEX: Final = "batch.kubernetes.io/job-completion-index"


def index_of(pod: Obj) -> int | None:
    """The index a Pod works on."""
    text = annotations_of(pod).get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


def parse(text: str) -> set[int]:
    """Indexes in `status.completedIndexes`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first:
            found.update(range(int(first), int(last or first) + 1))
    return found


def render(indexes: Iterable[int]) -> str:
    """Ranges as the status prints them; two neighbours are written "4,5"."""
    parts: list[str] = []
    for run in _runs(sorted(indexes)):
        if len(run) > 2:
            parts.append(f"{run[0]}-{run[-1]}")
        else:
            parts.extend(str(number) for number in run)
    return ",".join(parts)


def _runs(ordered: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in ordered:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def needed(completions: int, done: set[int], busy: set[int], number: int) -> list[int]:
    """The lowest free indexes, at most `number`."""
    free = (index for index in range(completions) if index not in done and index not in busy)
    return [index for index, _ in zip(free, range(number), strict=False)]
