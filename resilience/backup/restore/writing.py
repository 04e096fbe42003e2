"""One object into a cluster: created, or what there is of it dealt with.

Everything created carries the restore's name, so that a create whose answer was lost, or a restore
that was killed, is recognised by the object itself: no journal can be lost or lag behind. Waiting
is for what passes (throttling, a webhook that is not served yet, a namespace that is terminating)
and ends after `patience` seconds.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

from resilience.backup.format.backup_clock import Clock
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.merge import merge_patch
from resilience.backup.objects.rules import (
    RESTORE,
    SNAPSHOT,
    leave_allocated,
    strip,
    with_allocations,
)
from resilience.backup.restore.outcome import Outcome
from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Cluster, Object, Resource

Existing = Literal["fail", "skip", "update"]

_LONGEST_PAUSE = 8.0
_WITHOUT_ALLOCATIONS = with_allocations("keep")


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one object and, where it is there now, its uid."""

    outcome: Outcome
    reason: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectWriter:
    """Safe to use from several threads."""

    cluster: Cluster
    clock: Clock
    restore: str
    snapshot: str
    existing: Existing = "fail"
    patience: float = 120.0

    def write(self, resource: Resource, obj: Object) -> Written:
        """Create it; never raises for what one object can cause."""
        annotations = obj["metadata"].setdefault("annotations", {})
        annotations[RESTORE], annotations[SNAPSHOT] = self.restore, self.snapshot
        until = self.clock.monotonic() + self.patience
        pause = 0.25
        while True:
            try:
                return self._create(resource, obj)
            except ClusterError as problem:
                wait = _passing(problem, pause)
                if wait is None or self.clock.monotonic() + wait > until:
                    return Written(Outcome.FAILED, _words(problem, waited=wait is not None))
                self.clock.wait(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def write_status(
        self, resource: Resource, obj: Object, status: object, written: Written
    ) -> Written:
        """Write back the status of what was just created."""
        metadata = obj["metadata"]
        try:
            self.cluster.patch(
                resource,
                metadata["name"],
                {"status": status},
                metadata.get("namespace", ""),
                subresource="status",
            )
        except ClusterError as problem:
            reason = f"created, but its status could not be written: {_words(problem)}"
            return Written(Outcome.FAILED, reason, written.uid)
        return written

    def ask(self, resource: Resource, obj: Object) -> Written:
        """What would happen, by a dry run of the API server."""
        namespace = obj["metadata"].get("namespace", "")
        try:
            self.cluster.create(resource, obj, namespace, dry_run=True)
        except Conflict:
            return self._ask_existing(resource, obj)
        except NotFound:
            where = f"namespace {namespace}" if resource.namespaced else "its kind"
            return Written(Outcome.UNASKED, f"{where} is not there yet")
        except ClusterError as problem:
            return Written(Outcome.REJECTED, _words(problem))
        return Written(Outcome.WOULD_CREATE)

    def _create(self, resource: Resource, obj: Object) -> Written:
        namespace = obj["metadata"].get("namespace", "")
        try:
            created = self.cluster.create(resource, obj, namespace)
        except Conflict as problem:
            if problem.reason not in ("AlreadyExists", ""):
                raise
            return self._existing(resource, obj)
        except NotFound as problem:  # its namespace; a kind that is not served was found before
            return Written(Outcome.FAILED, _words(problem))
        return Written(Outcome.CREATED, uid=created["metadata"]["uid"])

    def _live(self, resource: Resource, obj: Object) -> Object:
        metadata = obj["metadata"]
        live = self.cluster.get(resource, metadata["name"], metadata.get("namespace", ""))
        return live | {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}

    def _existing(self, resource: Resource, obj: Object) -> Written:
        live = self._live(resource, obj)
        uid = live["metadata"]["uid"]
        by = (live["metadata"].get("annotations") or {}).get(RESTORE, "")
        if by == self.restore:
            return Written(Outcome.RESUMED, uid=uid)
        patch = _difference(live, obj)
        if not patch:
            return Written(Outcome.EQUAL, uid=uid)
        if self.existing == "update" or _always_there(obj):
            metadata = obj["metadata"]
            self.cluster.patch(resource, metadata["name"], patch, metadata.get("namespace", ""))
            return Written(Outcome.UPDATED, uid=uid)
        if self.existing == "skip":
            return Written(Outcome.SKIPPED, _differs(patch), uid)
        hint = f", created by restore {by}: --resume {by} continues it" if by else ""
        return Written(Outcome.FAILED, f"exists already{hint}; {_differs(patch)}", uid)

    def _ask_existing(self, resource: Resource, obj: Object) -> Written:
        live = self._live(resource, obj)
        by = (live["metadata"].get("annotations") or {}).get(RESTORE, "")
        patch = _difference(live, obj)
        if by == self.restore or not patch:
            return Written(Outcome.EQUAL)
        if self.existing == "skip":
            return Written(Outcome.SKIPPED, _differs(patch))
        if self.existing == "update" or _always_there(obj):
            return Written(Outcome.WOULD_UPDATE, _differs(patch))
        return Written(Outcome.REJECTED, f"exists already; {_differs(patch)}")


def _difference(live: Object, obj: Object) -> Object:
    mine, theirs = copy.deepcopy(obj), copy.deepcopy(live)
    strip(mine, _WITHOUT_ALLOCATIONS)
    strip(theirs, _WITHOUT_ALLOCATIONS)
    leave_allocated(theirs, mine)
    return merge_patch(theirs, mine)


def _differs(patch: Object) -> str:
    return "differs in " + ", ".join(sorted(patch))


def _always_there(obj: Object) -> bool:
    """Made by the namespace's own controllers a moment after the namespace; not a stranger's."""
    return bool(identity(obj) == "ServiceAccount" and obj["metadata"]["name"] == "default")


def _passing(problem: ClusterError, pause: float) -> float | None:
    """Seconds to wait for what will pass, None for what will not."""
    if isinstance(problem, Throttled | ServerTrouble):
        return problem.retry_after if problem.retry_after is not None else pause
    if isinstance(problem, Unreachable | NotFound):
        # NotFound: deleted between the refusal and our look, so that the next create will succeed.
        return pause
    if isinstance(problem, Forbidden) and any(
        cause.get("reason") == "NamespaceTerminating" for cause in problem.causes
    ):
        return pause
    return None


def _words(problem: ClusterError, *, waited: bool = False) -> str:
    text = problem.message if isinstance(problem, ApiError) else str(problem)
    return f"{text} (still so after waiting)" if waited else text
