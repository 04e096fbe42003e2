"""Items are handed out once each, by groups; what runs alone waits for everybody else.

Workers here behave as pytest-xdist's do: one executes an item only when it knows the next one, or
that there is none.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("xdist")

from xdist.remote import Producer

from resilience.harness.distributed.groups import ALONE
from resilience.harness.distributed.scheduler import GroupScheduling


class Worker:
    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.queue: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.queue += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def can_run(self) -> bool:
        return len(self.queue) > 1 or (self.shutting_down and bool(self.queue))


class Farm:
    """`workers` that execute `items`; `groups` as the scheduler gets them."""

    def __init__(self, items: list[str], groups: dict[str, str], workers: int, dist: str) -> None:
        config: Any = SimpleNamespace(
            option=SimpleNamespace(loadscopereorder=True),
            getvalue=lambda name: ["popen"] * workers,
        )
        self.scheduler = GroupScheduling(config, Producer("test", enabled=False), groups, dist)
        self.items, self.groups = items, groups
        self.workers = [Worker(f"gw{number}") for number in range(workers)]
        self.done: list[tuple[str, str]] = []
        for worker in self.workers:
            self.scheduler.add_node(worker)
        for worker in self.workers:
            self.scheduler.add_node_collection(worker, items)
        self.scheduler.schedule()

    def begun(self) -> list[tuple[Worker, str]]:
        """What workers execute now."""
        return [(each, self.items[each.queue[0]]) for each in self.workers if each.can_run]

    def finish(self, worker: Worker) -> str:
        index = worker.queue.pop(0)
        self.done.append((worker.gateway.id, self.items[index]))
        self.scheduler.mark_test_complete(worker, index)
        return self.items[index]

    def crash(self, worker: Worker) -> str | None:
        self.workers.remove(worker)
        return self.scheduler.remove_node(worker)

    def replace(self, number: int) -> None:
        """A new worker, as xdist starts one for each that died."""
        worker = Worker(f"again{number}")
        self.workers.append(worker)
        self.scheduler.add_node(worker)
        self.scheduler.add_node_collection(worker, self.items)
        self.scheduler.schedule()

    def run(self, random: Random) -> None:
        while ready := self.begun():
            alone = [item for _, item in ready if self.groups.get(item) == ALONE]
            assert not alone or len(ready) == 1, ready
            self.finish(random.choice(ready)[0])


ITEMS = st.lists(st.sampled_from(["", "", "one", "two", ALONE]), min_size=1, max_size=12).map(
    lambda names: {f"f{number}.py::t": name for number, name in enumerate(names)}
)


@given(ITEMS, st.integers(1, 4), st.integers(0, 999))
def test_every_item_is_executed_once_and_a_group_by_one_worker(
    wanted: dict[str, str], workers: int, seed: int
) -> None:
    groups = {item: group for item, group in wanted.items() if group}
    farm = Farm([*wanted], groups, workers, "load")
    farm.run(Random(seed))
    assert Counter(item for _, item in farm.done) == Counter([*wanted])
    for group in set(groups.values()):
        assert len({worker for worker, item in farm.done if groups.get(item) == group}) == 1
    assert farm.scheduler.tests_finished


@given(ITEMS, st.integers(2, 4), st.integers(0, 999))
def test_an_item_whose_worker_died_is_not_executed_again(
    wanted: dict[str, str], workers: int, seed: int
) -> None:
    groups = {item: group for item, group in wanted.items() if group}
    farm, random = Farm([*wanted], groups, workers, "load"), Random(seed)
    ready = farm.begun()
    victim, item = random.choice(ready)
    assert farm.crash(victim) == item
    farm.run(random)
    assert item not in [each for _, each in farm.done]
    assert max(Counter(each for _, each in farm.done).values(), default=1) == 1


def test_what_a_dead_worker_leaves_comes_before_what_runs_alone() -> None:
    groups = {"a": "one", "d": "one", "e": ALONE}
    farm = Farm(["a", "b", "c", "d", "e"], groups, 2, "load")
    assert farm.crash(farm.workers[0]) == "a"
    farm.run(Random(0))
    executed = [item for _, item in farm.done]
    assert sorted(executed) == ["b", "c", "d", "e"]
    assert executed[-1] == "e"


@pytest.mark.parametrize(
    ("dist", "together"),
    [("load", False), ("worksteal", False), ("loadfile", True), ("loadscope", True)],
)
def test_other_tests_are_handed_out_as_dist_says(dist: str, *, together: bool) -> None:
    farm = Farm(["a.py::one", "a.py::two", "b.py::one"], {}, 2, dist)
    scopes = [farm.scheduler._split_scope(item) for item in farm.items]
    assert (scopes[0] == scopes[1]) is together
    assert scopes[0] != scopes[2]


def test_the_largest_group_begins_first() -> None:
    """What takes longest, at the end, would leave the other workers idle."""
    items = ["a", "b", "plan::fresh", "plan::intact", "plan::drill"]
    groups = {"a": "a", "b": "b", **dict.fromkeys(items[2:], "plan")}
    farm = Farm(items, groups, 2, "load")
    assert [item for _, item in farm.begun()] == ["plan::fresh", "a"]


def test_xdist_groups_stay_together() -> None:
    farm = Farm(["a.py::one@x", "b.py::two@x", "c.py::three[a@b]"], {}, 2, "loadgroup")
    scopes = [farm.scheduler._split_scope(item) for item in farm.items]
    assert scopes == ["x", "x", "c.py::three[a@b]"]


@given(ITEMS, st.integers(1, 3), st.integers(0, 999), st.sets(st.integers(0, 11)))
def test_workers_that_replace_dead_ones_execute_what_is_left(
    wanted: dict[str, str], workers: int, seed: int, deadly: set[int]
) -> None:
    groups = {item: group for item, group in wanted.items() if group}
    farm, random = Farm([*wanted], groups, workers, "load"), Random(seed)
    died: list[str | None] = []
    while ready := farm.begun():
        worker, item = random.choice(ready)
        if farm.items.index(item) in deadly:
            died.append(farm.crash(worker))
            assert died[-1] == item
            farm.replace(len(died))
        else:
            farm.finish(worker)
    assert Counter([*died, *(item for _, item in farm.done)]) == Counter(farm.items)


def test_a_worker_dies_while_the_replacement_of_another_still_collects() -> None:
    farm = Farm([f"f{number}.py::t" for number in range(8)], {}, 2, "load")
    first, second = farm.workers
    died = {farm.crash(first)}
    collecting = Worker("collecting")
    farm.scheduler.add_node(collecting)
    died.add(farm.crash(second))
    farm.workers.append(collecting)
    farm.scheduler.add_node_collection(collecting, farm.items)
    farm.scheduler.schedule()
    farm.run(Random(1))
    assert {item for _, item in farm.done} == {*farm.items} - died
