"""Admits a command to a cluster: obtains consent, and holds locks while a block runs.

The rules are those of a run: by target or by label, for every namespace; on a real cluster under
the Leases that scenarios take, so that a restore and a scenario never overlap. A dry run needs
consent and takes no locks. A read-only command needs neither, and gets a read-only cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.commands import CommandError
from resilience.commands.saying import warn
from resilience.model.step_reach import Reach
from resilience.verbs.context import Refused

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.guard.consent import Consent


@contextmanager
def admitted(
    cluster: HttpCluster, reach: Reach, title: str, *, dry_run: bool = False
) -> Iterator[HttpCluster]:
    """The cluster through which the command may act. Raises CommandError when consent or a lock is
    missing; then nothing was changed.
    """
    from resilience.config.root import project_root
    from resilience.config.targets import BadTarget, load
    from resilience.engine.guard.consent import consent_to

    try:
        agreed = consent_to(cluster, load(project_root(Path.cwd())), reach)
    except (Refused, BadTarget) as problem:
        raise CommandError(f"{problem}\n{title}: nothing was touched") from problem
    if agreed.free or dry_run or not agreed.reach:
        yield agreed.given_to(cluster, title)
        return
    with _locked(cluster, agreed, title) as allowed:
        yield allowed


@contextmanager
def _locked(cluster: HttpCluster, agreed: Consent, title: str) -> Iterator[HttpCluster]:
    from resilience.cluster.connection.patience import patient
    from resilience.config.root import project_root
    from resilience.config.settings import nothing, resolve
    from resilience.engine.base.real_clock import RealClock
    from resilience.engine.base.seeds import new_id
    from resilience.engine.guard.consent import books
    from resilience.engine.guard.locks import Locks, ensure_namespace, holder, names

    given = resolve(root=project_root(Path.cwd()), cli=lambda option: None, ini=nothing)
    own, journal = books(cluster, given.journal_namespace), given.journal_namespace
    who = holder(new_id(time.time()))
    try:
        again = patient(RealClock(), given.lock_wait, warn, writes=True)
        ensure_namespace(own.through(again), journal)
        locks = Locks(own, journal, names(agreed.reach), who, RealClock(), warn)
        locks.acquire(given.lock_wait)
    except Refused as problem:
        raise CommandError(f"{problem}\n{title}: nothing was touched") from problem
    try:
        locks.keep(lambda why: None)  # `lost` is called before each write
        yield agreed.given_to(cluster, title, lambda: locks.lost)
    finally:
        locks.release()
