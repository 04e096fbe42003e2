"""`snapshot`: takes a backup of a namespace, or of a plan, verifies it, and records that.

`this` is for the `given:` of a plan that creates its own subject; otherwise the step names another
plan or a store. The snapshot stays in its store after the run, on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.cluster.errors import ClusterError
from resilience.model.timeline import What
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed

if TYPE_CHECKING:
    from resilience.backup.format.backup_clock import Clock
    from resilience.backup.format.manifest import Manifest
    from resilience.backup.take.data_request import Inside
    from resilience.backup.take.snapshot import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Parameters of `snapshot`."""

    plan: str = parameter(
        "The id of a plan; `this` is the plan that contains the step.",
        default="",
        one_of="what",
    )
    store: str = parameter(
        "The store: s3://BUCKET/PREFIX, gs://, az:// or file:DIRECTORY.",
        default="",
        example="file:./backups-data",
        one_of="what",
    )
    name: str = parameter(
        "The snapshot's name; by default the plan or namespace, and the time.", default=""
    )
    volumes: bool = parameter(
        "Include the data of bound claims; a plan sets this itself.", default=False
    )


def _check(snapshot: Snapshot) -> Sequence[Complaint]:
    return complaints(snapshot.plan, snapshot.store)


def complaints(plan: str, store: str) -> Sequence[Complaint]:
    """What is wrong with the plan's name, or "" ; a step that names neither plan nor store is wrong
    as well."""
    if plan and not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", plan):
        return (
            Complaint(field="plan", message=f"{plan!r} is not the id of a plan", expected="its id"),
        )
    if not (plan or store):
        return (
            Complaint(
                field="",
                message="neither a plan nor a store is given",
                expected="a plan, or store: URL",
            ),
        )
    return ()


def _describe(snapshot: Snapshot) -> str:
    if snapshot.plan == "this":
        return "make a snapshot of this plan"
    return f"make a snapshot {f'in {snapshot.store}' if snapshot.store else f'of {snapshot.plan}'}"


def _rights(snapshot: Snapshot, namespace: str) -> Sequence[Right]:
    from resilience.backup.plans.snapshot_permissions import of_snapshot

    return of_snapshot([namespace], inside=snapshot.volumes or bool(snapshot.plan))


def run(snapshot: Snapshot, context: ActionContext) -> None:
    """Take the snapshot; an incomplete one fails the step and stays invisible."""
    from resilience.backup.format.errors import BackupError
    from resilience.cluster.interface import NAMESPACES

    try:
        made, where = _of_plan(snapshot, context) if snapshot.plan else _here(snapshot, context)
        for name in made.namespaces:
            context.affected(context.cluster.get(NAMESPACES, name), "was backed up")
    except (BackupError, ClusterError) as problem:
        raise ActionFailed(f"no snapshot: {problem}") from problem
    context.proof(
        f"snapshot {made.name} of {many(made.objects, 'object')} is intact",
        {"snapshot": made.name, "objects": made.objects, "store": where},
    )


def _of_plan(snapshot: Snapshot, context: ActionContext) -> tuple[Manifest, str]:
    from resilience.backup.format.backup_clock import BorrowedClock
    from resilience.backup.format.layout import stamped_name
    from resilience.backup.plans.keys import from_environment
    from resilience.backup.plans.lifecycle import make, plan_store
    from resilience.backup.plans.naming import under_free_name
    from resilience.backup.plans.pruning import StartedOver, pruned_after
    from resilience.backup.take.data_request import Inside

    plan, clock = context.plan(snapshot.plan), BorrowedClock(context.clock)
    store = plan_store(plan)

    def named(name: str) -> Manifest:
        return make(
            plan,
            context.cluster,
            store,
            name=name,
            clock=clock,
            keys=from_environment(context.cluster, identity_files=context.identity_files),
            extend=lambda request: _extended(request, Inside.of(plan), context, clock),
        )

    stamped, started_over = stamped_name(plan.id, clock.now()), StartedOver(store)
    made = named(snapshot.name) if snapshot.name else under_free_name(store, stamped, named)
    for line in pruned_after(plan, store, clock).lines:
        context.note(What.NOTE, f"retention: {line}")
    for line in started_over.lines(made.name):
        context.note(What.NOTE, line)
    return made, store.url


def _here(snapshot: Snapshot, context: ActionContext) -> tuple[Manifest, str]:
    from resilience.backup.catalog.catalog import opened
    from resilience.backup.catalog.verify import verify
    from resilience.backup.catalog.verify_record import record
    from resilience.backup.format.backup_clock import BorrowedClock
    from resilience.backup.format.layout import stamped_name
    from resilience.backup.plans.keys import from_environment
    from resilience.backup.plans.naming import under_free_name
    from resilience.backup.plans.pruning import StartedOver
    from resilience.backup.store import open_store
    from resilience.backup.take.continued import create_saving
    from resilience.backup.take.data_request import Inside
    from resilience.backup.take.scope import Scope
    from resilience.backup.take.snapshot import Request
    from resilience.model.inside import Volumes

    clock = BorrowedClock(context.clock)
    store = open_store(snapshot.store, base=context.directory)
    keys = from_environment(context.cluster, identity_files=context.identity_files)
    inside = Inside(volumes=Volumes() if snapshot.volumes else None)

    def named(name: str) -> Manifest:
        request = Request(
            name=name,
            scope=Scope(namespaces=(context.namespace,)),
            signer=keys.signer,
            recipients=keys.recipients,
        )
        request = _extended(request, inside, context, clock)
        return create_saving(request, context.cluster, store, clock=clock, holder="another run")

    stamped, started_over = stamped_name(context.namespace, clock.now()), StartedOver(store)
    manifest = named(snapshot.name) if snapshot.name else under_free_name(store, stamped, named)
    made = opened(store, manifest.name, keys.identities, trusted=keys.trusted)
    record(made, verify(made), clock.now())
    for line in started_over.lines(manifest.name):
        context.note(What.NOTE, line)
    return manifest, store.url


def rehearse(snapshot: Snapshot, context: ActionContext) -> None:
    """List what would be taken, and list the store's content."""
    from resilience.backup.format.backup_clock import BorrowedClock
    from resilience.backup.format.errors import BackupError
    from resilience.backup.plans.lifecycle import plan_store
    from resilience.backup.plans.lifecycle import scope as of_plan
    from resilience.backup.store import open_store
    from resilience.backup.take.rehearsal import rehearse as listed
    from resilience.backup.take.scope import Scope

    try:
        if snapshot.plan:
            plan = context.plan(snapshot.plan)
            store, wanted = plan_store(plan), of_plan(plan)
        else:
            store = open_store(snapshot.store, base=context.directory)
            wanted = Scope(namespaces=(context.namespace,))
        told = listed(wanted, context.cluster, store, clock=BorrowedClock(context.clock))
    except (BackupError, ClusterError) as problem:
        raise ActionFailed(f"no snapshot: {problem}") from problem
    context.note(What.NOTE, told)


def _extended(request: Request, inside: Inside, context: ActionContext, clock: Clock) -> Request:
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.take.data_request import with_data

    return with_data(
        request,
        context.cluster,
        ClusterExec(context.cluster),
        clock=clock,
        inside=inside,
        tell=lambda text: context.note(What.NOTE, text),
    )


VERB = Verb(
    name="snapshot",
    family=Family.ACTION,
    summary="Take a snapshot of the namespace or of a plan, and verify it.",
    parameters=Snapshot,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    shorthand="plan",
    repeatable=True,
    check=_check,
    rights=_rights,
    residue=Residue.NAMED,
    residue_text="the snapshot stays in its store",
    proof="all stored files, read back and compared with their hashes",
    example="snapshot: {store: file:./backups-data}",
)
