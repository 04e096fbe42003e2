"""Shared by the backup commands: resolves the plan, cluster, store and keys that options name.

Anything missing or not allowed is one sentence of `BadRequest` or `CommandError`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.backup.format.errors import BackupError, BadRequest
from resilience.backup.plans.keys import SECRET, identities, recipients, signer, trusted
from resilience.backup.plans.lifecycle import Keys
from resilience.backup.store import Store, open_store
from resilience.backup.store.directory import DirectoryStore
from resilience.cluster.interface import Cluster
from resilience.commands import CommandError, settings
from resilience.commands.outputs import Answers
from resilience.commands.saying import warn
from resilience.model.scenario import Plan

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster


def plan_in(path: str) -> Plan:
    """The one plan of a file."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    loaded = load(Path(path), None, catalogue(), os.environ)
    if loaded.problems:
        raise CommandError("\n".join(map(str, loaded.problems)))
    if len(loaded.plans) != 1:
        raise BadRequest(_not_one_plan(path, len(loaded.plans)))
    return loaded.plans[0]


def _not_one_plan(path: str, plans: int) -> str:
    if plans:
        return f"{path} holds {plans} plans; expected one"
    return f"{path} holds a scenario and no plan; expected `plan: NAME`; to run it: pytest {path}"


def plans_in(paths: Sequence[str]) -> tuple[list[Plan], int]:
    """The plans of several files, and the exit code so far: 1 when a file could not be read, which
    is then reported and left out. `CommandError` when none can be read. Asks no cluster."""
    plans, problems = list[Plan](), list[str]()
    for path in paths:
        try:
            plans.append(plan_in(path))
        except (BackupError, CommandError) as problem:
            problems.append(str(problem))
    if not plans:
        raise CommandError("\n".join(problems))
    warn(f"error: {each}" for each in problems)
    return plans, int(bool(problems))


def failed_plan(plan: Plan, problem: Exception, answers: Answers) -> int:
    """Tell the failure of one of several plans; returns the exit code."""
    warn(f"error: {plan.id}: {problem}")
    answers.add({"plan": plan.id, "error": str(problem)}, ())
    return 1


AWAY = 10.0
"""Seconds in which a read waits for an API server that throttles, starts, or cannot be reached."""


@contextmanager
def cluster_of(options: argparse.Namespace) -> Iterator[HttpCluster]:
    """The cluster that the options name; a sandbox is never started for it."""
    from resilience.cluster import open_context
    from resilience.cluster.connection.patience import patient
    from resilience.config.targets import load
    from resilience.engine.base.real_clock import RealClock
    from resilience.engine.guard import consent

    named = options.context or options.kubeconfig or os.environ.get("KUBECONFIG")
    if not named and os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise BadRequest("this process runs inside a cluster; name it with --context in-cluster")
    wait = patient(RealClock(), AWAY, warn)
    with open_context(options.context, options.kubeconfig, around=wait) as cluster:
        given = settings(options)
        yield cluster.equipped(consent.means(cluster, load(given.root), given.helper_image))


def keys(options: argparse.Namespace, cluster: Cluster | None = None) -> Keys:
    """The keys that the options and the environment name. A Secret is read through `cluster`;
    commands that read snapshots have no use for the signing key.
    """
    named = getattr(options, "signing_key", None) or ""
    return Keys(
        signer=signer(named, cluster) if cluster else None,
        trusted=trusted(options.trusted_key),
        recipients=tuple(getattr(options, "recipient", ())) or recipients(),
        identities=tuple(identities(options.identity)),
    )


def keys_read(options: argparse.Namespace) -> None:
    """Read the key files that options name, before a cluster is opened."""
    named = options.signing_key or ""
    if not named.startswith(SECRET):
        signer(named, None, {})
    keys(options)


def existing(url: str) -> Store:
    """A store to read from: a directory that does not exist is a mistake, not an empty store."""
    store = open_store(url)
    if isinstance(store, DirectoryStore) and not store.root.is_dir():
        raise BadRequest(
            f"{url} does not exist, so it holds no snapshot: check the path and the "
            f"directory you are in, or make a snapshot with "
            f"`resilience backup create --store {url}`"
        )
    return store
