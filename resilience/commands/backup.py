"""The functions that `resilience.commands.parsers.backup_parsers` refers to, one per action.

Each returns an exit code: 0 for done, 1 for a problem (described on stderr). Errors of the library
reach the user as one line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from resilience.backup.format.errors import BackupError
from resilience.backup.plans.runbook import runbook
from resilience.commands import CommandError, backup_create, backup_keep, backup_look, progress
from resilience.commands.backup_means import plan_in
from resilience.commands.backup_restore import bring_back
from resilience.commands.saying import say
from resilience.commands.store_names import located


def carry_out(name: str, options: argparse.Namespace) -> int:
    """Run an action; an error of the library becomes the command's one line."""
    try:
        if hasattr(options, "store"):
            options.store = located(options.store, required=name not in _OWN_STORE)
        with progress.shown():
            return ACTS[name](options)
    except BackupError as problem:
        raise CommandError(str(problem)) from problem


def _runbook(options: argparse.Namespace) -> int:
    say(runbook(plan_in(options.plan), Path(options.plan), Path.cwd()))
    return 0


_OWN_STORE = frozenset({"create", "prune", "due", "run"})
"""Actions that take the store of their plan."""

ACTS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "create": backup_create.by_hand,
    "list": backup_look.show_all,
    "show": backup_look.show,
    "verify": backup_look.show_verified,
    "diff": backup_look.show_changes,
    "prune": backup_keep.by_retention,
    "delete": backup_keep.by_name,
    "undelete": backup_keep.show_again,
    "due": backup_create.show_due,
    "run": backup_create.by_schedule,
    "copy": backup_keep.to_other_store,
    "restore": bring_back,
    "runbook": _runbook,
}
