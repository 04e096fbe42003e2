"""`resilience backup create`, `run` and `due`: taking snapshots, by hand and by schedule."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import BackupError, BadRequest, Busy, Exists
from resilience.backup.format.layout import stamped_name
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans import cli_data, cli_output
from resilience.backup.plans.enough import untaken
from resilience.backup.plans.lifecycle import Keys, RunReport, due, plan_store, run_due, scope
from resilience.backup.plans.naming import under_free_name
from resilience.backup.plans.own_snapshots import Here
from resilience.backup.plans.pruning import StartedOver
from resilience.backup.store import Store, open_store
from resilience.backup.take.continued import Shard, continued, create_saving, save_shard
from resilience.backup.take.data_request import Inside, acted_in, of_part, with_data
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, cluster_uid
from resilience.backup.take.snapshot_warnings import volume_warnings
from resilience.commands import CommandError
from resilience.commands.admission import admitted
from resilience.commands.backup_means import (
    cluster_of,
    failed_plan,
    keys,
    keys_read,
    plan_in,
    plans_in,
)
from resilience.commands.outputs import Answers, answer
from resilience.commands.saying import warn
from resilience.kube.clock import ahead, told
from resilience.model.inside import Volumes
from resilience.model.scenario import Plan
from resilience.model.step_reach import Reach
from resilience.model.words import many

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

CLOCK = SystemClock()
_MOST_SHARDS = 1000
_LOOK = 2.0


def by_hand(options: argparse.Namespace) -> int:
    _one_source(options)
    plan = plan_in(options.plan) if options.plan else None
    if not plan and not options.store:
        raise BadRequest("--namespace needs --store")
    store = plan_store(plan, options.store) if plan else open_store(options.store)
    inside = _inside(options, plan)
    keys_read(options)
    if options.shard and not _last_of_shards(options, plan, store, inside):
        return 0
    started_over = StartedOver(store)
    with _acting(options, _scope(options, plan), inside) as cluster:
        given = keys(options, cluster)
        _warn_of_clocks(cluster)
        extend = _with_data(cluster, inside)

        def make(name: str) -> Manifest:
            request = extend(_requested(name, options, plan, given))
            begun = options.continue_ or options.shard
            act = continued if begun else create_saving
            return act(request, cluster, store, clock=CLOCK, holder=_holder())

        manifest = _named(options, plan, store, make)
    if manifest is None:
        return 0
    snapshot = opened(store, manifest.name, given.identities, trusted=given.trusted)
    record(snapshot, verify(snapshot), CLOCK.now())
    answer(options.output, cli_data.made(manifest), lambda: cli_output.made(manifest))
    for line in started_over.lines(manifest.name):
        _warn(line)
    if text := untaken(manifest):
        warn(f"warning: {text}")
    for warning in volume_warnings(manifest.volumes):
        _warn(warning)
    return 0


def _named(
    options: argparse.Namespace, plan: Plan | None, store: Store, make: Callable[[str], Manifest]
) -> Manifest | None:
    """Made under the name that is given, or under a free one; None if another shard did it."""
    if options.shard:
        return _by_one_shard(options, store, make)
    if options.name:
        return make(options.name)
    base = plan.id if plan else options.namespace[0].strip("*?") or "all"
    return under_free_name(store, stamped_name(base, CLOCK.now()), make)


def _by_one_shard(
    options: argparse.Namespace, store: Store, make: Callable[[str], Manifest]
) -> Manifest | None:
    """Shards that end at the same moment all find the others done. One completes the snapshot; if
    it dies, its lock ends, and the next one does."""
    told = ""
    while True:
        try:
            return make(options.name)
        except Exists as problem:
            if not has_marker(store, options.name):
                raise
            _told_of_shard(options, _shard_of(options), str(problem))
            return None
        except Busy as problem:
            if not told:
                warn(told := f"waiting for another shard: {problem}")
            CLOCK.wait(_LOOK)


def _last_of_shards(
    options: argparse.Namespace, plan: Plan | None, store: Store, inside: Inside
) -> bool:
    """Save the volumes of a shard; whether the snapshot is now to be completed here."""
    shard = _shard_of(options)
    if not inside.volumes:
        raise BadRequest(
            "--shard divides the reading of volumes, and this snapshot takes none: add --volumes, "
            "or `volumes:` to the plan, or leave --shard out"
        )
    with cluster_of(options) as reading:
        scope = shard.scope(reading, _scope(options, plan))
        part = of_part(inside, reading, scope.namespaces)
    try:
        with _acting(options, scope, part) as cluster:
            asked = _requested(options.name, options, plan, keys(options, cluster))
            request = _with_data(cluster, part)(replace(asked, scope=scope))
            last = save_shard(request, shard, cluster, store, clock=CLOCK, holder=_holder())
    except Exists as problem:  # a Pod that is started again after its Job is done
        _told_of_shard(options, shard, str(problem))
        return False
    namespaces = many(len(scope.namespaces), "namespace")
    told = f"{options.name}: {shard} has saved the volumes of {namespaces}"
    if last:
        warn(f"{told}; all shards are done, and this one completes the snapshot")
        return True
    _told_of_shard(options, shard, told)
    return False


def _told_of_shard(options: argparse.Namespace, shard: Shard, text: str) -> None:
    answer(options.output, {"name": options.name, "shard": str(shard), "text": text}, lambda: text)


def _shard_of(options: argparse.Namespace) -> Shard:
    number, _, of = options.shard.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of) <= _MOST_SHARDS):
        raise BadRequest(
            f"--shard {options.shard}: expected NUMBER/SHARDS with numbers from 0, for example "
            f"0/8 to 7/8, and at most {_MOST_SHARDS} shards"
        )
    if not options.name:
        raise BadRequest("--shard needs --name: all shards save volumes for one snapshot")
    return Shard(int(number), int(of))


def _one_source(options: argparse.Namespace) -> None:
    """Velero and kubectl have a name where a plan file is expected here."""
    absent = options.plan and not Path(options.plan).exists()
    if bool(options.plan) == bool(options.namespace):
        named = f"; to name the snapshot, use `--name {options.plan}`" if absent else ""
        raise BadRequest("give either a plan file or --namespace with --store" + named)
    if absent and not Path(options.plan).suffix:
        raise BadRequest(f"plan file {options.plan!r} does not exist; for a namespace, use"
                         f" `--namespace {options.plan}`")  # fmt: skip


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


def _warn_of_clocks(cluster: HttpCluster) -> None:
    """A snapshot is named and dated by this machine's clock."""
    if skew := ahead(cluster.now(), CLOCK.now().timestamp()):
        _warn(f"{told(skew)}. Snapshots are dated by this machine's")


def _warn(text: str) -> None:
    warn(f"warning: {text}")


def show_due(options: argparse.Namespace) -> int:
    """Print the snapshots that are due by each plan's schedule. A store that does not answer does
    not hide other plans."""
    (plans, failed), answers = plans_in(options.plan), Answers(options.output)
    for plan in plans:
        try:
            fire = due(plan, plan_store(plan, options.store), CLOCK.now())
        except BackupError as problem:
            failed = failed_plan(plan, problem, answers)
            continue
        since = f"due since {fire:%Y-%m-%d %H:%M} UTC" if fire else "nothing due"
        answers.add(
            {"plan": plan.id, "due": fire.isoformat() if fire else None}, f"{plan.id}: {since}"
        )
    answers.end()
    return failed


def by_schedule(options: argparse.Namespace) -> int:
    """All plans are tried; a failure of one does not stop the others."""
    (plans, failed), answers = plans_in(options.plan), Answers(options.output)
    keys_read(options)
    with cluster_of(options) as cluster:
        given = keys(options, cluster)
        _warn_of_clocks(cluster)
        for plan in plans:
            try:
                report = _made_if_due(plan, cluster, plan_store(plan, options.store), given)
            except Busy as problem:  # another process is taking this snapshot
                left = f"left to another run: {problem}"
                answers.add({"plan": plan.id, "left": left}, f"{plan.id}: {left}")
            except (BackupError, CommandError) as problem:
                failed = failed_plan(plan, problem, answers)
            else:
                answers.add(_report(report), _lines(report))
                for line in report.started_over:
                    _warn(line)
                _warn_of_untaken(plan, report)
    answers.end()
    return failed


def _report(report: RunReport) -> dict[str, Any]:
    made = cli_data.made(report.made) if report.made else None
    return {"plan": report.plan, "made": made, "pruned": report.pruned}


def _lines(report: RunReport) -> list[str]:
    first = cli_output.made(report.made) if report.made else f"{report.plan}: nothing due"
    return [first, *report.pruned]


def _warn_of_untaken(plan: Plan, report: RunReport) -> None:
    if report.made and (text := untaken(report.made)) and not plan.without_volumes:
        _warn(text)


def _made_if_due(plan: Plan, cluster: HttpCluster, store: Store, given: Keys) -> RunReport:
    here = Here(cluster=cluster_uid(cluster))  # another cluster's snapshot answers no run of this
    if not due(plan, store, CLOCK.now(), here):
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
