"""A lock on a namespace: a Lease, taken by compare-and-swap.

One holder at a time. A dead holder is detected by watching its renewals with the local clock for a
whole lease duration: clocks of different hosts are never compared (as in client-go's leader
election). A holder that cannot renew in time knows that it has lost the lock before anyone else can
take it, and then must write nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import LEASES, Cluster, Object
from resilience.cluster.requests.request import Request

DURATION = 30
"""Seconds until a silent holder counts as dead: three missed renewals on a slow API server."""

RENEW_EVERY = DURATION / 3
"""Seconds between renewals."""

GIVE_UP_AFTER = DURATION * 2 / 3
"""Seconds without a successful renewal after which the holder gives the lock up as lost."""

ANSWER_WITHIN = 5.0
"""Seconds for one write: a hanging connection must not hide that the lock expires."""

ASK_EVERY = 1.0
"""Seconds between looks at a lock that someone else holds."""


class LeaseClock(Protocol):
    """Time as an argument."""

    def monotonic(self) -> float: ...
    def wall(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class Held(Exception):
    """Someone else holds the lock; the text says who and since when."""

    def __init__(self, name: str, holder: str, since: str, lasts: float) -> None:
        super().__init__(
            f"{name} is held by {holder} since {since}; wait for it to end, or if it is dead, "
            f"for {lasts:.0f} s and try again"
        )
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Acquired:
    """The lock was taken. `after` is the dead holder it was taken from ("" for none): its leftovers
    are to be undone first."""

    after: str = ""


def holder_of(lease: Object) -> str:
    """Its holder; "" when it was released."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _micro(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LeaseLock:
    """One Lease, as one holder uses it. Not reentrant; use one per run and namespace."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        holder: str,
        clock: LeaseClock,
        waiting: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._holder = holder
        self._clock = clock
        self._waiting = waiting
        self._lease: Object | None = None
        self._renewed = (0.0, 0.0)
        self._renewing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def holder(self) -> str:
        """Its current holder; "" for none."""
        lease = self._read()
        return "" if lease is None else holder_of(lease)

    # Taking ------------------------------------------------------------------------------------

    def acquire(self, within: float, known_dead: Collection[str] = ()) -> Acquired:
        """Take the lock, or wait up to `within` seconds for it; Held when another keeps it.

        Detecting a dead holder takes DURATION, so `within` should be longer; a holder that is
        `known_dead` is not waited for.
        """
        deadline = self._clock.monotonic() + within
        seen: tuple[str, str] | None = None
        seen_at, told = 0.0, ""
        while True:
            lease = self._read()
            mark = _mark(lease)
            if mark != seen:
                seen, seen_at = mark, self._clock.monotonic()
            now = self._clock.monotonic()
            dead = lease is not None and (
                now - seen_at >= _duration(lease) or holder_of(lease) in known_dead
            )
            if lease is None or not holder_of(lease) or holder_of(lease) == self._holder or dead:
                if self._take(lease):
                    before = "" if lease is None else holder_of(lease)
                    return Acquired("" if before == self._holder else before)
                continue
            if now >= deadline:
                raise Held(self._title, holder_of(lease), _since(lease), _duration(lease))
            if holder_of(lease) != told:
                told = holder_of(lease)
                self._waiting(
                    f"waiting for {self._title}, held by {told} since {_since(lease)}; up to"
                    f" {deadline - now:.0f} s"
                )
            self._clock.wait(min(ASK_EVERY, deadline - now))

    @property
    def _title(self) -> str:
        return f"the lock {self._namespace}/{self._name}"

    def _read(self) -> Object | None:
        return _read(self._cluster, self._namespace, self._name)

    def _put(self, lease: Object) -> Object:
        path = LEASES.path(self._namespace, self._name)
        return self._cluster.send(Request("PUT", path, body=lease, timeout=ANSWER_WITHIN))

    def _take(self, lease: Object | None) -> bool:
        """Compare and swap; False when someone else wrote first."""
        now = _micro(self._clock.wall())
        spec: dict[str, Any] = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": DURATION,
            "acquireTime": now,
            "renewTime": now,
        }
        try:
            if lease is None:
                meta = {"name": self._name, "namespace": self._namespace}
                body = {
                    "apiVersion": LEASES.api_version,
                    "kind": LEASES.kind,
                    "metadata": meta,
                    "spec": {**spec, "leaseTransitions": 0},
                }
                self._lease = self._cluster.create(LEASES, body, self._namespace)
            else:
                times = int((lease.get("spec") or {}).get("leaseTransitions") or 0) + 1
                body = {**lease, "spec": {**spec, "leaseTransitions": times}}
                self._lease = self._put(body)
        except (Conflict, NotFound):
            return False
        self._renewed = self._now()
        return True

    def _now(self) -> tuple[float, float]:
        """Measured by both clocks, because a suspended host stops the monotonic one."""
        return self._clock.monotonic(), self._clock.wall()

    # Keeping -----------------------------------------------------------------------------------

    def doubtful(self) -> bool:
        """Whether so much time has passed since the last renewal that another may hold the lock:
        the process was stopped, or the host suspended, and the renewing thread has not noticed
        yet."""
        now, then = self._now(), self._renewed
        return any(abs(a - b) >= GIVE_UP_AFTER for a, b in zip(now, then, strict=True))

    def renew(self) -> str:
        """One renewal; "" when the lock is still held, else why it is lost. Thread-safe."""
        with self._renewing:
            return self._renew()

    def _renew(self) -> str:
        assert self._lease is not None, "renew() before acquire()"
        spec = {**self._lease["spec"], "renewTime": _micro(self._clock.wall())}
        try:
            self._lease = self._put({**self._lease, "spec": spec})
        except (Conflict, NotFound):
            return self._reread()
        except ClusterError as error:
            silent = self._clock.monotonic() - self._renewed[0]
            if silent < GIVE_UP_AFTER:
                return ""
            return f"{self._title} could not be renewed for {silent:.0f} s: {error}"
        self._renewed = self._now()
        return ""

    def _reread(self) -> str:
        """The known version is stale: find out whether someone took the lock or only changed its
        labels."""
        try:
            lease = self._read()
        except ClusterError:
            return ""
        if lease is None:
            return f"{self._title} was deleted"
        if holder_of(lease) != self._holder:
            return f"{self._title} was taken by {holder_of(lease) or 'nobody'}"
        self._lease = lease
        return ""

    def keep(self, on_lost: Callable[[str], None]) -> None:
        """Renew on a thread of its own until `release`; `on_lost` is called there, once."""
        self._thread = threading.Thread(
            target=self._renew_until_stopped, args=(on_lost,), name="lease", daemon=True
        )
        self._thread.start()

    def _renew_until_stopped(self, on_lost: Callable[[str], None]) -> None:
        while not self._stop.wait(RENEW_EVERY):
            if lost := self.renew():
                on_lost(lost)
                return

    # Giving back -------------------------------------------------------------------------------

    def release(self) -> None:
        """Stop renewing and release the lock at once. A lock held by another is left alone."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._lease is None:
            return
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            self._put({**self._lease, "spec": spec})
        except (Conflict, NotFound):
            pass
        finally:
            self._lease = None


def silent(
    cluster: Cluster,
    namespace: str,
    names: Collection[str],
    clock: LeaseClock,
    watching: Callable[[float], None],
    *,
    within: float,
    known_dead: Collection[str] = (),
) -> set[str]:
    """Holders of these Leases that renew none of them within the lease duration: they are dead.
    All are watched together, up to `within` seconds; a holder that renews is watched no longer.
    Without holders there is no wait. `watching` is called with the time it may take."""
    marks: dict[str, tuple[str, str]] = {}
    lasts: dict[str, float] = {}
    for name in names:
        lease = _read(cluster, namespace, name)
        if lease and (who := holder_of(lease)) and who not in known_dead:
            marks[name], lasts[who] = _mark(lease), max(lasts.get(who, 0.0), _duration(lease))
    if not lasts or not within:
        return set()
    began, dead = clock.monotonic(), set[str]()
    watching(min(within, max(lasts.values())))
    while lasts and clock.monotonic() - began < within:
        clock.wait(ASK_EVERY)
        passed = clock.monotonic() - began
        for name, mark in marks.items():
            if mark[0] in lasts and _mark(_read(cluster, namespace, name)) != mark:
                del lasts[mark[0]]  # the holder is alive, or has released the lock
        over = {who for who, seconds in lasts.items() if passed >= seconds}
        dead |= over
        lasts = {who: seconds for who, seconds in lasts.items() if who not in over}
    return dead


def _read(cluster: Cluster, namespace: str, name: str) -> Object | None:
    try:
        return cluster.get(LEASES, name, namespace)
    except NotFound:
        return None


def _mark(lease: Object | None) -> tuple[str, str]:
    if lease is None:
        return "", ""
    return holder_of(lease), str((lease.get("spec") or {}).get("renewTime"))


def _duration(lease: Object) -> float:
    return float((lease.get("spec") or {}).get("leaseDurationSeconds") or DURATION)


def _since(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("acquireTime") or "an unknown time")
