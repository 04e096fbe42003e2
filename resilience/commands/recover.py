"""`resilience recover`: undoes what a killed run left changed.

Reads the local journal and the journal in the cluster, which covers runners that no longer exist.

Without a context it uses the one that the journal names; the uid of kube-system decides whether
that is the same cluster, never the name. Changes on a sandbox ended with it. Helper Pods of backups
and restores that were killed are removed as well, and so are scratch namespaces of killed drills.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.backup.drills import scratch_leftovers
from resilience.backup.plans.helper_leftovers import Swept, sweep
from resilience.cluster.access.access import NoAccess
from resilience.commands import CommandError, settings
from resilience.commands.outputs import answer
from resilience.commands.saying import warn
from resilience.config.settings import Settings
from resilience.engine.journal.recover import Left, Recovered, left_behind, replay

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

AWAY = 300.0
"""Seconds to wait for an unreachable API server."""

LEFT = 20
"""Exit code when something could not be undone, as for a pytest run."""


def recover(options: argparse.Namespace) -> int:
    """0 when nothing is left; 20 when something could not be undone, or someone else has changed
    it since; 1 when a run was skipped because it is alive or belongs to another cluster.
    """
    given = settings(options)
    found: Sequence[Left] = left_behind(given.journal_directory)
    named = bool(given.context or given.kubeconfig)
    if not named or any(left.run == options.id for left in found):
        found = _wanted(found, options.id)
    found = [left for left in found if not _ended_with_its_sandbox(left)]
    if not found and not named:
        return _helpers_alone(given, options.output)
    runs = [options.id] if options.id else []
    if (options.force or options.forget) and not runs:
        raise CommandError("--force and --forget need a run: resilience recover RUN --force")
    try:
        return _replay(replace(given, context=_context(given, found)), runs, options)
    except NoAccess as error:
        if named or not found:
            raise
        told = "".join(f"\n  {left.text}" for left in found)
        raise CommandError(
            f"{error}\nnothing was undone yet; name the cluster of these runs"
            f" (--kubeconfig FILE, --context NAME):{told}"
        ) from None


def _helpers_alone(given: Settings, form: str) -> int:
    """No run left a journal here. A killed backup keeps none: its helper Pods, and the scratch
    namespaces of drills, are searched for on the backups' cluster, the one of KUBECONFIG.
    """
    from resilience.cluster import open_context
    from resilience.cluster.errors import ClusterError

    helpers = Swept()
    if os.environ.get("KUBECONFIG"):
        try:
            with open_context(given.context) as cluster:
                helpers = _swept(cluster)
        except (NoAccess, ClusterError) as problem:
            warn(f"leftovers of backups were not searched for: {problem}")
    _report((), helpers, form)
    return 1 if helpers.kept else 0


def _report(results: Sequence[Recovered], helpers: Swept, form: str) -> None:
    """Print the changes that were undone to stdout, the others to stderr."""
    data = {
        "runs": [
            {"run": each.run, "complete": each.complete, "undone": list(each.undone),
             "left": list(each.left), "kept": list(each.kept), "skipped": each.skipped}
            for each in results
        ],
        "helpers": {"removed": helpers.removed, "kept": helpers.kept},
    }  # fmt: skip
    done = [line for each in results if each.complete for line in each.lines]
    if not results and not helpers.removed and not helpers.kept:
        done = ["nothing is left to undo"]
    answer(form, data, lambda: [*done, *helpers.removed])
    warn(line for each in results if not each.complete for line in each.lines)
    warn(helpers.kept)


def _swept(cluster: HttpCluster) -> Swept:
    """Each namespace under its consent and lock."""
    from resilience.cluster.interface import VOLUMES
    from resilience.commands.admission import admitted
    from resilience.model.step_reach import Reach

    def allowed(namespace: str) -> AbstractContextManager[HttpCluster]:
        reach = Reach(namespaces=frozenset({namespace}), if_listed=frozenset({VOLUMES.full_name}))
        return admitted(cluster, reach, "resilience recover")

    swept = sweep(cluster, allowed, (CommandError,))
    scratch_leftovers.sweep(cluster, allowed, (CommandError,), swept)
    return swept


def _wanted(found: Sequence[Left], run: str | None) -> Sequence[Left]:
    if run is None:
        return found
    chosen = [left for left in found if left.run == run]
    if not chosen:
        known = ", ".join(left.run for left in found) or "none"
        raise CommandError(f"run {run!r} left nothing to undo; runs that did: {known}")
    return chosen


def _ended_with_its_sandbox(left: Left) -> bool:
    if not left.story.begin.get("ephemeral"):
        return False
    warn(f"run {left.run}: its sandbox ended with it; nothing is left")
    Path(left.path).unlink(missing_ok=True)
    return True


def _context(given: Settings, found: Sequence[Left]) -> str:
    if given.context or given.kubeconfig:
        return given.context
    named = sorted({str(left.story.begin.get("context", "")) for left in found})
    if len(named) > 1:
        raise CommandError(
            f"runs on several clusters left changes ({', '.join(named)}); use --context:\n"
            + "\n".join(f"  {left.text}" for left in found)
        )
    return named[0]


def _replay(given: Settings, runs: Sequence[str], options: argparse.Namespace) -> int:
    from resilience.cluster import open_context
    from resilience.cluster.connection.patience import patient
    from resilience.config import targets
    from resilience.engine.base.abort import Aborter
    from resilience.engine.base.real_clock import RealClock
    from resilience.engine.guard import consent
    from resilience.engine.journal import takeover
    from resilience.engine.journal.takeover import Place
    from resilience.verbs.catalogue import catalogue

    wait = patient(RealClock(), AWAY, lambda text: warn(text), writes=True)
    with open_context(given.context, given.kubeconfig) as opened:
        known = targets.load(given.root)
        patiently = opened.through(wait)
        cluster = patiently.equipped(consent.means(patiently, known, given.helper_image))
        directory = given.journal_directory
        results = replay(
            cluster, directory, catalogue(), clock=RealClock(), runs=runs,
            force=options.force, forget=options.forget,
        )  # fmt: skip
        place = Place(
            cluster=consent.books(cluster, given.journal_namespace),
            acting=consent.under_locks(cluster, known),
            namespace=given.journal_namespace,
            verbs=catalogue(),
            clock=RealClock(),
            aborter=Aborter(),
            directory=directory,
            force=options.force,
            forget=options.forget,
        )
        results += takeover.recover(place, wait=given.lock_wait, runs=runs)
        helpers = _swept(cluster) if not runs else Swept()
    _report(results, helpers, options.output)
    if any(result.left or result.kept for result in results):
        return LEFT
    if helpers.kept:
        return 1
    return 0 if all(result.complete for result in results) else 1
