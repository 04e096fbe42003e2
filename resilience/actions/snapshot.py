"""`snapshot`: make a backup of a namespace, verify it, and write that down.

`this` is for the `given:` of a plan that makes its own subject; elsewhere a store is named. The
snapshot stays in its store: it is the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.cluster.errors import ClusterError
from resilience.context import ActionContext, ActionFailed
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Parameters of `snapshot`."""

    plan: str = parameter("`this`: the plan in whose `given` it stands.", default="", one_of="what")
    store: str = parameter(
        "Where to: s3://BUCKET/PREFIX or file:DIRECTORY.",
        default="",
        example="file:./backups-data",
        one_of="what",
    )
    name: str = parameter("Its name; else the namespace and the time.", default="")


def _check(snapshot: Snapshot) -> Sequence[Complaint]:
    if snapshot.plan not in ("", "this"):
        return (
            Complaint(
                field="plan",
                message=f"{snapshot.plan!r} is no plan that can be meant here",
                expected="this (in a plan's given), or a store",
            ),
        )
    if not (snapshot.plan or snapshot.store):
        return (Complaint(field="", message="no store is named", expected="this, or store: URL"),)
    return ()


def _describe(snapshot: Snapshot) -> str:
    where = f" in {snapshot.store}" if snapshot.store else " of this plan"
    return f"make a snapshot{where}"


def _rights(snapshot: Snapshot, namespace: str) -> Sequence[Right]:
    return (Right(verb="list", group="*", resource="*", namespace=namespace),)


def run(snapshot: Snapshot, context: ActionContext) -> None:
    """Make it; a snapshot that is not whole fails the step and is not visible."""
    from resilience.backup.catalog import opened
    from resilience.backup.clock import BorrowedClock
    from resilience.backup.errors import BackupError
    from resilience.backup.layout import stamped_name
    from resilience.backup.scope import Scope
    from resilience.backup.sign import find_signer
    from resilience.backup.snapshot import Request, create
    from resilience.backup.store import open_store
    from resilience.backup.verify import record, verify
    from resilience.cluster.interface import NAMESPACES

    clock = BorrowedClock(context.clock)
    try:
        store = open_store(snapshot.store, base=context.directory)
        name = snapshot.name or stamped_name(context.namespace, clock.now())
        request = Request(
            name=name, scope=Scope(namespaces=(context.namespace,)), signer=find_signer()
        )
        manifest = create(request, context.cluster, store, clock=clock)
        made = opened(store, name)
        key = record(made, verify(made), clock.now())
        context.affected(context.cluster.get(NAMESPACES, context.namespace), "was backed up")
    except (BackupError, ClusterError) as problem:
        raise ActionFailed(f"no snapshot of {context.namespace}: {problem}") from problem
    context.proof(
        f"snapshot {name} of {manifest.objects} objects is intact",
        {"objects": manifest.objects, "record": key, "store": store.url},
    )


VERB = Verb(
    name="snapshot",
    family=Family.ACTION,
    summary="Make a verified backup of the namespace.",
    parameters=Snapshot,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    describe=_describe,
    shorthand="plan",
    check=_check,
    rights=_rights,
    residue=Residue.NAMED,
    residue_text="the snapshot stays in its store",
    proof="every hash of the stored files, read back",
    example="snapshot: {store: file:./backups-data}",
)
