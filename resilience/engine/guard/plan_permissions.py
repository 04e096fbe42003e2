"""The rights that a plan's snapshot and its drill need, read from the plan alone.

A drill restores into a namespace that does not exist yet: no Role can stand there beforehand, so
what it needs there it needs everywhere, and the kinds are those of the snapshot, which no file
tells. Whoever runs drills is a guest with nearly all rights: better on a cluster of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilience.backup.plans.snapshot_permissions import of_snapshot
from resilience.engine.guard.permissions import of_step
from resilience.model.scenario import Plan
from resilience.model.verb import Right


def of_plan(plan: Plan) -> Sequence[Right]:
    """To make a snapshot by a plan."""
    looks_inside = bool(plan.volumes or plan.dumps or plan.hooks or plan.sentinel)
    return of_snapshot(plan.namespaces, inside=looks_inside, volumes=plan.volumes)


def of_drill(plan: Plan) -> Sequence[Right]:
    """To restore a plan's snapshot into scratch namespaces, and to prove it."""
    everything = ("get", "list", "create", "patch")
    return [
        *(Right(verb=verb, group="*", resource="*") for verb in everything),
        Right(verb="update", group="coordination.k8s.io", resource="leases"),
        *(Right(verb="delete", group="", resource=each) for each in ("pods", "namespaces")),
        *_proving(plan),
    ]


def _proving(plan: Plan) -> Iterator[Right]:
    for step in plan.drill.then if plan.drill else ():
        yield from of_step(step, "", Path(plan.place.file).parent)
