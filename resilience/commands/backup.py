"""The functions that `resilience.commands.backup_parsers` refers to, one per action.

Each returns an exit code: 0 for done, 1 for a problem (described on stderr). Errors of the library
reach the user as one line.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.backup.catalog.catalog import Snapshot, opened, snapshots
from resilience.backup.catalog.hidden_snapshots import hidden_snapshots, undelete
from resilience.backup.catalog.velero_check import check
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import Verified, record
from resilience.backup.data.external_data import swept
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import BackupError, BadRequest, Busy, StoreError
from resilience.backup.format.layout import stamped_name
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans import cli_output
from resilience.backup.plans.enough import untaken
from resilience.backup.plans.lifecycle import (
    UNFINISHED_FOR,
    Keys,
    RunReport,
    copy,
    due,
    plan_store,
    prune,
    remove,
    run_due,
    scope,
)
from resilience.backup.plans.naming import under_free_name
from resilience.backup.plans.runbook import runbook
from resilience.backup.plans.volume_diff import volume_changes, volumes_not_compared
from resilience.backup.proof.compare import added, between, differing, with_cluster
from resilience.backup.store import Store, open_store
from resilience.backup.take.data_request import Inside, acted_in, with_data
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create, volume_warnings
from resilience.commands import CommandError
from resilience.commands.admission import admitted
from resilience.commands.backup_means import cluster_of, existing, keys, plan_in
from resilience.commands.backup_restore import bring_back
from resilience.commands.saying import say, warn
from resilience.commands.store_names import located
from resilience.model.inside import Volumes
from resilience.model.masks import shown
from resilience.model.scenario import Plan
from resilience.model.step_reach import Reach
from resilience.model.words import many

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

CLOCK = SystemClock()


def carry_out(name: str, options: argparse.Namespace) -> int:
    """Run an action; an error of the library becomes the command's one line."""
    try:
        if hasattr(options, "store"):
            options.store = located(options.store, required=name not in _OWN_STORE)
        return ACTS[name](options)
    except BackupError as problem:
        raise CommandError(str(problem)) from problem


def _create(options: argparse.Namespace) -> int:
    if bool(options.plan) == bool(options.namespace):
        raise BadRequest("name either a plan file or --namespace with --store")
    plan = plan_in(options.plan) if options.plan else None
    if not plan and not options.store:
        raise BadRequest("--namespace needs --store")
    store = plan_store(plan, options.store) if plan else open_store(options.store)
    inside = _inside(options, plan)
    with _acting(options, _scope(options, plan), inside) as cluster:
        given = keys(options, cluster)
        extend = _with_data(cluster, inside)

        def make(name: str) -> Manifest:
            request = extend(_requested(name, options, plan, given))
            return create(request, cluster, store, clock=CLOCK)

        base = plan.id if plan else options.namespace[0].strip("*?") or "all"
        stamped = stamped_name(base, CLOCK.now())
        manifest = make(options.name) if options.name else under_free_name(store, stamped, make)
    snapshot = opened(store, manifest.name, given.identities, trusted=given.trusted)
    record(snapshot, verify(snapshot), CLOCK.now())
    say(cli_output.made(manifest))
    if text := untaken(manifest):
        warn(f"warning: {text}")
    for warning in volume_warnings(manifest.volumes):
        _warn(warning)
    return 0


def _requested(name: str, options: argparse.Namespace, plan: Plan | None, given: Keys) -> Request:
    now = CLOCK.now()
    return Request(
        name=name,
        plan=plan.id if plan else "",
        scope=_scope(options, plan),
        signer=given.signer,
        recipients=given.recipients or (plan.recipients if plan else ()),
        retain_until=now + timedelta(days=options.lock_days) if options.lock_days else None,
    )


def _scope(options: argparse.Namespace, plan: Plan | None) -> Scope:
    """Options that override the plan."""
    base = scope(plan) if plan else Scope(namespaces=(*options.namespace,))
    return replace(
        base,
        kinds=(*options.include,) or base.kinds,
        exclude_kinds=(*base.exclude_kinds, *options.exclude),
        labels=options.labels or base.labels,
        accept=(*base.accept, *options.accept),
        cluster=options.cluster_scoped or base.cluster,
    )


@contextmanager
def _acting(options: argparse.Namespace, wanted: Scope, inside: Inside) -> Iterator[HttpCluster]:
    """The cluster; commands write through it where consent and a lock cover that."""
    with cluster_of(options) as cluster, _allowed(cluster, wanted, inside) as allowed:
        yield allowed


def _allowed(
    cluster: HttpCluster, wanted: Scope, inside: Inside
) -> AbstractContextManager[HttpCluster]:
    reach = Reach(namespaces=acted_in(cluster, wanted, inside))
    return admitted(cluster, reach, "resilience backup")


def _inside(options: argparse.Namespace, plan: Plan | None) -> Inside:
    inside = Inside.of(plan) if plan else Inside()
    volumes = inside.volumes or (Volumes() if options.volumes else None)
    if options.volumes_from:
        volumes = replace(volumes or Volumes(), from_=options.volumes_from)
    return replace(inside, volumes=volumes, engine=options.engine or inside.engine)


def _with_data(cluster: HttpCluster, inside: Inside) -> Callable[[Request], Request]:
    """Hooks from the Pods' annotations, and volumes where they are included."""
    from resilience.backup.data.container_stream import ClusterExec

    exec_ = ClusterExec(cluster)
    return lambda request: with_data(
        request, cluster, exec_, clock=CLOCK, inside=inside, tell=_warn
    )


def _warn(text: str) -> None:
    warn(f"warning: {text}")


def _list(options: argparse.Namespace) -> int:
    """A snapshot that cannot be read gets a row as well, and sets exit code 1."""
    store = existing(options.store)
    rows = [cli_output.row(Snapshot(store, each)) for each in snapshots(store)]
    say(cli_output.overview(rows, CLOCK.now(), "json" if options.json else options.output))
    warn(f"error: {each.damage}" for each in rows if each.damage)
    warn(f"warning: {each}" for each in hidden_snapshots(store) if each.until)
    return 1 if any(each.damage for each in rows) else 0


def _show(options: argparse.Namespace) -> int:
    snapshot = opened(existing(options.store), options.name)
    if options.json and snapshot.manifest:
        say(snapshot.manifest.encoded().decode().rstrip("\n"))
    else:
        say(cli_output.shown(snapshot))
    return 0


def _verify(options: argparse.Namespace) -> int:
    given = keys(options)
    store = existing(options.store)
    snapshot = opened(store, options.name, given.identities, trusted=given.trusted)
    if snapshot.manifest is None:
        return _check_velero(snapshot, options)
    found = verify(snapshot)
    found.require()
    say(cli_output.verified(found))
    return _recorded(snapshot, found, options)


def _check_velero(snapshot: Snapshot, options: argparse.Namespace) -> int:
    """Velero keeps no hashes: the archive is checked against its phase and its resource list.
    The record keeps the archive's hash for the next time.
    """
    found = check(snapshot)
    found.require()
    warn(f"warning: {each}" for each in found.warnings)
    say(cli_output.checked(found))
    return _recorded(snapshot, found, options, found.archive)


def _recorded(
    snapshot: Snapshot, found: Verified, options: argparse.Namespace, archive: str = ""
) -> int:
    """`fresh` goes by the record; without permission to write one, the answer is still given."""
    if options.no_record:
        return 0
    try:
        record(snapshot, found, CLOCK.now(), archive=archive)
    except StoreError as problem:
        raise CommandError(
            f"this verification could not be recorded: {problem}; --no-record does not try"
        ) from None
    return 0


def _diff(options: argparse.Namespace) -> int:
    store, given = existing(options.store), keys(options)
    was = opened(store, options.was, given.identities, trusted=given.trusted)
    if options.now:
        now = opened(store, options.now, given.identities, trusted=given.trusted)
        found, about_volumes = between(was, now), volume_changes(was, now)
    else:
        with cluster_of(options) as cluster:
            found = with_cluster(was, cluster).changes
            if not options.recorded_only:
                found += added(was, cluster, _own_names(was))
        about_volumes = volumes_not_compared(was)
    if options.json:
        say(cli_output.changes_as_json(found, about_volumes))
    else:
        say(map(str, found))
        say(about_volumes, None if options.now else sys.stderr)
        differs = found or (options.now and about_volumes)
        say(differing(len(found)) if differs else "nothing differs")
    return 1 if found or (options.now and about_volumes) else 0


def _own_names(snapshot: Snapshot) -> dict[str, str]:
    return {name: name for name in snapshot.manifest.namespaces} if snapshot.manifest else {}


def _undelete(options: argparse.Namespace) -> int:
    count = undelete(existing(options.store), options.name)
    say(f"{options.name}: visible again, {many(count, 'file')}; verify it before you use it")
    return 0


def _prune(options: argparse.Namespace) -> int:
    """What cannot be read is kept and reported, and sets exit code 1."""
    failed = 0
    for path in options.plan:
        plan = plan_in(path)
        store = plan_store(plan, options.store)
        done = prune(plan, store, clock=CLOCK, dry_run=options.dry_run)
        say(done.lines or [f"{plan.id}: nothing to delete"])
        failed |= done.damaged
    return int(failed)


def _due(options: argparse.Namespace) -> int:
    for path in options.plan:
        plan = plan_in(path)
        fire = due(plan, plan_store(plan, options.store), CLOCK.now())
        say(f"{plan.id}: " + (f"due since {fire:%Y-%m-%d %H:%M} UTC" if fire else "nothing due"))
    return 0


def _run(options: argparse.Namespace) -> int:
    """All plans are tried; a failure of one does not stop the others."""
    failed = 0
    with cluster_of(options) as cluster:
        given = keys(options, cluster)
        for path in options.plan:
            plan = plan_in(path)
            store = plan_store(plan, options.store)
            try:
                report = _made_if_due(plan, cluster, store, given)
            except Busy as problem:  # another process takes it at this moment
                say(f"{plan.id}: left to another run: {problem}")
                continue
            except (BackupError, CommandError) as problem:
                warn(f"error: {plan.id}: {problem}")
                failed = 1
                continue
            say([cli_output.made(report.made)] if report.made else [f"{plan.id}: nothing due"])
            if report.made and (text := untaken(report.made)) and not plan.without_volumes:
                warn(f"warning: {text}")
            say(report.pruned)
    return failed


def _made_if_due(plan: Plan, cluster: HttpCluster, store: Store, given: Keys) -> RunReport:
    if not due(plan, store, CLOCK.now()):
        return RunReport(plan.id)
    inside = Inside.of(plan)
    with _allowed(cluster, scope(plan), inside) as allowed:
        return run_due(
            plan,
            allowed,
            store,
            clock=CLOCK,
            keys=given,
            holder=_holder(),
            extend=_with_data(allowed, inside),
        )


def _holder() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _copy(options: argparse.Namespace) -> int:
    total = copy(existing(options.store), open_store(options.to), options.name, clock=CLOCK)
    say(f"{options.name}: {cli_output.size(total)} copied to {options.to}")
    return 0


def _runbook(options: argparse.Namespace) -> int:
    say(runbook(plan_in(options.plan), Path(options.plan), Path.cwd()))
    return 0


def _delete(options: argparse.Namespace) -> int:
    """Velero's snapshots are only deleted by Velero: it keeps data elsewhere that belongs to
    them.
    """
    store = existing(options.store)
    for name in options.name:
        found = opened(store, name)
        if not found.listed.ours and not found.listed.leftover:
            raise BadRequest(f"{name} is Velero's; delete it with `velero backup delete {name}`")
    if not options.dry_run and not options.confirm and not _confirmed(options.name, store.url):
        say("nothing was deleted")
        return 1
    done = {name: remove(store, name, options.dry_run) for name in options.name}
    say(f"{name}: {what}" for name, what in done.items())
    gone = [name for name, what in done.items() if what == "deleted"]
    say(swept(store, gone, CLOCK.now(), after=UNFINISHED_FOR, dry_run=options.dry_run))
    return int(any(what.startswith("kept") for what in done.values()))


def _confirmed(names: Sequence[str], url: str) -> bool:
    if not sys.stdin.isatty():
        raise BadRequest(
            f"{', '.join(names)} would be deleted from {url} for good; add --confirm to do it"
        )
    answer = input(shown(f"Delete {', '.join(names)} from {url} for good? [y/N] "))
    return answer.strip().lower() in ("y", "yes")


_OWN_STORE = frozenset({"create", "prune", "due", "run"})
"""Actions that take the store of their plan."""

ACTS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "create": _create,
    "list": _list,
    "show": _show,
    "verify": _verify,
    "diff": _diff,
    "prune": _prune,
    "delete": _delete,
    "undelete": _undelete,
    "due": _due,
    "run": _run,
    "copy": _copy,
    "restore": bring_back,
    "runbook": _runbook,
}
