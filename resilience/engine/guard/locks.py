"""The locks of one run: a Lease for each namespace it acts in, and one for nodes.

All Leases are in the journal's namespace: a namespace that a scenario creates cannot hold the lock
for its own creation, and one set of permissions is enough. Locks are taken in a fixed order, so two
runs that need the same ones cannot deadlock. A run that loses a lock stops and writes nothing more.
It undoes its changes only after it holds all locks again; otherwise the next holder does.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from resilience.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.cluster.lease import ASK_EVERY, Held, LeaseLock
from resilience.engine.base.real_clock import EngineClock
from resilience.model.step_reach import ANY, Reach
from resilience.model.values import RunId
from resilience.verbs.context import Refused

NODES = "nodes"


OUTSIDE = "cluster-scoped"
"""The Lease for objects outside of namespaces, except nodes."""

_IN = "namespace-"


def names(reach: Reach) -> tuple[str, ...]:
    """Names of the Leases that a run needs, in the order in which they are taken."""
    found = {f"{_IN}{name}" for name in reach.namespaces}
    found |= {NODES} if reach.nodes else set()
    found |= {OUTSIDE} if reach.cluster_scoped else set()
    return tuple(sorted(found))


def covered(locks: Iterable[str]) -> Reach:
    """What Leases with these names cover: the inverse of `names`."""
    held = frozenset(locks)
    return Reach(
        namespaces=frozenset(each.removeprefix(_IN) for each in held if each.startswith(_IN)),
        nodes=NODES in held,
        cluster_scoped=ANY if OUTSIDE in held else frozenset(),
    )


def holder(run: RunId) -> str:
    """The name of the holder, which others that wait will see."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        user = "someone"
    return f"run {run} of {user}@{socket.gethostname()}"


def ensure_namespace(cluster: Cluster, namespace: str) -> None:
    """Make sure that the journal's namespace exists; Refused when it does not exist and may not be
    created."""
    try:
        cluster.get(NAMESPACES, namespace)
        return
    except NotFound:
        pass
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    try:
        cluster.create(NAMESPACES, body)
    except Conflict:
        return
    except Forbidden as error:
        raise Refused(
            f"namespace {namespace}, for locks and the journal, does not exist and cannot be"
            f" created ({error}); create it: kubectl create namespace {namespace}, or name"
            " another with --resilience-journal-namespace"
        ) from error


class Locks:
    """Several Leases as one. They belong to one run and are not reentrant."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        names: Sequence[str],
        who: str,
        clock: EngineClock,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.names = tuple(names)
        self.who = who
        self.lost = ""
        """Why the locks are no longer held; "" while they are held."""
        self._cluster = cluster
        self._namespace = namespace
        self._clock = clock
        self._tell = tell
        self._held: list[LeaseLock] = []
        self._on_lost: Callable[[str], None] = lambda why: None
        self._given_up = False

    def acquire(self, within: float, known_dead: Iterable[str] = ()) -> None:
        """Take all locks, waiting up to `within` seconds for other holders and for an API server
        in trouble; if someone else keeps one, raise Refused with the holder's name, and hold none.
        Holders in `known_dead` are not waited for."""
        self._acquire_patiently(within, self._clock.monotonic() + within, known_dead)

    def _acquire(self, within: float, known_dead: Iterable[str]) -> None:
        deadline = self._clock.monotonic() + within
        dead = set(
            known_dead
        )  # a holder that did not renew one lock is not watched again on the next
        try:
            for name in self.names:
                lock = self._lease(name)
                left = max(0.0, deadline - self._clock.monotonic())
                dead.add(lock.acquire(left, dead).after)
                self._held.append(lock)
        except BaseException as error:
            self.release()
            if isinstance(error, Held):
                raise Refused(str(error)) from error
            raise
        self.lost = ""

    def _lease(self, name: str) -> LeaseLock:
        return LeaseLock(self._cluster, self._namespace, name, self.who, self._clock, self._tell)

    def holders(self) -> Mapping[str, str]:
        """The current holder of each lock; "" for none."""
        return {name: self._lease(name).holder() for name in self.names}

    def keep(self, on_lost: Callable[[str], None]) -> None:
        """Renew all locks until `release`; `on_lost` is called when one is lost, usually on another
        thread."""
        self._on_lost = on_lost
        for lock in self._held:
            lock.keep(self._lose)

    def still_ours(self) -> bool:
        """Called before each write. After a pause in which another run may have taken over (a
        stopped process, a suspended host), the locks are renewed first; a failed renewal reveals
        the loss."""
        for lock in tuple(self._held):
            if not self.lost and lock.doubtful() and (why := lock.renew()):
                self._lose(why)
        return not self.lost

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        self._on_lost(why)

    def regain(self, within: float, clock: EngineClock, away: float = 0.0) -> bool:
        """After a loss, take all locks again; if that fails, none is held, now or later. Waits up
        to `within` seconds for another holder, and up to `away` seconds for an API server that does
        not answer. The waits of `clock` must not end early because of the run's abort, which the
        loss caused."""
        if self._given_up:
            return False
        self.release()
        self._clock = clock
        why = self.lost
        try:
            self._acquire_patiently(within, clock.monotonic() + max(within, away))
        except (Refused, ClusterError):
            self.lost, self._given_up = why, True
            return False
        self.keep(self._on_lost)
        return True

    def _acquire_patiently(
        self, within: float, deadline: float, known_dead: Iterable[str] = ()
    ) -> None:
        """Taking a lock begins with a look at it, so it can be repeated after a lost answer."""
        told = False
        while True:
            left = deadline - self._clock.monotonic()
            try:
                return self._acquire(min(within, max(0.0, left)), known_dead)
            except (Unreachable, ServerTrouble, Throttled) as error:
                if left <= ASK_EVERY:
                    raise
                if not told:
                    self._tell(f"waiting for the API server, up to {left:.0f} s: {error}")
                    told = True
                self._clock.wait(ASK_EVERY)

    def release(self) -> None:
        """Release all locks at once. Locks held by others are left alone; a lock whose release the
        API server does not accept expires by itself."""
        for lock in reversed(self._held):
            with suppress(ClusterError):
                lock.release()
        self._held.clear()
