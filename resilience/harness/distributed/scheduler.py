"""Distributes items to workers of pytest-xdist by group (`resilience.harness.distributed.groups`).

xdist's own LoadScopeScheduling does the distribution; this says which items belong together, keeps
the group ALONE back until every other worker has finished, begins with the largest, because the
longest at the end would leave the other workers idle, and never repeats an item whose worker died,
because its fault may have been injected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xdist.scheduler import LoadScopeScheduling

from resilience.harness.distributed.groups import ALONE


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """`groups` maps ids of items to groups; all others are handed out as `dist` says."""

    def __init__(self, config: Any, log: Any, groups: Mapping[str, str], dist: str) -> None:
        config.option.loadscopereorder = True
        super().__init__(config, log)
        self._groups, self._dist = groups, dist
        self._waiting: Any = None
        """The worker that will execute the group ALONE."""

    def _split_scope(self, nodeid: str) -> str:
        if group := self._groups.get(nodeid):
            return group
        if self._dist == "loadfile":
            return nodeid.partition("::")[0]
        if self._dist == "loadscope":
            return str(super()._split_scope(nodeid))
        if self._dist == "loadgroup" and nodeid.rfind("@") > nodeid.rfind("]"):
            return nodeid.rpartition("@")[2]
        return nodeid

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        self._release()

    def remove_node(self, node: Any) -> str | None:
        """Forget a worker. Returns the item during which the worker died, "" or None if there is
        none."""
        work: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        left = [item for unit in work.values() for item, done in unit.items() if not done]
        if left:
            self._give_back(work, left[0])
        if node is self._waiting:
            self._waiting = None
        for other in self.nodes:
            self._reschedule(other)
        self._release()
        return left[0] if left else None

    def _give_back(self, work: Mapping[str, dict[str, bool]], died_in: str) -> None:
        for scope, unit in work.items():
            if died_in in unit:
                unit[died_in] = True
            if not all(unit.values()):
                self.workqueue[scope] = unit

    def _reschedule(self, node: Any) -> None:
        """Give a worker two items, or tell it to end: it begins its last item only then. xdist
        gives the replacement of a dead worker one unit, and waits forever if that is one item. A
        worker that is still collecting gets its items afterwards."""
        if node not in self.registered_collections:
            return
        before = -1
        while not node.shutting_down and before < (now := self._pending(node)) < 2:
            before = now
            super()._reschedule(node)

    def _pending(self, node: Any) -> int:
        return int(self._pending_of(self.assigned_work[node]))

    def _assign_work_unit(self, node: Any) -> None:
        if ALONE in self.workqueue:
            self.workqueue.move_to_end(ALONE)
        if next(iter(self.workqueue)) == ALONE:
            self._wait_for_others(node)
        else:
            super()._assign_work_unit(node)

    def _wait_for_others(self, node: Any) -> None:
        """A worker executes its last item only once it has another one or has to end."""
        if self._waiting is None:
            self._waiting = node
        for other in self._others(self._waiting):
            if not other.shutting_down:
                other.shutdown()
        self._release()

    def _release(self) -> None:
        node = self._waiting
        only_alone_is_left = [*self.workqueue] == [ALONE]
        if node is None or not only_alone_is_left or self._busy(self._others(node)):
            return
        super()._assign_work_unit(node)
        node.shutdown()

    def _others(self, node: Any) -> Sequence[Any]:
        return [each for each in self.nodes if each is not node]

    def _busy(self, nodes: Sequence[Any]) -> bool:
        return any(self._pending_of(self.assigned_work[each]) for each in nodes)
