"""What the parsers of `resilience.commands.backup_parsers` name: one function an action.

Each returns an exit code: 0 done, 1 something is wrong (said on stderr). Errors of the library
reach the user as one line.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.backup import texts
from resilience.backup.catalog import Snapshot, held_by_velero, opened, snapshots
from resilience.backup.clock import SystemClock
from resilience.backup.compare import between, with_cluster
from resilience.backup.data import Inside, with_data
from resilience.backup.errors import BackupError, BadRequest
from resilience.backup.keys import signer
from resilience.backup.layout import stamped_name
from resilience.backup.local_layer import LocalLayer
from resilience.backup.mapping import Targets
from resilience.backup.outcome import DRY, RestoreReport
from resilience.backup.plans import Keys, copy, due, plan_store, prune, run_due, scope
from resilience.backup.restore import RestoreRequest, restore, unadjusted
from resilience.backup.scope import Scope
from resilience.backup.snapshot import Request, create
from resilience.backup.store import open_store
from resilience.backup.verify import record, verify
from resilience.cluster.interface import Cluster
from resilience.commands import CommandError
from resilience.model.inside import Volumes
from resilience.model.scenario import Plan

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

CLOCK = SystemClock()


def carry_out(name: str, options: argparse.Namespace) -> int:
    """Run an action; what the library has to say becomes the command's one line."""
    try:
        return ACTS[name](options)
    except BackupError as problem:
        raise CommandError(str(problem)) from problem


def _plan(path: str) -> Plan:
    from resilience.catalogue import catalogue
    from resilience.language import load

    loaded = load(Path(path), None, catalogue(), os.environ)
    if loaded.problems:
        raise CommandError("\n".join(map(str, loaded.problems)))
    if len(loaded.plans) != 1:
        raise BadRequest(f"{path} holds {len(loaded.plans)} plans; expected one")
    return loaded.plans[0]


@contextmanager
def _cluster(options: argparse.Namespace) -> Iterator[HttpCluster]:
    from resilience.cluster import open_context

    named = options.context or options.kubeconfig or os.environ.get("KUBECONFIG")
    if not named and os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise BadRequest("we run inside a cluster; name it with --context in-cluster")
    with open_context(options.context, options.kubeconfig) as cluster:
        yield cluster


def keys(options: argparse.Namespace, cluster: Cluster | None = None) -> Keys:
    """From the options and the environment. `cluster` is where a Secret that is named is read; what
    reads snapshots only signs nothing."""
    from resilience.backup import encrypt

    named = getattr(options, "signing_key", None) or ""
    return Keys(
        signer=signer(named, cluster) if cluster else None,
        trusted=options.trusted_key,
        recipients=tuple(getattr(options, "recipient", ())),
        identities=tuple(encrypt.identity(Path(each).read_text()) for each in options.identity),
    )


def _create(options: argparse.Namespace) -> int:
    if bool(options.plan) == bool(options.namespace):
        raise BadRequest("name either a plan file or --namespace with --store")
    plan = _plan(options.plan) if options.plan else None
    if not plan and not options.store:
        raise BadRequest("--namespace needs --store")
    store = plan_store(plan, options.store) if plan else open_store(options.store)
    with _cluster(options) as cluster:
        given = keys(options, cluster)
        extend = _with_data(cluster, _inside(options, plan))
        manifest = create(extend(_requested(options, plan, given)), cluster, store, clock=CLOCK)
    snapshot = opened(store, manifest.name, given.identities)
    record(snapshot, verify(snapshot, trusted=given.trusted), CLOCK.now())
    print(texts.made(manifest))
    return 0


def _requested(options: argparse.Namespace, plan: Plan | None, given: Keys) -> Request:
    base = plan.id if plan else options.namespace[0].strip("*?") or "all"
    now = CLOCK.now()
    return Request(
        name=options.name or stamped_name(base, now),
        plan=plan.id if plan else "",
        scope=_narrowed(options, scope(plan) if plan else Scope(namespaces=(*options.namespace,))),
        signer=given.signer,
        recipients=given.recipients or (plan.recipients if plan else ()),
        retain_until=now + timedelta(days=options.lock_days) if options.lock_days else None,
    )


def _narrowed(options: argparse.Namespace, base: Scope) -> Scope:
    """What the options say on top of the plan."""
    return replace(
        base,
        kinds=(*options.include,) or base.kinds,
        exclude_kinds=(*base.exclude_kinds, *options.exclude),
        labels=options.labels or base.labels,
        accept=(*base.accept, *options.accept),
        cluster=options.cluster_scoped or base.cluster,
    )


def _inside(options: argparse.Namespace, plan: Plan | None) -> Inside:
    inside = Inside.of(plan) if plan else Inside()
    volumes = inside.volumes or (Volumes() if options.volumes else None)
    if options.volumes_from:
        volumes = replace(volumes or Volumes(), from_=options.volumes_from)
    return replace(inside, volumes=volumes, engine=options.engine or inside.engine)


def _with_data(cluster: HttpCluster, inside: Inside) -> Callable[[Request], Request]:
    """Hooks of the Pods' own annotations, and volumes where they are asked for."""
    from resilience.backup.stream import ClusterExec

    exec_ = ClusterExec(cluster)
    return lambda request: with_data(
        request, cluster, exec_, clock=CLOCK, inside=inside, tell=_warn
    )


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _list(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    rows = [texts.row(Snapshot(store, each)) for each in snapshots(store)]
    print(texts.as_json(rows) if options.json else texts.table(rows, CLOCK.now()))
    return 0


def _show(options: argparse.Namespace) -> int:
    snapshot = opened(open_store(options.store), options.name)
    if options.json and snapshot.manifest:
        print(snapshot.manifest.encoded().decode(), end="")
    else:
        print(texts.shown(snapshot))
    return 0


def _verify(options: argparse.Namespace) -> int:
    given = keys(options)
    snapshot = opened(open_store(options.store), options.name, given.identities)
    if not snapshot.listed.ours:
        raise BadRequest(
            f"{snapshot.name} was written by Velero, which keeps no hashes: there is "
            "nothing to verify against"
        )
    found = verify(snapshot, trusted=given.trusted)
    found.require()
    if not options.no_record:
        record(snapshot, found, CLOCK.now())
    signed = f"signed by {found.signed_by}" if found.signed_by else "not signed"
    print(
        f"{snapshot.name} is what was written: {found.objects} objects, "
        f"{texts.size(found.bytes)}, {signed}"
    )
    return 0


def _diff(options: argparse.Namespace) -> int:
    store, given = open_store(options.store), keys(options)
    was = opened(store, options.was, given.identities)
    if options.now:
        found = between(was, opened(store, options.now, given.identities))
    else:
        with _cluster(options) as cluster:
            found = with_cluster(was, cluster, targets=Targets(), rewrites=unadjusted)
    for change in found:
        print(change)
    count = "1 object differs" if len(found) == 1 else f"{len(found)} objects differ"
    print(count if found else "nothing differs")
    return 0


def _prune(options: argparse.Namespace) -> int:
    for path in options.plan:
        plan = _plan(path)
        told = prune(plan, plan_store(plan, options.store), clock=CLOCK, dry_run=options.dry_run)
        _say(told or [f"{plan.id}: nothing to delete"])
    return 0


def _due(options: argparse.Namespace) -> int:
    for path in options.plan:
        plan = _plan(path)
        fire = due(plan, plan_store(plan, options.store), CLOCK.now())
        print(f"{plan.id}: " + (f"due since {fire:%Y-%m-%d %H:%M} UTC" if fire else "nothing due"))
    return 0


def _run(options: argparse.Namespace) -> int:
    """All plans are tried; one that fails does not keep the others from being made."""
    failed = 0
    with _cluster(options) as cluster:
        given = keys(options, cluster)
        for path in options.plan:
            plan = _plan(path)
            store = plan_store(plan, options.store)
            try:
                report = run_due(
                    plan,
                    cluster,
                    store,
                    clock=CLOCK,
                    keys=given,
                    holder=_holder(),
                    extend=_with_data(cluster, Inside.of(plan)),
                )
            except BackupError as problem:
                print(f"error: {plan.id}: {problem}", file=sys.stderr)
                failed = 1
                continue
            _say([texts.made(report.made)] if report.made else [f"{plan.id}: nothing due"])
            _say(report.pruned)
    return failed


def _holder() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _copy(options: argparse.Namespace) -> int:
    total = copy(open_store(options.store), open_store(options.to), options.name, clock=CLOCK)
    print(f"{options.name}: {texts.size(total)} copied to {options.to}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    given = keys(options)
    snapshot = opened(open_store(options.store), options.name, given.identities)
    if snapshot.listed.ours and not options.unverified:
        verify(snapshot, trusted=given.trusted).require()
    namespaces = _namespaces(snapshot, options.into)
    targets = Targets(namespaces=namespaces, storage_classes=_pairs(options.map_storage_class))
    request = RestoreRequest(
        name=options.resume or stamped_name(snapshot.name[:200], CLOCK.now()),
        targets=targets,
        existing=options.existing,
        workers=options.workers,
        dry_run=options.dry_run,
        ask_first=not options.resume,
        cluster_scoped=not options.without_cluster_scoped,
    )
    with _cluster(options) as cluster:
        _require_consent(cluster, options, snapshot, targets)
        if options.local:
            request = replace(request, adjust=LocalLayer(snapshot, targets, cluster))
        report = restore(_filling(request, cluster), snapshot, cluster, clock=CLOCK)
        loaded = _loaded(report, snapshot, targets, cluster)
    print(texts.restored(report))
    _say(loaded)
    if report.complete:
        return 0
    _say([str(item) for item in report.bad], sys.stderr)
    return 1


def _loaded(
    report: RestoreReport, snapshot: Snapshot, targets: Targets, cluster: HttpCluster
) -> list[str]:
    """The application's own dumps, once its Pods are ready."""
    from resilience.backup.dumps import Dumps
    from resilience.backup.stream import ClusterExec

    if not report.complete or any(each in DRY for each in report.counts):
        return []
    return Dumps(cluster=cluster, exec=ClusterExec(cluster), clock=CLOCK).load(snapshot, targets)


def _filling(request: RestoreRequest, cluster: HttpCluster) -> RestoreRequest:
    """Volumes are filled before anything mounts them."""
    from resilience.backup.stream import ClusterExec
    from resilience.backup.volumes import TarVolumes

    tar = TarVolumes(
        cluster=cluster,
        exec=ClusterExec(cluster),
        clock=CLOCK,
        name=request.name,
        keep_existing=request.existing == "skip",
    )
    return replace(request, fill=tar.fill)


def _require_consent(
    cluster: Cluster, options: argparse.Namespace, snapshot: Snapshot, targets: Targets
) -> None:
    """A restore by hand changes a real cluster like any scenario: what it touches must consent."""
    from resilience.context import Refused
    from resilience.engine.guard import consent
    from resilience.targets import BadTarget, load

    if options.dry_run or cluster.is_sandbox:
        return
    names = snapshot.manifest.namespaces if snapshot.manifest else held_by_velero(snapshot)
    try:
        consent(cluster, load(Path.cwd()), sorted(map(targets.namespace, names)))
    except (Refused, BadTarget) as problem:
        raise BadRequest(f"{problem}; nothing was restored") from problem


def _namespaces(snapshot: Snapshot, into: str) -> Mapping[str, str]:
    if not into:
        return {}
    if "=" in into:
        return _pairs(into.split(","))
    held = snapshot.manifest.namespaces if snapshot.manifest else ()
    if len(held) != 1:
        raise BadRequest(
            f"snapshot {snapshot.name} holds {len(held)} namespaces; write --into OLD=NEW,OLD=NEW"
        )
    return {held[0]: into}


def _pairs(texts_: Iterable[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts_]
    for old, equals, new in pairs:
        if not (old and equals and new):
            raise BadRequest(f"{old}{equals}{new}: expected OLD=NEW")
    return {old: new for old, _, new in pairs}


def _runbook(options: argparse.Namespace) -> int:
    plan = _plan(options.plan)
    print(texts.runbook(plan, plan_store(plan).url))
    return 0


def _say(lines: Iterable[str], stream: Any = None) -> None:
    for line in lines:
        print(line, file=stream or sys.stdout)


ACTS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "create": _create,
    "list": _list,
    "show": _show,
    "verify": _verify,
    "diff": _diff,
    "prune": _prune,
    "due": _due,
    "run": _run,
    "copy": _copy,
    "restore": _restore,
    "runbook": _runbook,
}
