"""`restore`: restores a namespace from its newest verified snapshot, or from a named one.

The snapshot is verified before anything is created. Objects restored into their own namespace stay:
they had been lost; a namespace that `into` creates is deleted at the end. The namespace's
annotations record where it came from, so that `matches_snapshot` can compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from resilience.actions.backups.snapshot import complaints
from resilience.actions.undo import namespace_users, reverting
from resilience.actions.undo.object_undo import wait_until_gone
from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import NAMESPACES
from resilience.kube import objects
from resilience.model.step_reach import ANY, Reach
from resilience.model.timeline import What
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, ChangedSince, UndoContext

if TYPE_CHECKING:
    from resilience.backup.catalog.catalog import Snapshot
    from resilience.backup.data.volume_decisions import VolumesMode
    from resilience.backup.plans.lifecycle import Keys
    from resilience.backup.restore.outcome import RestoreReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Parameters of `restore`."""

    plan: str = parameter("The id of a plan; its store is used.", default="", one_of="what")
    store: str = parameter(
        "The store: s3://BUCKET/PREFIX, gs://, az:// or file:DIRECTORY.",
        default="",
        example="file:./backups-data",
        one_of="what",
    )
    name: str = parameter("The snapshot; the newest of this namespace by default.", default="")
    into: str = parameter("Another namespace, which must not exist yet.", default="")
    existing: Literal["fail", "skip", "update"] = parameter(
        "What to do with objects that exist and differ; `skip` also leaves their data alone.",
        default="fail",
    )
    volumes: Literal["by existing", "fail", "skip", "fill-empty", "overwrite"] = parameter(
        "What to do with claims that exist: `fail` (refuse unless they are empty), `skip` (leave "
        "their data), `fill-empty` (fill only empty ones), `overwrite` (replace their data). The "
        "default is `fail`; `skip` with `existing: skip`; `fill-empty` with `existing: update`.",
        default="by existing",
    )


def _mode(restore: Restore) -> VolumesMode:
    from resilience.backup.data.volume_decisions import BY_EXISTING

    if restore.volumes == "by existing":
        return BY_EXISTING[restore.existing]
    return restore.volumes


def _check(restore: Restore) -> Sequence[Complaint]:
    if restore.plan == "this":
        return (
            Complaint(
                field="plan",
                message="`this` is only allowed in the `given` of a plan",
                expected="its id",
            ),
        )
    return complaints(restore.plan, restore.store)


def _describe(restore: Restore) -> str:
    into = f" into {restore.into}" if restore.into else ""
    return (
        f"restore {restore.name or 'the newest snapshot'} of {restore.plan or restore.store}{into}"
    )


def run(restore: Restore, context: ActionContext) -> None:
    """Verify the snapshot, create its objects, fill volumes and load dumps; the step fails and
    lists everything that was not restored."""
    from resilience.backup.format.errors import BackupError

    target = restore.into or context.namespace
    try:
        snapshot = _verified(restore, context)
        if restore.into:
            _require_absent(target, context)
        report = _brought_back(restore, snapshot, target, context)
        if bad := [str(item) for item in report.bad]:
            raise ActionFailed(f"of {snapshot.name} {many(len(bad), 'object')} were not restored: "
                               f"{'; '.join(bad[:5])}")  # fmt: skip
        _mark(snapshot, target, context)
        _read_sentinel(restore, snapshot, target, context)
    except (BackupError, ClusterError) as problem:
        raise ActionFailed(f"it is not certain that anything was restored: {problem}") from problem
    context.affected(context.cluster.get(NAMESPACES, target), "was restored")
    context.proof(
        f"snapshot {snapshot.name} is restored in {target}: {report.counted}",
        {"snapshot": snapshot.name, "seconds": report.seconds, "volumes": report.volumes},
    )


def _verified(restore: Restore, context: ActionContext) -> Snapshot:
    from resilience.backup.catalog.velero_check import require_intact
    from resilience.backup.plans.keys import from_environment

    keys = from_environment(context.cluster, identity_files=context.identity_files)
    snapshot = _chosen(restore, context, keys)
    for warning in require_intact(snapshot):
        context.note(What.NOTE, warning)
    return snapshot


def _chosen(restore: Restore, context: ActionContext, keys: Keys) -> Snapshot:
    from resilience.backup.catalog.catalog import newest_of, opened
    from resilience.backup.plans.lifecycle import newest, plan_store
    from resilience.backup.store import open_store

    plan = context.plan(restore.plan) if restore.plan else None
    store = plan_store(plan) if plan else open_store(restore.store, base=context.directory)
    if restore.name:
        return opened(store, restore.name, keys.identities, trusted=keys.trusted)
    if plan:
        return newest(store, plan, keys)
    return newest_of(store, context.namespace, keys.identities, trusted=keys.trusted)


def _require_absent(name: str, context: ActionContext) -> None:
    try:
        context.cluster.get(NAMESPACES, name)
    except NotFound:
        return
    raise ActionFailed(
        f"namespace {name} already exists; set `into` to a new namespace, or remove it"
    )


def _brought_back(
    restore: Restore,
    snapshot: Snapshot,
    target: str,
    context: ActionContext,
    *,
    dry_run: bool = False,
) -> RestoreReport:
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.data.dumps import Dumps
    from resilience.backup.data.volumes import TarVolumes
    from resilience.backup.format.backup_clock import BorrowedClock
    from resilience.backup.objects.mapping import Targets
    from resilience.backup.objects.selection import Selection
    from resilience.backup.restore.restore import restore as bring_back
    from resilience.backup.restore.restore_request import RestoreRequest

    plan = context.plan(restore.plan) if restore.plan else None
    clock, exec_ = BorrowedClock(context.clock), ClusterExec(context.cluster)
    name = f"{context.run}-{context.step.path}".replace("[", "-").replace("]", "").lower()
    targets = Targets(namespaces={context.namespace: restore.into} if restore.into else {})
    volumes = TarVolumes(
        cluster=context.cluster, exec=exec_, clock=clock, name=name,
        mode=_mode(restore), image=plan.helper_image if plan else "",
    )  # fmt: skip
    if restore.into and not dry_run:
        context.will_undo({"namespace": target, "restore": name}, f"delete namespace {target}")
    request = RestoreRequest(
        name=name,
        selection=Selection(
            namespaces=_part(snapshot, context.namespace), cluster_scoped=not restore.into
        ),
        targets=targets,
        existing=restore.existing,
        dry_run=dry_run,
        volumes=volumes,
    )
    report = bring_back(request, snapshot, context.cluster, clock=clock)
    if dry_run:
        return report
    for line in (
        *report.volumes,
        *report.hooks,
        *report.notes,
        *(str(item) for item in report.items if item.reason),
    ):
        context.note(What.NOTE, line)
    if report.complete:
        dumps = Dumps(cluster=context.cluster, exec=exec_, clock=clock)
        for line in dumps.load(snapshot, targets):
            context.note(What.NOTE, line)
    return report


def _part(snapshot: Snapshot, namespace: str) -> tuple[str, ...]:
    """The namespace to restore, where the snapshot holds several."""
    held = snapshot.manifest.namespaces if snapshot.manifest else ()
    return () if tuple(held) == (namespace,) else (namespace,)


def _read_sentinel(
    restore: Restore, snapshot: Snapshot, target: str, context: ActionContext
) -> None:
    """The sentinel that a plan's application received before the snapshot must be there now.
    Data that `skip` left alone may be newer than any snapshot, and is not checked."""
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.data.sentinel import SentinelPod
    from resilience.backup.format.backup_clock import BorrowedClock

    plan, held = context.plan(restore.plan) if restore.plan else None, snapshot.manifest
    if not (plan and plan.sentinel and held) or _mode(restore) == "skip":
        return
    if context.namespace in held.sentinels:
        clock = BorrowedClock(context.clock)
        SentinelPod(
            sentinel=plan.sentinel, cluster=context.cluster, exec=ClusterExec(context.cluster),
            clock=clock, namespace=target,
            within=max(0.0, context.deadline - context.clock.monotonic()),
        ).require(snapshot.name)  # fmt: skip
        context.note(What.NOTE, f"the application returns the sentinel of {snapshot.name}")


def _mark(snapshot: Snapshot, target: str, context: ActionContext) -> None:
    """Annotations for `matches_snapshot`; they are removed at the end."""
    from resilience.backup.drills.scratch import SNAPSHOT, SOURCE, STORE

    marks = {SNAPSHOT: snapshot.name, SOURCE: context.namespace, STORE: snapshot.store.url}
    if target != context.namespace:  # the namespace is deleted, and its annotations with it
        context.cluster.patch(NAMESPACES, target, {"metadata": {"annotations": marks}})
        return
    reverting.change(
        context, NAMESPACES, context.cluster.get(NAMESPACES, target),
        lambda now: now["metadata"].setdefault("annotations", {}).update(marks),
        f"remove the annotations of the restore from namespace {target}",
    )  # fmt: skip


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Delete the namespace that this restore created, or remove its annotations from an existing
    one."""
    from resilience.backup.objects.rules import RESTORE

    if "fields" in data:
        reverting.undo(data, context)
        return
    name = str(data["namespace"])
    try:
        found = context.cluster.get(NAMESPACES, name)
        if objects.annotation(found, RESTORE) != data["restore"]:
            return
        others = [] if context.force else namespace_users.of(context.cluster, found)
        if others:
            raise ChangedSince(
                f"namespace {name} contains objects that this run did not create, so it is not "
                f"deleted: {', '.join(others)}"
            )
        if not objects.is_terminating(found):
            context.cluster.delete(NAMESPACES, name, uid=objects.uid(found))
    except (NotFound, Conflict):  # the namespace is gone, or another one has its name now
        return
    wait_until_gone(NAMESPACES, found, context)


def rehearse(restore: Restore, context: ActionContext) -> None:
    """Verify the snapshot, and send every object in it to the API server as a dry run."""
    from resilience.backup.format.errors import BackupError

    target = restore.into or context.namespace
    try:
        snapshot = _verified(restore, context)
        report = _brought_back(restore, snapshot, target, context, dry_run=True)
    except (BackupError, ClusterError) as problem:
        raise ActionFailed(f"nothing would be restored: {problem}") from problem
    context.note(What.NOTE, f"of snapshot {snapshot.name}: {report.counted}")


def _rights(restore: Restore, namespace: str) -> Sequence[Right]:
    target = restore.into or namespace
    return [
        *(Right(verb=verb, group="*", resource="*", namespace=target)
          for verb in ("get", "list", "create", "patch")),
        Right(verb="delete", group="", resource="pods", namespace=target),
        # Sent with dryRun if the kind exists. RBAC cannot restrict a creation to a name.
        Right(verb="create", group="", resource="namespaces"),
        *(Right(verb=verb, group="", resource="namespaces", name=target)
          for verb in ("get", "patch", *(("delete",) if restore.into else ()))),
    ]  # fmt: skip


def _touches(restore: Restore, namespace: str) -> Reach:
    more = (
        frozenset[str]() if restore.into else ANY
    )  # the objects that it refers to and that are missing
    return Reach(namespaces=frozenset({restore.into or namespace}), cluster_scoped=more)


VERB = Verb(
    name="restore",
    family=Family.ACTION,
    summary="Restore a namespace from a snapshot.",
    parameters=Restore,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    shorthand="plan",
    check=_check,
    rights=_rights,
    touches=_touches,
    creates=lambda restore, namespace: [restore.into] if restore.into else [],
    undo=undo,
    undo_text="A namespace that `into` created is deleted.",
    residue=Residue.NAMED,
    residue_text="restored objects stay in their namespace",
    proof="what became of each object, and of each volume's data",
    example="restore: {store: file:./backups-data, existing: skip}",
)
