"""Writes one object into a cluster: creates it, or deals with an existing one.

Everything created carries the restore's name, so that a create whose answer was lost, or a restore
that was killed, is recognized by the object itself: no journal can be lost or outdated. It waits
for transient conditions (throttling, a webhook that is not served yet, a terminating namespace), up
to `patience` seconds.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

from resilience.backup.format.backup_clock import Clock
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.merge import merge_patch, merged
from resilience.backup.objects.rules import (
    RESTORE,
    SNAPSHOT,
    leave_allocated,
    strip,
    with_allocations,
)
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.writes.altered import altered
from resilience.backup.restore.writes.fixed_fields import fixed, refuses_change
from resilience.backup.restore.writes.server_refusals import (
    NO_DRY_RUN,
    Going,
    is_hook_away,
    is_range_away,
    of_admission,
    pause_before_retry,
    said,
    with_advice,
)
from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerTrouble,
)
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.cluster.permit.door import NotCovered
from resilience.kube.volumes import was_provisioned

Existing = Literal["fail", "skip", "update"]

_LONGEST_PAUSE = 8.0
_WITHOUT_ALLOCATIONS = with_allocations("keep")
_PATIENCE_OF_A_QUESTION = 15.0
_MOST_IN_ANNOTATIONS = 256 * 1024
"""Bytes (apimachinery, api/validation, TotalAnnotationSizeLimitB)."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one object and, if it exists now, its uid. `altered` are the places at which
    the cluster stores something else than it was sent."""

    outcome: Outcome
    reason: str = ""
    uid: str = ""
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectWriter:
    """Safe to use from several threads."""

    cluster: Cluster
    clock: Clock
    restore: str
    snapshot: str
    patience: float = 120.0

    def write(
        self, resource: Resource, obj: Object, existing: Existing, *, hooks: float | None = None
    ) -> Written:
        """Create it, or deal with an existing one as `existing` says; never raises for what one
        object can cause. `hooks`: the patience with a webhook that nothing serves."""
        self._mark(obj)
        began = self.clock.monotonic()
        pause = 0.25
        while True:
            try:
                return self._create(resource, obj, existing)
            except ClusterError as problem:
                wait = pause if is_range_away(problem) else pause_before_retry(problem, pause)
                patience = self.patience
                if hooks is not None and is_hook_away(str(problem)):
                    patience = hooks
                if wait is None or self.clock.monotonic() + wait > began + patience:
                    return Written(Outcome.FAILED, said(problem, waited=wait is not None))
                self.clock.wait(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def write_status(
        self, resource: Resource, obj: Object, status: object, written: Written
    ) -> Written:
        """Write back the status of the object that was just created."""
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
            what = written.outcome.value
            reason = f"{what}, but its status could not be written: {said(problem)}"
            return Written(Outcome.FAILED, reason, written.uid)
        return written

    def settle_status(
        self, resource: Resource, obj: Object, status: object, existing: Existing, *, dry_run: bool
    ) -> Written:
        """Deal with an object that is equal but for its status, if that is to be restored."""
        try:
            live = self._live(resource, obj)
        except ClusterError as problem:
            return Written(Outcome.REJECTED if dry_run else Outcome.FAILED, said(problem))
        uid, why = live["metadata"]["uid"], "differs in status"
        if merged(live.get("status"), status) == live.get("status"):
            return Written(Outcome.EQUAL, uid=uid)
        if existing == "skip":
            return Written(Outcome.SKIPPED, why, uid)
        if existing == "update":
            if dry_run:
                return Written(Outcome.WOULD_UPDATE, why, uid)
            return self.write_status(resource, obj, status, Written(Outcome.UPDATED, uid=uid))
        outcome = Outcome.REJECTED if dry_run else Outcome.FAILED
        return Written(outcome, f"already exists; {why}", uid)

    def ask(self, resource: Resource, obj: Object, existing: Existing) -> Written:
        """The outcome of `write`: its own requests, as dry runs."""
        self._mark(obj)
        until = self.clock.monotonic() + min(self.patience, _PATIENCE_OF_A_QUESTION)
        pause = 0.25
        while True:
            try:
                return self._create(resource, obj, existing, dry_run=True)
            except (NotFound, Going) as problem:
                return Written(Outcome.UNASKED, said(problem))
            except ClusterError as problem:
                if is_hook_away(str(problem)) or NO_DRY_RUN in str(problem):
                    return Written(Outcome.UNASKED, said(problem))
                wait = pause_before_retry(problem, pause)
                if wait is None or self.clock.monotonic() + wait > until:
                    return Written(Outcome.REJECTED, said(problem, waited=wait is not None))
                self.clock.wait(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _mark(self, obj: Object) -> None:
        """Without a mark, for which there may be no room, an object that this restore created is
        recognized by being equal."""
        annotations = obj["metadata"].setdefault("annotations", {})
        # A lone surrogate is the API server's to refuse.
        used = sum(len(f"{key}{value}".encode("utf-8", "surrogatepass"))
                   for key, value in annotations.items())  # fmt: skip
        for key, value in ((RESTORE, self.restore), (SNAPSHOT, self.snapshot)):
            used += len(f"{key}{value}".encode())
            if used <= _MOST_IN_ANNOTATIONS:
                annotations[key] = value

    def _create(
        self, resource: Resource, obj: Object, existing: Existing, *, dry_run: bool = False
    ) -> Written:
        namespace = obj["metadata"].get("namespace", "")
        try:
            created = self.cluster.create(resource, obj, namespace, dry_run=dry_run)
        except Conflict as problem:
            if problem.reason not in ("AlreadyExists", ""):
                raise
            return self._existing(resource, obj, existing, problem, dry_run=dry_run)
        except NotCovered as problem:
            return self._uncovered(resource, obj, problem)
        except (Invalid, Forbidden, ServerTrouble) as problem:
            if not of_admission(problem) or not self._is_there(resource, obj):
                raise with_advice(problem) from problem
            return self._existing(resource, obj, existing, problem, dry_run=dry_run)
        except (
            NotFound
        ) as problem:  # the namespace is missing; an unserved kind would have been found earlier
            if dry_run:
                raise
            return Written(Outcome.FAILED, said(problem))
        places = tuple(altered(obj, created))
        if dry_run:
            return Written(Outcome.WOULD_CREATE, altered=places)
        return Written(Outcome.CREATED, uid=created["metadata"]["uid"], altered=places)

    def _uncovered(self, resource: Resource, obj: Object, problem: NotCovered) -> Written:
        """Consent does not cover the object, which matters only if it has to be written."""
        try:
            live = self._live(resource, obj)
        except NotFound:
            live = None
        if live is None or _difference(live, obj)[1]:
            raise problem
        return Written(Outcome.EQUAL, uid=live["metadata"]["uid"])

    def _is_there(self, resource: Resource, obj: Object) -> bool:
        """The API server runs admission before it looks for the name. So it may refuse an object
        that exists because of its own node port, a full quota or a webhook, and not because it
        exists (registry/generic/registry/store.go, Create)."""
        try:
            self._live(resource, obj)
        except (NotFound, Forbidden):
            return False
        return True

    def _live(self, resource: Resource, obj: Object) -> Object:
        metadata = obj["metadata"]
        live = self.cluster.get(resource, metadata["name"], metadata.get("namespace", ""))
        return live | {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}

    def _existing(
        self,
        resource: Resource,
        obj: Object,
        existing: Existing,
        refusal: ApiError,
        *,
        dry_run: bool,
    ) -> Written:
        """`refusal`: what the API server said to the create."""
        live = self._live(resource, obj)
        _require_staying(live)
        uid = live["metadata"]["uid"]
        by = (live["metadata"].get("annotations") or {}).get(RESTORE, "")
        if by == self.restore:
            return Written(Outcome.RESUMED, uid=uid)
        compared, patch = _difference(live, obj)
        if why := _released(live, obj):
            if existing == "update":
                return self._update(
                    resource, uid, compared, _reserved(patch), refusal, dry_run=dry_run
                )
            outcome = Outcome.SKIPPED if existing == "skip" else Outcome.REJECTED
            return Written(outcome if dry_run or existing == "skip" else Outcome.FAILED, why, uid)
        if not patch:
            return Written(Outcome.EQUAL, uid=uid)
        if existing == "update" or _always_there(obj):
            return self._update(resource, uid, compared, patch, refusal, dry_run=dry_run)
        if existing == "skip":
            return Written(Outcome.SKIPPED, _differs(patch), uid)
        hint = f", created by restore {by}: --resume {by} continues it" if by else ""
        outcome = Outcome.REJECTED if dry_run else Outcome.FAILED
        return Written(outcome, f"already exists{hint}; {_differs(patch)}{_shared(obj)}", uid)

    def _update(
        self,
        resource: Resource,
        uid: str,
        live: Object,
        patch: Object,
        refusal: ApiError,
        *,
        dry_run: bool,
    ) -> Written:
        name, namespace = live["metadata"]["name"], live["metadata"].get("namespace", "")
        try:
            now = self.cluster.patch(resource, name, patch, namespace, dry_run=dry_run)
        except Invalid as problem:
            if refuses_change(problem, refusal):
                return Written(Outcome.FIXED, fixed(resource, live, patch, problem), uid)
            raise with_advice(problem) from problem
        places = tuple(altered(patch, now))
        if dry_run:
            return Written(Outcome.WOULD_UPDATE, _differs(patch), altered=places)
        return Written(Outcome.UPDATED, uid=uid, altered=places)


def _require_staying(live: Object) -> None:
    metadata = live["metadata"]
    if not metadata.get("deletionTimestamp"):
        return
    held = ", ".join(metadata.get("finalizers") or ())
    raise Going(f"the existing one is being deleted{f', held by {held}' if held else ''}")


def _released(live: Object, obj: Object) -> str:
    """Why no claim can be bound to a volume that exists: the claim it was bound to is gone
    (pkg/controller/volume/persistentvolume). A claim of a provisioned one gets a new volume."""
    if identity(obj) != "PersistentVolume" or (live.get("status") or {}).get("phase") != "Released":
        return ""
    if was_provisioned(live):
        return ""
    return (
        "it is Released: its claim is gone, and no other can be bound to it. `--existing update` "
        "makes it available to the restored claim and keeps its data"
    )


def _reserved(patch: Object) -> Object:
    """Make the volume available to the claim of that name, regardless of its uid."""
    spec = patch.get("spec") or {}
    claim = {**(spec.get("claimRef") or {}), "uid": None, "resourceVersion": None}
    return patch | {"spec": {**spec, "claimRef": claim}}


def _difference(live: Object, obj: Object) -> tuple[Object, Object]:
    """The live object without what belongs to its cluster alone, and the merge patch from it to
    the recorded one."""
    mine, theirs = copy.deepcopy(obj), copy.deepcopy(live)
    strip(mine, _WITHOUT_ALLOCATIONS)
    strip(theirs, _WITHOUT_ALLOCATIONS)
    leave_allocated(theirs, mine)
    if identity(obj) == "PersistentVolume" and "claimRef" not in (theirs.get("spec") or {}):
        (mine.get("spec") or {}).pop("claimRef", None)  # available: its claim will be bound to it
    for each in (mine, theirs):  # linked by uid, and of no other value
        each["metadata"].pop("ownerReferences", None)
    return theirs, merge_patch(theirs, mine)


def _shared(obj: Object) -> str:
    """The hint for cluster-scoped objects, which a copy shares with its original."""
    if obj["metadata"].get("namespace") or identity(obj) == "Namespace":
        return ""
    return "; the whole cluster shares it: --without-cluster-scoped leaves it as it is"


def _differs(patch: Object) -> str:
    return "differs in " + ", ".join(sorted(patch))


def _always_there(obj: Object) -> bool:
    """Whether controllers create the object right after its namespace, so that it is no one
    else's."""
    return bool(identity(obj) == "ServiceAccount" and obj["metadata"]["name"] == "default")
