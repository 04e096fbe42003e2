"""Restores a snapshot: in waves, with workers, resumable, with one value per object.

Order of work: learn the kinds, decide about volumes, send every object to the API server as a dry
run of the very request (`ask_first`), then create stage by stage; a stage begins when the one
before it is finished. Definitions come first and are awaited; volumes are filled before anything
can mount them; late owners are linked at the end. Run again with the same `name` after a crash, it
continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BadRequest, RestoreRefused
from resilience.backup.format.velero import Found, understood
from resilience.backup.objects import order
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.left_names import LeftNames
from resilience.backup.objects.restore_plan import Indexed, Passes, RestoreStage, plan
from resilience.backup.objects.selection import Chosen
from resilience.backup.objects.short_lived import goes_with_owner, recreated_owners
from resilience.backup.objects.skips import reason_to_skip
from resilience.backup.objects.velero_hooks import restore_hooks
from resilience.backup.restore.claims_to_fill import ClaimsToFill
from resilience.backup.restore.crew import Context, Crew, side_by_side
from resilience.backup.restore.ground import (
    DEFINITIONS,
    defined_kinds,
    is_ground,
    missing_namespaces,
    take_back,
)
from resilience.backup.restore.kept_owners import KeptOwners
from resilience.backup.restore.leaving import require_settled
from resilience.backup.restore.node_power import rules_nodes
from resilience.backup.restore.outcome import Item, Outcome, RestoreReport
from resilience.backup.restore.owner_links import OwnerLinks
from resilience.backup.restore.places import places, require_place
from resilience.backup.restore.preparation import Preparation, Prepared
from resilience.backup.restore.rehearsal.dry_run_answers import DryRunAnswers
from resilience.backup.restore.rehearsal.repeated_work import repeated
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.restore.served_kinds import Kinds, MissingKind
from resilience.backup.restore.writes.altered_objects import AlteredObjects
from resilience.backup.restore.writes.appliers import PLACE, record_appliers
from resilience.backup.restore.writes.server_refusals import is_hook_away
from resilience.backup.restore.writes.writing import Existing, ObjectWriter, Written
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource
from resilience.model.heap import only_new_collected
from resilience.model.progress import Done, nobody, track

_CHANGED = (Outcome.CREATED, Outcome.RESUMED, Outcome.UPDATED)
_END = RestoreStage(order.WAVES, 0)

_HOOK_PATIENCE = 5.0
"""Seconds that a webhook may be unavailable before its objects are postponed to the end."""

Act = Callable[[Resource, Object, Existing], Written]


def restore(
    request: RestoreRequest, snapshot: Snapshot, cluster: Cluster, *, clock: Clock
) -> RestoreReport:
    """Create everything; `RestoreRefused` before the first create when something blocks it."""
    layout.checked_name(request.name)
    if request.workers < 1:
        raise BadRequest("a restore needs at least one worker")
    with only_new_collected():
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
        self._left_names = LeftNames(request.targets.namespaces)
        self._altered = AlteredObjects()
        self._passes = Passes()
        self._recreated: Mapping[str, str] = {}
        self._places = frozenset[str]()
        self._asking = False
        self._unasked = frozenset[tuple[str, str, str]]()
        self._only: frozenset[tuple[str, str, str]] | None = None
        self._claims = ClaimsToFill(request, snapshot, self._chosen)
        owners = KeptOwners(request, cluster, self._links, self._chosen)
        self._preparation = Preparation(request, self._kinds, owners)
        self._answers = DryRunAnswers(
            request, snapshot, cluster, self._chosen, self._claims, self._report
        )
        self._writer = ObjectWriter(
            cluster=cluster.recording(rules_nodes),
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
        self._passes = plan(self._indexed)
        self._recreated = recreated_owners(self._snapshot) if self._passes.owners else {}
        self._links.inside = self._passes.owners & self._passes.owned.keys()
        self._choose()
        if DEFINITIONS in self._passes.kinds:
            self._kinds.expect(defined_kinds(self._snapshot, self._chosen))
        self._report.items += self._claims.decide()
        if self._request.ask_first or self._request.dry_run:
            self._ask(began)
            if self._request.dry_run:
                self._report.volumes = [each.foretold() for each in self._claims.decisions]
                self._report.notes += self._left_names.notes() + self._altered.notes()
                return self._report
            self._report.require("the restore was not started")
            self._unasked = _keys(
                each for each in self._report.items if each.outcome is Outcome.UNASKED
            )
            self._report.items.clear()
            self._report.hooks.clear()
        self._report.require("the restore was not started")
        self._request.on_begin()
        self._create()
        self._report.notes += self._left_names.notes() + self._altered.notes()
        return self._report

    def _ask(self, began: float) -> None:
        """Everything as a dry run."""
        self._asking = True
        self._make_room(self._writer.ask)
        self._walk(self._writer.ask)
        self._asking = False
        self._report.items += self._answers.exceeded()
        self._report.seconds["ask"] = self._clock.monotonic() - began

    def _create(self) -> None:
        began = self._clock.monotonic()
        self._make_room(self._writer.write)
        self._walk(self._writer.write, is_ground)
        self._ask_again()
        self._walk(self._written_first, lambda stage: not is_ground(stage))
        self._write_again()
        self._link()
        self._report.seconds["create"] = self._clock.monotonic() - began

    def _make_room(self, act: Act) -> None:
        """Namespaces that the snapshot writes to and does not hold. An existing one is left
        unchanged."""
        for obj in missing_namespaces(self._request, self._snapshot, self._cluster):
            self._note("namespaces", obj, act(NAMESPACES, obj, "skip"), {})

    def _ask_again(self) -> None:
        """Check the objects whose namespace or kind did not exist before. When one of these is
        refused, or the namespace or definition itself, what was just created is deleted again."""
        if not self._unasked:
            return
        written, self._report.items = self._report.items, list(self._report.bad)
        self._asking, self._only = True, self._unasked
        self._walk(self._writer.ask, lambda stage: not is_ground(stage))
        self._asking, self._only = False, None
        try:
            self._report.require("only namespaces and definitions were created, which are deleted "
                                 "again where that is allowed")  # fmt: skip
        except RestoreRefused:
            take_back(written, self._request.name, self._cluster)
            raise
        self._report.items = written

    def _written_first(self, resource: Resource, obj: Object, existing: Existing) -> Written:
        """A webhook without a server may get one from objects that are restored later. Claims are
        not postponed: they are filled before anything mounts them."""
        claim = identity(obj) == "PersistentVolumeClaim"
        return self._writer.write(resource, obj, existing, hooks=None if claim else _HOOK_PATIENCE)

    def _write_again(self) -> None:
        """Write the objects that a webhook without a server rejected, now that the others exist."""
        settled, late = list[Item](), list[Item]()
        for item in self._report.items:
            away = item.outcome is Outcome.FAILED and is_hook_away(item.reason)
            (late if away else settled).append(item)
        if late:
            self._report.items, self._only = settled, _keys(late)
            self._walk(self._writer.write)
            self._only = None

    def _choose(self) -> None:
        if self._request.selection.leaves_out:
            for found in self._snapshot.contents.objects():
                self._chosen.see(found.address.resource, found.parsed())
            self._chosen.require_any(self._snapshot.name)

    def _indexed(self) -> Iterator[Indexed]:
        for line in self._snapshot.contents:
            yield Indexed(line.address.resource, line.uid, line.owners)

    def _walk(self, act: Act, wanted: Callable[[RestoreStage], bool] = lambda stage: True) -> None:
        what = "ask about objects" if self._asking else "restore objects"
        noted = len(self._report.items)
        with track(what, total=self._snapshot.contents.count) as self._tell:
            self._tell(noted)  # already done in an earlier pass
            self._walk_through(act, wanted)
        self._tell = nobody

    def _walk_through(self, act: Act, wanted: Callable[[RestoreStage], bool]) -> None:
        with Crew(self._request.workers, self._done) as crew:
            for stages in self._passes.readings:
                if not any(map(wanted, stages)):
                    continue
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
        """Once, when all claims and policies exist and nothing mounts or obeys them."""
        if not self._asking and not self._claims.filled and stage.wave > order.CLAIMS:
            self._report.volumes, self._report.seconds["guard"] = side_by_side(
                self._claims.fill, self._request.before_workloads, self._clock
            )

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
            owners, again = list(obj["metadata"].get("ownerReferences") or ()), repeated(obj)
            made = self._preparation.prepare(kind, obj, asking=self._asking)
        if made.left_out is not None:
            self._note(kind, obj, Written(Outcome.LEFT, made.left_out), {})
            return
        resource = self._kinds.of(kind, obj)
        if isinstance(resource, MissingKind):
            outcome = resource.outcome if self._asking else Outcome.FAILED
            self._note(kind, obj, Written(outcome, resource.reason), {})
            return
        require_place(resource, obj, self._places)
        self._left_names.see(kind, obj)
        if again and again not in self._report.notes:
            self._report.notes.append(again)
        if not self._asking:
            self._links.later(kind, resource, obj, owners)
        existing: Existing = "skip" if needed else self._request.existing
        crew.give(
            lambda: self._acted(act, resource, obj, existing, made),
            (kind, obj, old, made.rewrites),
        )

    def _reason_to_skip(self, kind: str, uid: str, obj: Object) -> str:
        return (
            self._passes.twin_of(kind, uid)
            or reason_to_skip(obj)
            or goes_with_owner(obj, self._recreated)
        )

    def _acted(
        self, act: Act, resource: Resource, obj: Object, existing: Existing, made: Prepared
    ) -> Written:
        written, status = act(resource, obj, existing), made.status
        if status and written.outcome is Outcome.EQUAL:
            return self._writer.settle_status(resource, obj, status, existing, dry_run=self._asking)
        if self._asking or written.outcome not in _CHANGED:
            return written
        if made.applied and not record_appliers(self._cluster, resource, obj, made.applied):
            written = replace(written, altered=(*written.altered, PLACE))
        return self._writer.write_status(resource, obj, status, written) if status else written

    def _passed_over(self, found: Found, obj: Object) -> bool:
        """In a second pass, the outcomes that the first one settled."""
        if self._only is None:
            return False
        namespace = self._request.targets.namespace(found.address.namespace)
        return (found.address.resource, namespace, obj["metadata"]["name"]) not in self._only

    def _link(self) -> None:
        """Link owners that were created after their dependents. An object that was not written is
        left alone."""
        written = _keys(item for item in self._report.items if item.outcome in _CHANGED)
        for late, problem in self._links.link(written):
            reason = f"its owner is not linked: {problem}"
            item = Item(late.kind, late.namespace, late.name, Outcome.FAILED, reason)
            self._report.items.append(item)

    def _done(self, written: Written, context: Context) -> None:
        kind, obj, old, rewrites = context
        self._links.learn(old, written.uid)
        self._altered.see(kind, obj, written.altered)
        if self._asking:
            written = self._answers.judged(kind, obj, written)
        self._note(kind, obj, written, rewrites)

    def _note(
        self, kind: str, obj: Object, written: Written, rewrites: Mapping[str, list[str]]
    ) -> None:
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        self._tell(1)
        self._report.items.append(
            Item(kind, namespace, name, written.outcome, written.reason, rewrites)
        )


def _keys(items: Iterable[Item]) -> frozenset[tuple[str, str, str]]:
    return frozenset((item.kind, item.namespace, item.name) for item in items)
