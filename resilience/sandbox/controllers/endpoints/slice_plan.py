"""Distributing endpoints over slices: change as few slices as possible, never rebalance.

Pure. Source: k8s.io/endpointslice/reconciler.go (reconcileByPortMapping): endpoints stay where they
are; slices that change anyway are filled first; the rest goes into the fullest slice with room for
all of it, else into new ones of at most 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from resilience.sandbox.controllers.endpoints.endpoint_facts import Endpoint

CAPACITY: Final = 100

Desired = Mapping[str, Endpoint]
"""Endpoints by the uid of their Pod."""


@dataclass(slots=True)
class SlicePlan:
    """What to write: slices by name with new endpoints, new slices, names to delete."""

    update: dict[str, list[Endpoint]] = field(default_factory=dict)
    create: list[list[Endpoint]] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)


def plan(existing: Mapping[str, Sequence[Endpoint]], desired: Desired) -> SlicePlan:
    """Plan for the slices of one set of ports."""
    result = SlicePlan()
    left = dict(desired)
    unchanged: dict[str, list[Endpoint]] = {}
    for name, endpoints in existing.items():
        kept = _kept(endpoints, left)
        if kept == list(endpoints):
            unchanged[name] = kept
        else:
            result.update[name] = kept
    queue = [left[uid] for uid in sorted(left, key=lambda uid: _order(left[uid]))]
    for kept in result.update.values():
        _fill(kept, queue)
    if queue:
        _spill(queue, unchanged, result)
    for name, kept in list(result.update.items()):
        if not kept:
            del result.update[name]
            result.delete.append(name)
    empty = [name for name, kept in unchanged.items() if not kept and name not in result.update]
    result.delete.extend(empty)
    return result


def _kept(endpoints: Sequence[Endpoint], left: dict[str, Endpoint]) -> list[Endpoint]:
    """Endpoints of a slice that are still wanted, in their present form; removes them from
    `left`."""
    kept = []
    for endpoint in endpoints:
        wanted = left.pop((endpoint.get("targetRef") or {}).get("uid", ""), None)
        if wanted is not None:
            kept.append(wanted)
    return kept


def _fill(slice_: list[Endpoint], queue: list[Endpoint]) -> None:
    room = CAPACITY - len(slice_)
    slice_.extend(queue[:room])
    del queue[:room]


def _spill(
    queue: list[Endpoint], unchanged: Mapping[str, list[Endpoint]], result: SlicePlan
) -> None:
    while len(queue) >= CAPACITY:
        fresh: list[Endpoint] = []
        _fill(fresh, queue)
        result.create.append(fresh)
    fits = [name for name, kept in unchanged.items() if len(kept) + len(queue) <= CAPACITY]
    if queue and fits:
        fullest = max(fits, key=lambda name: len(unchanged[name]))
        result.update[fullest] = [*unchanged[fullest], *queue]
    elif queue:
        result.create.append(list(queue))


def _order(endpoint: Endpoint) -> str:
    reference = endpoint.get("targetRef") or {}
    return str(reference.get("name", ""))
