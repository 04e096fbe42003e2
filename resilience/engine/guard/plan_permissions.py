"""The permissions that a plan's snapshot and its drill need, read from the plan alone.

A drill restores into a namespace that does not exist yet, so no Role can exist there beforehand:
it needs its permissions in all namespaces, and for every kind, because no file names the kinds of
the snapshot. Drills therefore need nearly all permissions: run them on a cluster of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilience.backup.plans.snapshot_permissions import of_snapshot
from resilience.engine.guard.permissions import of_step
from resilience.model.scenario import Plan
from resilience.model.verb import Right


def of_plan(plan: Plan) -> Sequence[Right]:
    """Permissions to take a snapshot by a plan."""
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
