"""Bring a snapshot back: in waves, with workers, resumable, with one value per object.

Order of work: verify, know the kinds, ask the API server about every object (`ask_first`), then
create stage by stage; a stage begins when the one before it is finished. Kinds come first and are
waited for. Owner references are linked to the new uids. Run again with the same `name` after a
crash, it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BadRequest
from resilience.backup.format.velero import Found, understood
from resilience.backup.objects import order
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.outside_owners import OutsideOwners
from resilience.backup.objects.restore_plan import Indexed, Passes, Stage, plan
from resilience.backup.objects.rules import Allocations, strip, with_allocations
from resilience.backup.objects.skips import reason_to_skip
from resilience.backup.objects.velero_hooks import restore_hooks
from resilience.backup.restore.outcome import STATUS_LEFT, Item, Outcome, RestoreReport
from resilience.backup.restore.places import places, require_place, wanted
from resilience.backup.restore.served_kinds import Kinds
from resilience.backup.restore.writing import Existing, ObjectWriter, Written
from resilience.cluster.interface import Cluster, Object, Resource

Adjust = Callable[[Object], str | Mapping[str, list[str]]]
"""Changes an object further: returns a reason to leave it out, or the pointers it touched by rule
(a drill's safety rules)."""


Fill = Callable[[Snapshot, Targets], list[str]]
"""Puts the data of volumes into the claims that were just created; says what it did."""


def unfilled(snapshot: Snapshot, targets: Targets) -> list[str]:
    """No data: claims come back empty, as the driver provisions them."""
    return []


def nothing() -> None:
    """Nothing to do."""


def unadjusted(obj: Object) -> Mapping[str, list[str]]:
    """Nothing to change."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """`name` marks what is created; the same name resumes. `namespaces` empty: all of them.

    `allocations`: which cluster IPs and node ports come back. `status`: globs of custom resources
    (`widgets.example.com`) whose status is written back. `outside_owners`: owners that are not in
    the snapshot are kept where they live. `before_workloads` runs once, before the first Pod or
    workload is created. `mapped_only`: an object in a namespace that `targets` does not map refuses
    the restore. `without_volume_data` accepts that volumes stay empty whose data only Velero can
    read.
    """

    name: str
    namespaces: frozenset[str] = frozenset()
    targets: Targets = field(default_factory=Targets)
    existing: Existing = "fail"
    workers: int = 16
    ask_first: bool = True
    dry_run: bool = False
    cluster_scoped: bool = True
    mapped_only: bool = False
    without_volume_data: bool = False
    patience: float = 120.0
    adjust: Adjust = unadjusted
    fill: Fill = unfilled
    allocations: Allocations = "chosen"
    status: tuple[str, ...] = ()
    outside_owners: bool = True
    before_workloads: Callable[[], None] = nothing


def restore(
    request: RestoreRequest, snapshot: Snapshot, cluster: Cluster, *, clock: Clock
) -> RestoreReport:
    """Create everything; `RestoreRefused` before the first create when something is in the way."""
    layout.checked_name(request.name)
    if request.workers < 1:
        raise BadRequest("a restore needs at least one worker")
    return _Restore(request, snapshot, cluster, clock).run()


class _Restore:
    def __init__(
        self, request: RestoreRequest, snapshot: Snapshot, cluster: Cluster, clock: Clock
    ) -> None:
        self._request, self._snapshot, self._clock = request, snapshot, clock
        self._cluster = cluster
        self._kinds = Kinds(cluster, clock)
        self._report = RestoreReport(request.name, snapshot.name)
        self._uids: dict[str, str] = {}
        self._passes = Passes()
        self._places = frozenset[str]()
        self._filled = False
        self._guarded = False
        self._outside = OutsideOwners(cluster)
        self._rules = with_allocations(request.allocations)
        self._writer = ObjectWriter(
            cluster=cluster,
            clock=clock,
            restore=request.name,
            snapshot=snapshot.name,
            existing=request.existing,
            patience=request.patience,
        )

    def run(self) -> RestoreReport:
        self._places = places(self._request, self._snapshot)
        began = self._clock.monotonic()
        self._passes = plan(self._index)
        self._kinds.expect(self._defined_kinds())
        if self._request.ask_first or self._request.dry_run:
            self._walk(self._writer.ask)
            self._report.seconds["ask"] = self._clock.monotonic() - began
            if self._request.dry_run:
                return self._report
            self._report.require("the restore was not begun")
            self._report.items.clear()
            self._report.hooks.clear()
        began = self._clock.monotonic()
        self._walk(self._writer.write, creating=True)
        self._report.seconds["create"] = self._clock.monotonic() - began
        return self._report

    def _index(self) -> Iterable[Indexed]:
        for line in self._snapshot.contents:
            yield Indexed(line.address.resource, line.uid, line.owners)

    def _defined_kinds(self) -> Iterator[str]:
        crds = "customresourcedefinitions.apiextensions.k8s.io"
        names = (line.address for line in self._snapshot.contents)
        return (each.name for each in names if each.resource == crds)

    def _walk(self, act: Callable[[Resource, Object], Written], *, creating: bool = False) -> None:
        with ThreadPoolExecutor(self._request.workers, "resilience-restore") as workers:
            for stages in self._passes.readings:
                crew = _Crew(workers, self._request.workers, self._done)
                current: Stage | None = None
                for line, found in self._snapshot.contents.pairs():
                    stage = self._passes.stage(line.address.resource, line.uid)
                    if stage not in stages:
                        continue
                    if stage != current:
                        crew.finish()
                        self._stage_ended(current, creating)
                        self._fill_before(stage, creating)
                        current = stage
                    self._one(found, found.parsed(), act, crew)
                crew.finish()
                self._stage_ended(current, creating)
        self._fill_before(Stage(order.WAVES, 0), creating)

    def _stage_ended(self, stage: Stage | None, creating: bool) -> None:
        if stage is not None and stage.wave == 0 and creating:
            self._kinds.wait_until_served()

    def _fill_before(self, stage: Stage, creating: bool) -> None:
        """Once, when all claims are there and nothing that mounts them is."""
        if creating and not self._filled and stage.wave > order.CLAIMS:
            self._filled = True
            self._report.volumes = self._request.fill(self._snapshot, self._request.targets)
        if creating and not self._guarded and stage.wave >= order.WORKLOADS:
            self._guarded = True
            self._request.before_workloads()

    def _one(
        self, found: Found, obj: Object, act: Callable[[Resource, Object], Written], crew: _Crew
    ) -> None:
        kind, old = found.address.resource, obj["metadata"].get("uid", "")
        if not wanted(self._request, found.address):
            return
        self._report.hooks += restore_hooks(obj)
        with understood(found.address):
            if reason := reason_to_skip(obj):
                self._note(kind, obj, Written(Outcome.LEFT, reason), {})
                return
            rewrites: dict[str, list[str]] = strip(obj, self._rules)
            status = self._status_of(kind, obj, rewrites)
            self._relink(obj, rewrites)
            self._request.targets.apply(obj)
            adjusted = self._request.adjust(obj)
        if isinstance(adjusted, str):
            self._note(kind, obj, Written(Outcome.LEFT, adjusted), {})
            return
        rewrites |= adjusted
        resource = self._kinds.of(kind, obj)
        if isinstance(resource, str):
            self._note(kind, obj, Written(*self._kinds.missing(resource)), {})
            return
        require_place(resource, obj, self._places)
        crew.give(lambda: self._acted(act, resource, obj, status), (kind, obj, old, rewrites))

    def _status_of(self, kind: str, obj: Object, rewrites: dict[str, list[str]]) -> Any:
        """The status to write back. A create ignores it where it is a subresource."""
        if not self._kinds.has_status(kind) or "status" not in obj:
            return None
        status = obj.pop("status")
        if any(fnmatchcase(kind, pattern) for pattern in self._request.status):
            return status
        rewrites[STATUS_LEFT] = ["/status"]
        return None

    def _acted(
        self,
        act: Callable[[Resource, Object], Written],
        resource: Resource,
        obj: Object,
        status: Any,
    ) -> Written:
        written = act(resource, obj)
        if status and written.outcome in (Outcome.CREATED, Outcome.RESUMED, Outcome.UPDATED):
            return self._writer.write_status(resource, obj, status, written)
        return written

    def _relink(self, obj: Object, rewrites: dict[str, list[str]]) -> None:
        """Owners get their new uids. One outside of the snapshot is kept where it lives, else
        dropped: the garbage collector deletes what refers to a uid that does not exist
        (garbagecollector.go, attemptToDeleteItem)."""
        metadata, kept = obj["metadata"], list[Object]()
        namespace = metadata.get("namespace", "")
        for owner in metadata.pop("ownerReferences", None) or ():
            uid = owner["uid"]
            if uid in self._uids:
                kept.append(owner | {"uid": self._uids[uid]})
            elif self._outlives(owner, namespace):
                kept.append(owner)
            else:
                rewrites[f"without its owner {owner['kind']} {owner['name']}"] = [
                    "/metadata/ownerReferences"
                ]
        if kept:
            metadata["ownerReferences"] = kept

    def _outlives(self, owner: Object, namespace: str) -> bool:
        if not self._request.outside_owners:
            return False
        moved = self._request.targets.namespace(namespace) != namespace
        return self._outside.lives(owner, "" if moved else namespace)

    def _done(self, written: Written, context: _Context) -> None:
        kind, obj, old, rewrites = context
        if old in self._passes.owners and written.uid:
            self._uids[old] = written.uid
        self._note(kind, obj, written, rewrites)

    def _note(
        self, kind: str, obj: Object, written: Written, rewrites: Mapping[str, list[str]]
    ) -> None:
        metadata = obj["metadata"]
        self._report.items.append(
            Item(
                kind,
                metadata.get("namespace", ""),
                metadata["name"],
                written.outcome,
                written.reason,
                rewrites,
            )
        )


_Context = tuple[str, Object, str, Mapping[str, list[str]]]


class _Crew:
    """Workers with a bounded queue; results are handed back on the caller's own thread, in order
    of submission."""

    def __init__(
        self, pool: ThreadPoolExecutor, workers: int, done: Callable[[Written, _Context], None]
    ) -> None:
        self._pool, self._most, self._done = pool, 4 * workers, done
        self._under_way: list[tuple[Future[Written], _Context]] = []

    def give(self, work: Callable[[], Written], context: _Context) -> None:
        """Start work; waits for the oldest half when too much is under way."""
        if len(self._under_way) >= self._most:
            self._collect(self._most // 2)
        self._under_way.append((self._pool.submit(work), context))

    def finish(self) -> None:
        """Wait for all."""
        self._collect(len(self._under_way))

    def _collect(self, count: int) -> None:
        ready, self._under_way = self._under_way[:count], self._under_way[count:]
        for future, context in ready:
            self._done(future.result(), context)
