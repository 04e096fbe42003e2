"""`resilience backup prune`, `delete`, `undelete` and `copy`: what happens to snapshots later."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from resilience.backup.catalog.by_time import resolved
from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.hidden_snapshots import undelete
from resilience.backup.data.external_data import swept
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import BackupError, BadRequest
from resilience.backup.plans import cli_output
from resilience.backup.plans.copying import copy
from resilience.backup.plans.lifecycle import plan_store
from resilience.backup.plans.pruning import UNFINISHED_FOR, prune, remove_all, stays
from resilience.backup.store import open_store
from resilience.commands.backup_means import existing, failed_plan, plans_in
from resilience.commands.outputs import Answers, answer
from resilience.commands.saying import say
from resilience.commands.store_names import located
from resilience.model.masks import shown
from resilience.model.words import many

CLOCK = SystemClock()


def by_retention(options: argparse.Namespace) -> int:
    """Snapshots that cannot be read are kept and reported, and set exit code 1."""
    (plans, failed), answers = plans_in(options.plan), Answers(options.output)
    for plan in plans:
        try:
            store = plan_store(plan, options.store)
            done = prune(plan, store, clock=CLOCK, dry_run=options.dry_run)
        except BackupError as problem:
            failed = failed_plan(plan, problem, answers)
            continue
        data = {"plan": plan.id, "dryRun": options.dry_run, "done": done.lines}
        answers.add(data, done.lines or [f"{plan.id}: nothing to delete"])
        failed |= done.damaged or done.refused or done.failed
    answers.end()
    return int(failed)


def show_again(options: argparse.Namespace) -> int:
    """Remove S3's delete markers."""
    count, name = undelete(existing(options.store), options.name), options.name
    text = f"{name}: visible again, {many(count, 'file')}; verify it before you use it"
    answer(options.output, {"name": name, "files": count}, lambda: text)
    return 0


def to_other_store(options: argparse.Namespace) -> int:
    """`--to` accepts the same values as `--store`."""
    store, target = existing(options.store), located(options.to, required=True)
    name = resolved(store, options.name)
    total = copy(store, open_store(target), name, clock=CLOCK)
    text = f"{name}: {cli_output.size(total)} copied to {target}"
    answer(options.output, {"name": name, "to": target, "bytes": total}, lambda: text)
    return 0


def by_name(options: argparse.Namespace) -> int:
    """Velero's snapshots are only deleted by Velero: it keeps data elsewhere that belongs to
    them.
    """
    store = existing(options.store)
    for name in options.name:
        if (meant := resolved(store, name)) != name:
            raise BadRequest(
                f"{name!r} is not the name of a snapshot; it means {meant} now, and something else "
                f"after the next snapshot. Delete by name: resilience backup delete {meant}"
            )
        found = opened(store, name)
        if not found.listed.ours and not found.listed.leftover:
            raise BadRequest(f"{name} is Velero's; delete it with `velero backup delete {name}`")
    if not options.dry_run and not options.confirm and not _confirmed(options.name, store.url):
        say("nothing was deleted")
        return 1
    done = remove_all(store, options.name, options.dry_run)
    gone = [name for name, what in done.items() if what == "deleted"]
    more = swept(store, gone, CLOCK.now(), after=UNFINISHED_FOR, dry_run=options.dry_run)
    lines = [*(f"{name}: {what}" for name, what in done.items()), *more]
    answer(options.output, {"snapshots": done, "data": list(more)}, lambda: lines)
    return int(any(map(stays, done.values())))


def _confirmed(names: Sequence[str], url: str) -> bool:
    if not sys.stdin.isatty():
        raise BadRequest(
            f"{', '.join(names)} would be deleted from {url} permanently; add --confirm to do it"
        )
    answer = input(shown(f"Delete {', '.join(names)} from {url} permanently? [y/N] "))
    return answer.strip().lower() in ("y", "yes")
