"""The scratch namespaces of a drill, each behind a wall that is tested three times.

Once when it is built, again with the restored policies in force and in the guise of each workload,
and at last in the guise of what runs there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.drills.drill_report import DrillRecord
from resilience.backup.drills.drill_rights import Ungranted
from resilience.backup.drills.scratch import Leave, Origin, lease, scratch
from resilience.backup.drills.wall.canary import require_wall
from resilience.backup.drills.wall.canary_guises import PLAIN, Guise, guises, stand_in
from resilience.backup.drills.wall.egress_wall import require_standing
from resilience.backup.drills.wall.pull_secrets import copied, pull_secrets
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import NoWall
from resilience.backup.objects.mapping import Targets
from resilience.backup.proof.compare import objects
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.cluster.stand_in import StandIn
from resilience.model.scenario import Plan

TTL = timedelta(hours=4)
WALL = "wall"
_AT_ONCE = 8


class DrillWalls:
    """`holder` names the run, `leave` gets volumes that stay."""

    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        cluster: Cluster,
        clock: Clock,
        targets: Targets,
        ungranted: Ungranted,
        record: DrillRecord,
        holder: str,
        leave: Leave,
    ) -> None:
        self._leave = leave
        self._plan, self._snapshot, self._cluster = plan, snapshot, cluster
        self._clock, self._holder, self._record = clock, holder, record
        self._targets, self._sources = targets, tuple(targets.namespaces)
        self._ungranted = ungranted
        self._custom = plan.drill.custom if plan.drill else ()
        self._known: dict[str, set[Guise]] = {}
        self._stands_in: dict[str, StandIn] = {}

    @contextmanager
    def scratch(self, source: str) -> Iterator[str]:
        """A scratch namespace with a wall, for as long as the block runs; `ask` tests it."""
        origin = Origin(
            plan=self._plan.id,
            store=self._snapshot.store.url,
            snapshot=self._snapshot.name,
            source=source,
            holder=self._holder,
            custom=self._custom,
            ungranted=self._ungranted.of(source),
        )
        with scratch(
            self._cluster,
            self._targets.namespace(source),
            origin,
            clock=self._clock,
            ttl=TTL,
            leave=self._leave,
        ) as name:
            self._stands_in[name] = self._stand_in(source, name)
            yield name

    def ask(self) -> None:
        """Test the walls while the namespaces are empty."""
        self._each(lambda scratch: self._ask(scratch, (PLAIN,)))

    def _each(self, ask: Callable[[str], None]) -> None:
        """All namespaces at once: a canary that is kept in waits most of its time."""
        names = [self._targets.namespace(source) for source in self._sources]
        with ThreadPoolExecutor(_AT_ONCE, "resilience-wall") as pool:
            for _ in pool.map(ask, names):
                pass

    def _stand_in(self, source: str, scratch: str) -> StandIn:
        """Where the recorded workloads run, and with what their images are pulled."""
        logins = copied(self._cluster, scratch, pull_secrets(self._recorded(source)))
        return replace(stand_in(self._recorded(source)), pull_secrets=logins)

    def _recorded(self, source: str) -> Iterator[Object]:
        return (
            each.parsed() for each in objects(self._snapshot) if each.address.namespace == source
        )

    def _ask(self, scratch: str, guises: Sequence[Guise], owner: Object | None = None) -> None:
        require_wall(
            self._cluster,
            scratch,
            clock=self._clock,
            helper_image=self._plan.helper_image,
            stands_in=self._stands_in[scratch],
            guises=guises,
            owner=owner,
        )

    def ask_again(self) -> None:
        """Test the wall with the restored policies in force, with the labels and account of each
        workload."""
        found: dict[str, set[Guise]] = {source: set() for source in self._sources}
        for each in objects(self._snapshot):
            if each.address.namespace in found:
                found[each.address.namespace].update(guises([each.parsed()]))
        self._known = {self._targets.namespace(source): held for source, held in found.items()}
        self._each(
            lambda scratch: self._ask(
                scratch, sorted(self._known[scratch]), lease(self._cluster, scratch)
            )
        )

    def ask_at_last(self) -> None:
        """Test the wall for Pods without a recorded template, and for all Pods if there are custom
        resources."""
        with self._record.timed(WALL):
            try:
                self._ask_what_lives()
            except NoWall as problem:
                self._record.find("wall", False, "nothing gets out of the copy", str(problem))

    def _ask_what_lives(self) -> None:
        for source in self._sources:
            scratch = self._targets.namespace(source)
            living = guises(
                {"apiVersion": "v1", "kind": "Pod"} | pod
                for pod in self._cluster.list(PODS, scratch)
            )
            known = set() if self._custom else {PLAIN, *self._known.get(scratch, ())}
            if new := [each for each in living if each not in known]:
                self._ask(scratch, new, lease(self._cluster, scratch))
            require_standing(self._cluster, scratch)
