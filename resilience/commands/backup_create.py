"""`resilience backup create`, `run` and `due`: taking snapshots, by hand and by schedule."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.format.errors import BackupError, BadRequest, Busy
from resilience.backup.format.layout import stamped_name
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans import cli_data, cli_output
from resilience.backup.plans.enough import untaken
from resilience.backup.plans.lifecycle import Keys, RunReport, due, plan_store, run_due, scope
from resilience.backup.plans.naming import under_free_name
from resilience.backup.plans.own_snapshots import Here
from resilience.backup.plans.pruning import StartedOver
from resilience.backup.store import Store, open_store
from resilience.backup.take.continued import continued, create_saving
from resilience.backup.take.data_request import Inside
from resilience.backup.take.snapshot import cluster_uid
from resilience.backup.take.snapshot_warnings import volume_warnings
from resilience.commands import CommandError
from resilience.commands.backup_means import (
    cluster_of,
    failed_plan,
    keys,
    keys_read,
    plan_in,
    plans_in,
)
from resilience.commands.backup_request import (
    CLOCK,
    acting,
    allowed_writes,
    caution,
    extending,
    holder,
    inside_of,
    requested,
    wanted_scope,
)
from resilience.commands.backup_shard import by_one_shard, last_of_shards
from resilience.commands.outputs import Answers, answer
from resilience.commands.saying import warn
from resilience.kube.clock import ahead, told
from resilience.model.scenario import Plan

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster


def by_hand(options: argparse.Namespace) -> int:
    _one_source(options)
    plan = plan_in(options.plan) if options.plan else None
    if not plan and not options.store:
        raise BadRequest("--namespace needs --store")
    store = plan_store(plan, options.store) if plan else open_store(options.store)
    inside = inside_of(options, plan)
    keys_read(options)
    if options.shard and not last_of_shards(options, plan, store, inside):
        return 0
    started_over = StartedOver(store)
    with acting(options, wanted_scope(options, plan), inside) as cluster:
        given = keys(options, cluster)
        _warn_of_clocks(cluster)
        extend = extending(cluster, inside)

        def make(name: str) -> Manifest:
            request = extend(requested(name, options, plan, given))
            begun = options.continue_ or options.shard
            act = continued if begun else create_saving
            return act(request, cluster, store, clock=CLOCK, holder=holder())

        manifest = _named(options, plan, store, make)
    if manifest is None:
        return 0
    snapshot = opened(store, manifest.name, given.identities, trusted=given.trusted)
    record(snapshot, verify(snapshot), CLOCK.now())
    answer(options.output, cli_data.made(manifest), lambda: cli_output.made(manifest))
    for line in started_over.lines(manifest.name):
        caution(line)
    if text := untaken(manifest):
        warn(f"warning: {text}")
    told = volume_warnings(manifest.volumes)
    for warning in told:
        caution(warning)
    if more := [each for each in manifest.warnings if each not in told]:
        caution(more[0] if len(more) == 1 else _counted(more, manifest.name))
    return 0


def _counted(warnings: Sequence[str], name: str) -> str:
    return f"{warnings[0]}; `resilience backup show {name}` lists {len(warnings) - 1} more"


def _named(
    options: argparse.Namespace, plan: Plan | None, store: Store, make: Callable[[str], Manifest]
) -> Manifest | None:
    """Made under the name that is given, or under a free one; None if another shard did it."""
    if options.shard:
        return by_one_shard(options, store, make)
    if options.name:
        return make(options.name)
    base = plan.id if plan else options.namespace[0].strip("*?") or "all"
    return under_free_name(store, stamped_name(base, CLOCK.now()), make)


def _one_source(options: argparse.Namespace) -> None:
    """Velero and kubectl have a name where a plan file is expected here."""
    absent = options.plan and not Path(options.plan).exists()
    if bool(options.plan) == bool(options.namespace):
        named = f"; to name the snapshot, use `--name {options.plan}`" if absent else ""
        raise BadRequest("give either a plan file or --namespace with --store" + named)
    if absent and not Path(options.plan).suffix:
        raise BadRequest(f"plan file {options.plan!r} does not exist; for a namespace, use"
                         f" `--namespace {options.plan}`")  # fmt: skip


def _warn_of_clocks(cluster: HttpCluster) -> None:
    """A snapshot is named and dated by this machine's clock."""
    if skew := ahead(cluster.now(), CLOCK.now().timestamp()):
        caution(f"{told(skew)}. Snapshots are dated by this machine's")


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
                    caution(line)
                _warn_of_untaken(plan, report)
                failed |= report.failed
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
        caution(text)


def _made_if_due(plan: Plan, cluster: HttpCluster, store: Store, given: Keys) -> RunReport:
    here = Here(cluster=cluster_uid(cluster))  # another cluster's snapshot answers no run of this
    if not due(plan, store, CLOCK.now(), here):
        return RunReport(plan.id)
    inside = Inside.of(plan)
    with allowed_writes(cluster, scope(plan), inside) as allowed:
        return run_due(
            plan,
            allowed,
            store,
            clock=CLOCK,
            keys=given,
            holder=holder(),
            extend=extending(allowed, inside),
        )
