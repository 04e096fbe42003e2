"""Whether a snapshot contains enough to prove anything; an empty one and missing volume data are
findings.

A snapshot can be complete, signed and useless: its selector matched nothing, or the database's
volume was left out. Neither passes `intact` or a drill. With `volumes: false` a plan excludes
volume data on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.errors import UNREADABLE
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans.lifecycle import scope
from resilience.model.scenario import Plan
from resilience.model.verdict import Finding, Result
from resilience.model.words import many

_SHOWN = 10


def is_empty(snapshot: Snapshot) -> bool:
    """Whether it holds only namespaces and what the cluster itself puts into them."""
    try:
        manifest = snapshot.manifest
    except UNREADABLE:  # another check reports this
        return False
    if manifest is None:
        return False
    if manifest.own_objects >= 0:
        return manifest.own_objects == 0
    return manifest.objects <= len(manifest.namespaces)


def untaken(manifest: Manifest) -> str:
    """The parts that the snapshot lacks, as text; "" if nothing is missing."""
    claims = manifest.claims_without_data
    if not claims:
        return ""
    more = f" and {len(claims) - _SHOWN} more" if len(claims) > _SHOWN else ""
    names = ", ".join(claims[:_SHOWN])
    return f"the data of {many(len(claims), 'bound claim')} was not taken: {names}{more}"


def holds_enough(snapshot: Snapshot, plan: Plan) -> Sequence[Finding]:
    """Findings about what a snapshot lacks; none if it holds enough."""
    return tuple(_findings(snapshot, plan))


def _findings(snapshot: Snapshot, plan: Plan) -> Iterator[Finding]:
    if is_empty(snapshot):
        yield Finding(
            name="content",
            result=Result.FAILED,
            promised="the snapshot holds objects of the namespaces",
            measured=f"{snapshot.name} holds nothing except the namespaces themselves",
            detail=("check `kinds`, `labels` and `exclude` of the plan",),
            place=plan.place,
        )
    manifest = snapshot.manifest
    if manifest and (text := untaken(manifest)):
        yield Finding(
            name="volumes",
            result=Result.PASSED if plan.without_volumes else Result.FAILED,
            promised=(
                "the plan says `volumes: false`"
                if plan.without_volumes
                else "the data of every bound claim is in the snapshot"
            ),
            measured=text,
            detail=(
                "write `volumes: true`, or `volumes: false` if it is not needed; a claim that is "
                "Lost has no volume: restore its data from an older snapshot, or delete it",
            ),
            place=plan.place,
        )


def takes_workloads(plan: Plan) -> bool:
    """Whether the plan's kinds include anything that runs."""
    taken = scope(plan)
    kinds = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "pods")
    return any(not taken.exclusion(kind) for kind in kinds)
