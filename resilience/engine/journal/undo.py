"""Undoes changes newest first, each independently: one failure does not stop the others.

The same code serves the end of a run and `resilience recover`. It runs on its own thread, so that
no exception from a signal handler in the main thread (Ctrl-C, a test's timeout) can interrupt it;
only three calls of `Aborter.press` stop it. Requests that the API server cannot accept now are
repeated until the deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread

from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Conflict,
    ServerTrouble,
    Throttled,
    Unreachable,
    refused_by_rule,
)
from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Abandoned, Aborter
from resilience.engine.base.defect import defect
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.timeline import Timeline
from resilience.engine.journal.journal import Journal, Undo
from resilience.engine.journal.undo_context import Undoing
from resilience.model.timeline import What
from resilience.model.values import RunId
from resilience.model.verb import Verb
from resilience.verbs.context import ActionFailed, ChangedSince, Held, InUse

RETRY_EVERY = 1.0
"""Seconds between two tries of one undo."""


CONTROLLERS = frozenset(
    {
        *("pods", "deployments", "replicasets", "replicationcontrollers", "statefulsets"),
        *("daemonsets", "jobs", "cronjobs"),
        *("serviceaccounts", "roles", "rolebindings", "clusterroles", "clusterrolebindings"),
        "customresourcedefinitions",
    }
)
"""What a controller is made of. One that a run created may have to remove finalizers of other
objects, so it stays until they are gone or have had their time."""


def removes_a_controller(undo: Undo) -> bool:
    """Whether the undo deletes something that a controller may be made of. Restoring what was there
    before never does: it may bring the controller back."""
    resource = undo.data.get("resource")
    plural = resource.get("plural") if isinstance(resource, Mapping) else None
    return undo.data.get("kind") == "created" and plural in CONTROLLERS


@dataclass(slots=True)
class _AllHeld:
    """Undos whose objects wait for finalizers of others, and the moment until which all of them
    are awaited."""

    undos: list[Undo] = field(default_factory=list)
    until: float = 0.0

    def add(self, undo: Undo, until: float) -> None:
        """The time of the first counts for all."""
        self.until = self.until or until
        self.undos.append(undo)


class _RefusedNow(Exception):
    """A rule of the cluster refuses the undo as long as it is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Putback:
    """Everything that undoing needs. The run's own abort must not end waits of `clock`."""

    cluster: Cluster
    run: RunId
    clock: EngineClock
    journal: Journal
    timeline: Timeline
    verbs: Mapping[str, Verb]
    within: float
    force: bool = False
    refuses: Callable[[Undo], str] = lambda undo: ""
    """Why an undo must not be executed, whatever it contains; "" if it may."""
    trusts: Callable[[Undo], bool] = lambda undo: True
    """Whether the undo's record is known to be genuine."""
    spares: Callable[[Undo], bool] = lambda undo: False
    """Which undos are not to be executed yet."""
    others: set[str] = field(default_factory=set)
    """uids of objects that someone else has changed since."""

    def all(self) -> list[str]:
        """Undo everything pending; returns what could not be undone, as text. An object that is
        still used by one that a later undo removes (a claim, by the Pods that mount it) is waited
        for at the end. What a rule of the cluster refuses is tried once more at the end: a later
        undo may remove the rule (a policy, a quota, a Role)."""
        left: list[str] = []
        pending = [undo for undo in self.journal.pending() if not self.spares(undo)]
        later: list[Undo] = []
        held = _AllHeld()
        for number, undo in enumerate(pending, 1):
            if removes_a_controller(undo):
                self._await(held)
            last = number == len(pending) and not later and not held.undos
            try:
                left += self._told(undo, last=last)
            except Held:
                held.add(undo, self.clock.monotonic() + self.within)
            except (InUse, _RefusedNow):
                later.append(undo)
        for undo in held.undos:
            left += self._told(undo, last=True, deadline=held.until)
        for undo in later:
            left += self._told(undo, last=True)
        return left

    def _await(self, held: _AllHeld) -> None:
        """Wait for what is held before something is deleted that may be the controller which
        has to release it. All of them share one deadline."""
        for undo in list(held.undos):
            try:
                self._until_done(undo, last=True, deadline=held.until)
            except (ActionFailed, ClusterError, TimeoutError):
                continue  # said at the end, when it is tried for the last time
            held.undos.remove(undo)
            self._done(undo)

    def _told(self, undo: Undo, *, last: bool, deadline: float | None = None) -> list[str]:
        failure = self._one(undo, last=last, deadline=deadline)
        return [f"{undo.text}: {failure}"] if failure else []

    def _one(self, undo: Undo, *, last: bool, deadline: float | None) -> str:
        try:
            if why := self.refuses(undo):
                return self._failed(undo, why)
            self._until_done(undo, last=last, deadline=deadline)
        except InUse:
            raise
        except ChangedSince as error:
            return self._kept(undo, str(error))
        except (ActionFailed, ClusterError, TimeoutError) as error:
            if refused_by_rule(error) and not last:
                raise _RefusedNow from error
            return self._failed(undo, str(error))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"its record is invalid ({defect(f'`{undo.verb}`', error)})"
            return self._failed(undo, text)
        except Exception as error:  # noqa: BLE001  one failing undo must not stop the others
            return self._failed(undo, defect(f"the undo of `{undo.verb}`", error))
        self._done(undo)
        return ""

    def _done(self, undo: Undo) -> None:
        self.journal.done(undo.id)
        self.timeline.note(
            What.UNDO, f"undone: {undo.text}", {"path": undo.path, "state": "done", "id": undo.id}
        )

    def _until_done(self, undo: Undo, *, last: bool, deadline: float | None = None) -> None:
        verb = self.verbs.get(undo.verb)
        if verb is None or verb.undo is None:
            raise ActionFailed(f"the verb `{undo.verb}` is not installed here")
        if deadline is None:
            deadline = self.clock.monotonic() + self.within
        context = Undoing(
            cluster=self.cluster, run=self.run, clock=self.clock, deadline=deadline,
            force=self.force, trusted=self.trusts(undo), others=self.others, last=last,
        )  # fmt: skip
        while True:
            try:
                verb.undo(undo.data, context)
                return
            except (Unreachable, ServerTrouble, Throttled, Conflict) as error:
                if self.clock.monotonic() + RETRY_EVERY > deadline:
                    raise
                self.clock.wait(_pause(error))

    def _kept(self, undo: Undo, text: str) -> str:
        self.journal.keep(undo.id, text)
        self.timeline.note(
            What.UNDO,
            f"left unchanged: {undo.text}: {text}",
            {"path": undo.path, "state": "failed", "id": undo.id, "text": text, "kept": True},
        )
        return text

    def _failed(self, undo: Undo, text: str) -> str:
        self.journal.failed(undo.id, text)
        self.timeline.note(
            What.UNDO,
            f"not undone: {undo.text}: {text}",
            {"path": undo.path, "state": "failed", "id": undo.id, "text": text},
        )
        return text


def _pause(error: ClusterError) -> float:
    after = error.retry_after if isinstance(error, ApiError) else None
    return max(RETRY_EVERY, after or RETRY_EVERY)


def shielded(work: Callable[[], object], aborter: Aborter) -> None:
    """Run `work` so that exceptions raised in this thread do not interrupt it; they are kept in the
    aborter."""
    done = Event()

    def quietly() -> None:
        try:
            work()
        except Abandoned:
            return
        finally:
            done.set()

    thread = Thread(target=quietly, name="resilience-undo", daemon=True)
    with aborter.undoing():
        while thread.ident is None:
            _insist(thread.start, aborter)
        # Not `join`: if an exception interrupts it, it considers the thread ended (bpo-45274).
        while not done.is_set():
            _insist(lambda: done.wait(0.2), aborter)


def _insist(step: Callable[[], object], aborter: Aborter) -> None:
    try:
        step()
    except BaseException as error:  # noqa: BLE001  pytest's outcomes too: kept, raised afterwards
        aborter.caught(error)
