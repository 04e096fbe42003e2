"""Restores a snapshot: in waves, with workers, resumable, with one value per object.

Order of work: learn the kinds, decide about volumes, send every object to the API server as a dry
run of the very request (`ask_first`), then create stage by stage; a stage begins when the one
before it is finished. Definitions come first and are awaited; volumes are filled before anything
can mount them; late owners are linked at the end. Run again with the same `name` after a crash, it
continues where it stopped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.volume_decisions import Act as VolumeAct
from resilience.backup.data.volume_decisions import Decision
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BadRequest, RestoreRefused
from resilience.backup.format.velero import Found, understood
from resilience.backup.objects import order
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.outside_owners import OutsideOwners
from resilience.backup.objects.related import Need, needs
from resilience.backup.objects.restore_plan import Indexed, Passes, RestoreStage, plan
from resilience.backup.objects.rules import RESTORE, Allocations, strip, with_allocations
from resilience.backup.objects.selection import EVERYTHING, Chosen, Selection
from resilience.backup.objects.short_lived import goes_with_owner, recreated_owners
from resilience.backup.objects.skips import reason_to_skip
from resilience.backup.objects.velero_hooks import restore_hooks
from resilience.backup.restore.cluster_needs import ClusterNeeds
from resilience.backup.restore.crew import Context, Crew
from resilience.backup.restore.leaving import require_settled
from resilience.backup.restore.outcome import STATUS_LEFT, Item, Outcome, RestoreReport
from resilience.backup.restore.owner_links import OwnerLinks
from resilience.backup.restore.places import nameless, places, require_place
from resilience.backup.restore.quotas import Quotas
from resilience.backup.restore.recorded_roles import RecordedRoles
from resilience.backup.restore.served_kinds import CRDS, Kinds, MissingKind
from resilience.backup.restore.writing import GRANTING, WEBHOOK, Existing, ObjectWriter, Written
from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource
from resilience.cluster.permit.held_rights import HeldRights
from resilience.kube import objects
from resilience.model.progress import Done, nobody, track

Adjust = Callable[[Object], str | Mapping[str, list[str]]]
"""Changes an object further: returns a reason to leave it out, or the pointers it touched by rule
(a drill's safety rules)."""


Modify = Callable[[str, Object], Mapping[str, list[str]]]
"""Changes an object (of a kind such as `deployments.apps`) on request, before it is mapped;
returns the pointers by change."""

_GROUND = {
    "namespaces": NAMESPACES,
    "customresourcedefinitions.apiextensions.k8s.io": CRDS,
}
_UNDECIDED = {VolumeAct.REFUSE: Outcome.REJECTED, VolumeAct.LOOK: Outcome.UNASKED}
_END = RestoreStage(order.WAVES, 0)

_HOOK_PATIENCE = 5.0
"""Seconds in which a webhook may be away before its objects are put off to the end."""

Act = Callable[[Resource, Object, Existing], Written]


class Filling(Protocol):
    """Restores the data of volumes into claims."""

    def decide(
        self,
        snapshot: Snapshot,
        targets: Targets,
        wanted: Callable[[str, str], bool],
        *,
        look: bool,
    ) -> Sequence[Decision]:
        """What happens to each volume; nothing is written. With `look`, existing claims are
        inspected."""

    def fill(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[str]:
        """Called when all claims exist and nothing mounts them; returns a line for each volume."""


def nothing() -> None:
    """Nothing to do."""


def unmodified(kind: str, obj: Object) -> Mapping[str, list[str]]:
    """Nothing to change."""
    return {}


def unadjusted(obj: Object) -> Mapping[str, list[str]]:
    """Nothing to change."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """`name` marks what is created; the same name resumes.

    `allocations`: which cluster IPs and node ports are restored. `status`: globs of custom
    resources (`widgets.example.com`) whose status is written back. With `outside_owners`, owners
    outside the snapshot are kept if they exist. `on_begin` is called once everything was checked
    and nothing is written yet; `before_workloads` once, before the first Pod or workload is
    created. `modify` changes objects on request. `mapped_only`: an object in a namespace that
    `targets` does not map refuses the restore. `without_volume_data` accepts that volumes stay
    empty whose data only Velero can read.
    """

    name: str
    selection: Selection = EVERYTHING
    targets: Targets = field(default_factory=Targets)
    existing: Existing = "fail"
    workers: int = 16
    ask_first: bool = True
    dry_run: bool = False
    mapped_only: bool = False
    without_volume_data: bool = False
    patience: float = 120.0
    modify: Modify = unmodified
    adjust: Adjust = unadjusted
    volumes: Filling | None = None
    allocations: Allocations = "chosen"
    status: tuple[str, ...] = ()
    outside_owners: bool = True
    on_begin: Callable[[], None] = nothing
    before_workloads: Callable[[], None] = nothing


def restore(
    request: RestoreRequest, snapshot: Snapshot, cluster: Cluster, *, clock: Clock
) -> RestoreReport:
    """Create everything; `RestoreRefused` before the first create when something blocks it."""
    layout.checked_name(request.name)
    if request.workers < 1:
        raise BadRequest("a restore needs at least one worker")
    return _Restore(request, snapshot, cluster, clock).run()


class _Restore:
    def __init__(
        self, request: RestoreRequest, snapshot: Snapshot, cluster: Cluster, clock: Clock
    ) -> None:
        self._request, self._snapshot, self._clock = request, snapshot, clock
        self._tell: Done = nobody
        self._cluster = cluster
        self._kinds = Kinds(cluster, clock)
        self._report = RestoreReport(request.name, snapshot.name)
        self._links = OwnerLinks(cluster)
        self._chosen = Chosen(request.selection)
        self._passes = Passes()
        self._recreated: Mapping[str, str] = {}
        self._places = frozenset[str]()
        self._asking = False
        self._unasked = frozenset[tuple[str, str, str]]()
        self._only: frozenset[tuple[str, str, str]] | None = None
        self._coming: set[Need] = set()
        self._decisions: Sequence[Decision] = ()
        self._filled = False
        self._guarded = False
        self._outside = OutsideOwners(cluster)
        self._needs = ClusterNeeds(cluster)
        self._quotas = Quotas(cluster)
        self._rights = HeldRights(cluster)
        self._roles = RecordedRoles(snapshot, request.targets, self._chosen.holds)
        self._rules = with_allocations(request.allocations)
        self._writer = ObjectWriter(
            cluster=cluster.recording(),
            clock=clock,
            restore=request.name,
            snapshot=snapshot.name,
            patience=request.patience,
        )

    def run(self) -> RestoreReport:
        self._places = places(self._request, self._snapshot)
        began = self._clock.monotonic()
        patience = 0.0 if self._request.dry_run else self._request.patience
        require_settled(self._cluster, self._places, clock=self._clock, patience=patience)
        self._passes = plan(self._index)
        self._recreated = recreated_owners(self._snapshot) if self._passes.owners else {}
        self._links.inside = self._passes.owners & self._passes.owned.keys()
        self._kinds.expect(self._defined_kinds())
        self._choose()
        self._decide()
        if self._request.ask_first or self._request.dry_run:
            self._asking = True
            self._make_room(self._writer.ask)
            self._walk(self._writer.ask)
            self._asking = False
            self._report.items += [
                Item("resourcequotas", namespace, name, Outcome.REJECTED, reason)
                for namespace, name, reason in self._quotas.exceeded()
            ]
            self._report.seconds["ask"] = self._clock.monotonic() - began
            if self._request.dry_run:
                self._report.volumes = [each.foretold() for each in self._decisions]
                return self._report
            self._report.require("the restore was not started")
            self._unasked = _keys(
                each for each in self._report.items if each.outcome is Outcome.UNASKED
            )
            self._report.items.clear()
            self._report.hooks.clear()
        self._report.require("the restore was not started")
        self._request.on_begin()
        began = self._clock.monotonic()
        self._make_room(self._writer.write)
        self._walk(self._writer.write, _is_ground)
        self._ask_again()
        self._walk(self._written_first, lambda stage: not _is_ground(stage))
        self._write_again()
        self._link()
        self._report.seconds["create"] = self._clock.monotonic() - began
        return self._report

    def _make_room(self, act: Act) -> None:
        """Namespaces that the snapshot writes to and does not hold. An existing one is left
        unchanged."""
        for obj in nameless(self._request, self._snapshot):
            try:
                self._cluster.get(NAMESPACES, obj["metadata"]["name"])
            except NotFound:
                self._note("namespaces", obj, act(NAMESPACES, obj, "skip"), {})
            except Forbidden:  # the first write shows whether it exists
                continue

    def _ask_again(self) -> None:
        """Check the objects whose namespace or kind did not exist before. When one of these is
        refused, the namespaces that were just created are deleted again."""
        if not self._unasked:
            return
        written, self._report.items = self._report.items, []
        self._asking, self._only = True, self._unasked
        self._walk(self._writer.ask, lambda stage: not _is_ground(stage))
        self._asking, self._only = False, None
        try:
            self._report.require("only namespaces and definitions were created, which are deleted "
                                 "again where that is allowed")  # fmt: skip
        except RestoreRefused:
            self._take_back(written)
            raise
        self._report.items = written

    def _written_first(self, resource: Resource, obj: Object, existing: Existing) -> Written:
        """A webhook that nothing serves may be served by what comes later. Claims are not put off:
        they are filled before anything mounts them."""
        claim = identity(obj) == "PersistentVolumeClaim"
        return self._writer.write(resource, obj, existing, hooks=None if claim else _HOOK_PATIENCE)

    def _write_again(self) -> None:
        """Write the objects that a webhook without a server rejected, now that the others exist."""
        settled, late = list[Item](), list[Item]()
        for item in self._report.items:
            away = item.outcome is Outcome.FAILED and WEBHOOK in item.reason
            (late if away else settled).append(item)
        if late:
            self._report.items, self._only = settled, _keys(late)
            self._walk(self._writer.write)
            self._only = None

    def _take_back(self, written: Sequence[Item]) -> None:
        """Namespaces and definitions of this restore: nothing is in them yet."""
        for item in reversed(written):
            if item.outcome is not Outcome.CREATED or item.kind not in _GROUND:
                continue
            with suppress(ClusterError):
                resource = _GROUND[item.kind]
                live = self._cluster.get(resource, item.name)
                if objects.annotation(live, RESTORE) == self._request.name:
                    self._cluster.delete(resource, item.name, uid=objects.uid(live))

    def _choose(self) -> None:
        if self._request.selection.partial:
            for found in self._snapshot.contents.objects():
                self._chosen.see(found.address.resource, found.parsed())
            self._chosen.require_any(self._snapshot.name)

    def _decide(self) -> None:
        """Volumes, before anything is written; problems are listed with those of the objects."""
        filling = self._request.volumes
        if not filling:
            return
        self._decisions = filling.decide(
            self._snapshot, self._request.targets, self._has_claim, look=not self._request.dry_run
        )
        self._report.items += [
            Item("volume", each.namespace, each.record.claim, _UNDECIDED[each.act], each.why)
            for each in self._decisions
            if each.act in _UNDECIDED
        ]

    def _has_claim(self, namespace: str, claim: str) -> bool:
        """Whether the selection holds a claim with its data. Its labels were seen with it."""
        selection = self._request.selection
        if not selection.partial and not selection.exclude:
            return True
        obj = {"kind": "PersistentVolumeClaim", "metadata": {"name": claim, "namespace": namespace}}
        if selection.labels:
            return (namespace, claim) in self._chosen.claims
        return selection.chooses("persistentvolumeclaims", obj)

    def _index(self) -> Iterable[Indexed]:
        for line in self._snapshot.contents:
            yield Indexed(line.address.resource, line.uid, line.owners)

    def _defined_kinds(self) -> Iterator[str]:
        crds = "customresourcedefinitions.apiextensions.k8s.io"
        names = (line.address for line in self._snapshot.contents)
        return (each.name for each in names if each.resource == crds)

    def _walk(self, act: Act, wanted: Callable[[RestoreStage], bool] = lambda stage: True) -> None:
        what = "ask about objects" if self._asking else "restore objects"
        noted = len(self._report.items)
        with track(what, total=self._snapshot.contents.count) as self._tell:
            self._tell(noted)  # already done in an earlier pass
            self._walk_through(act, wanted)
        self._tell = nobody

    def _walk_through(self, act: Act, wanted: Callable[[RestoreStage], bool]) -> None:
        with ThreadPoolExecutor(self._request.workers, "resilience-restore") as workers:
            for stages in self._passes.readings:
                if not any(map(wanted, stages)):
                    continue
                crew = Crew(workers, self._request.workers, self._done)
                current: RestoreStage | None = None
                for line, found in self._snapshot.contents.pairs():
                    stage = self._passes.stage(line.address.resource, line.uid)
                    if stage not in stages or not wanted(stage):
                        continue
                    if stage != current:
                        crew.finish()
                        self._stage_ended(current)
                        self._fill_before(stage)
                        current = stage
                    self._one(found, found.parsed(), act, crew)
                crew.finish()
                self._stage_ended(current)
        if wanted(_END):
            self._fill_before(_END)

    def _stage_ended(self, stage: RestoreStage | None) -> None:
        if stage is not None and stage.wave == 0 and not self._asking:
            self._kinds.wait_until_served()

    def _fill_before(self, stage: RestoreStage) -> None:
        """Once, when all claims exist and nothing mounts them."""
        filling = self._request.volumes
        if filling and not self._asking and not self._filled and stage.wave > order.CLAIMS:
            self._filled = True
            self._report.volumes = filling.fill(self._snapshot, self._decisions)
        if not self._asking and not self._guarded and stage.wave >= order.WORKLOADS:
            self._guarded = True
            self._request.before_workloads()

    def _one(self, found: Found, obj: Object, act: Act, crew: Crew) -> None:
        kind, old = found.address.resource, obj["metadata"].get("uid", "")
        if not self._chosen.holds(kind, obj) or self._passed_over(found, obj):
            return
        if self._only is None:
            self._report.hooks += restore_hooks(obj)
        needed = self._chosen.only_needed(kind, obj)
        with understood(found.address):
            if reason := self._reason_to_skip(kind, old, obj):
                self._note(kind, obj, Written(Outcome.LEFT, reason), {})
                return
            owners = list(obj["metadata"].get("ownerReferences") or ())
            recorded = obj.get("status")
            rewrites: dict[str, list[str]] = strip(obj, self._rules)
            status = self._status_of(kind, obj, rewrites)
            self._relink(obj, rewrites)
            rewrites |= self._modified(kind, obj, recorded)
            self._request.targets.apply(obj)
            adjusted = self._request.adjust(obj)
        if isinstance(adjusted, str):
            self._note(kind, obj, Written(Outcome.LEFT, adjusted), {})
            return
        rewrites |= adjusted
        resource = self._kinds.of(kind, obj)
        if isinstance(resource, MissingKind):
            self._note(kind, obj, Written(resource.outcome, resource.reason), {})
            return
        require_place(resource, obj, self._places)
        if not self._asking:
            self._links.later(kind, resource, obj, owners)
        existing: Existing = "skip" if needed else self._request.existing
        crew.give(
            lambda: self._acted(act, resource, obj, existing, status), (kind, obj, old, rewrites)
        )

    def _reason_to_skip(self, kind: str, uid: str, obj: Object) -> str:
        return (
            self._passes.twin_of(kind, uid)
            or reason_to_skip(obj)
            or goes_with_owner(obj, self._recreated)
        )

    def _status_of(self, kind: str, obj: Object, rewrites: dict[str, list[str]]) -> Any:
        """The status to write back. A create ignores it if it is a subresource."""
        if not self._kinds.has_status(kind) or "status" not in obj:
            return None
        status = obj.pop("status")
        if any(fnmatchcase(kind, pattern) for pattern in self._request.status):
            return status
        rewrites[STATUS_LEFT] = ["/status"]
        return None

    def _modified(self, kind: str, obj: Object, recorded: Any) -> Mapping[str, list[str]]:
        """The requested changes. One may read the status that was recorded, also where it is not
        restored: a handle of a volume is nowhere else."""
        if recorded is None or "status" in obj:
            return self._request.modify(kind, obj)
        obj["status"] = copy.deepcopy(recorded)
        changed = self._request.modify(kind, obj)
        obj.pop("status", None)
        return changed

    def _acted(
        self, act: Act, resource: Resource, obj: Object, existing: Existing, status: Any
    ) -> Written:
        written = act(resource, obj, existing)
        changed = (Outcome.CREATED, Outcome.RESUMED, Outcome.UPDATED)
        if status and not self._asking and written.outcome in changed:
            return self._writer.write_status(resource, obj, status, written)
        return written

    def _passed_over(self, found: Found, obj: Object) -> bool:
        """In a second pass, the outcomes that the first one settled."""
        if self._only is None:
            return False
        namespace = self._request.targets.namespace(found.address.namespace)
        return (found.address.resource, namespace, obj["metadata"]["name"]) not in self._only

    def _relink(self, obj: Object, rewrites: dict[str, list[str]]) -> None:
        """Owners get their new uids, some of them later. One outside of the snapshot is kept if
        it exists, else dropped: the garbage collector deletes what refers to a uid that does not
        exist (garbagecollector.go, attemptToDeleteItem)."""
        metadata, kept = obj["metadata"], list[Object]()
        namespace = metadata.get("namespace", "")
        for owner in metadata.pop("ownerReferences", None) or ():
            if self._comes_back(owner):
                kept += self._links.now(owner, asking=self._asking)
            elif self._outlives(owner, namespace):
                kept.append(owner)
            else:
                rewrites[f"without its owner {owner['kind']} {owner['name']}"] = [
                    "/metadata/ownerReferences"
                ]
        if kept:
            metadata["ownerReferences"] = kept

    def _comes_back(self, owner: Object) -> bool:
        """Whether the owner is in the snapshot. A partial restore may have left it out."""
        if owner["uid"] not in self._links.inside:
            return False
        selection = self._request.selection
        return self._links.knows(owner) or not (selection.partial or selection.exclude)

    def _outlives(self, owner: Object, namespace: str) -> bool:
        if not self._request.outside_owners:
            return False
        moved = self._request.targets.namespace(namespace) != namespace
        return self._outside.lives(owner, "" if moved else namespace)

    def _link(self) -> None:
        """Link owners that were created after their dependents. An object that was not written is
        left alone."""
        written = {
            (item.kind, item.namespace, item.name)
            for item in self._report.items
            if item.outcome in (Outcome.CREATED, Outcome.RESUMED, Outcome.UPDATED)
        }
        for late, problem in self._links.link(written):
            reason = f"its owner is not linked: {problem}"
            item = Item(late.kind, late.namespace, late.name, Outcome.FAILED, reason)
            self._report.items.append(item)

    def _done(self, written: Written, context: Context) -> None:
        kind, obj, old, rewrites = context
        self._links.learn(old, written.uid)
        if self._asking:
            written = self._answered(kind, obj, written)
        self._note(kind, obj, written, rewrites)

    def _answered(self, kind: str, obj: Object, written: Written) -> Written:
        """A refusal because of an object that this restore creates first does not count yet. An
        object that the API server accepts but that can never work gets its own outcome."""
        coming = written.outcome in (Outcome.WOULD_CREATE, Outcome.UNASKED)
        if coming or self._is_to_fill(obj):
            asked = obj if coming else self._needs.live(obj)
            if lacking := self._needs.lacking(asked, self._coming):
                return self._in_vain(obj, written, lacking[0])
        if coming:
            metadata = obj["metadata"]
            self._coming.add(Need(kind, metadata.get("namespace", ""), metadata["name"]))
        if written.outcome is Outcome.WOULD_CREATE:
            self._quotas.add(kind, obj)
        unasked = written.outcome is Outcome.UNASKED
        if unasked and (why := self._rights.why_not(obj, self._roles.rules)):
            return Written(Outcome.REJECTED, f"it {why}; {GRANTING}")
        if written.outcome is Outcome.REJECTED:
            for need in needs(obj):  # a refusal for another reason remains a refusal
                if need in self._coming and need.name in written.reason:
                    return Written(Outcome.UNASKED, f"{need} is restored first: {written.reason}")
        return written

    def _in_vain(self, obj: Object, written: Written, need: Need) -> Written:
        what = f"{need} is neither on this cluster nor in what is restored"
        metadata = obj["metadata"]
        if identity(obj) == "PersistentVolumeClaim":
            advice = f"map it with --map-storage-class {need.name}=NAME"
            if self._is_to_fill(obj):
                return Written(Outcome.REJECTED, f"{what}, so its data has no place: {advice}")
            what = f"{what}, so it stays Pending: {advice}"
        else:
            what = f"{what}, so its Pods are refused"
        note = f"{obj['kind']} {metadata['name']}: {what}"
        if note not in self._report.notes:  # report each note once
            self._report.notes.append(note)
        return written

    def _is_to_fill(self, obj: Object) -> bool:
        """Whether it is a claim that has no volume yet, and data to get."""
        if identity(obj) != "PersistentVolumeClaim":
            return False
        title = f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
        return any(each.title == title and each.act is VolumeAct.FILL for each in self._decisions)

    def _note(
        self, kind: str, obj: Object, written: Written, rewrites: Mapping[str, list[str]]
    ) -> None:
        metadata = obj["metadata"]
        self._tell(1)
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


def _is_ground(stage: RestoreStage) -> bool:
    """Definitions and namespaces: everything else is checked in these."""
    return stage.wave <= order.NAMESPACES


def _keys(items: Iterable[Item]) -> frozenset[tuple[str, str, str]]:
    return frozenset((item.kind, item.namespace, item.name) for item in items)
