"""Full collections that take long are not repeated over what survived them."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from resilience.sandbox.apiserver.garbage_tuning import NOTICEABLE, Pauses, attend
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_clock import VirtualClock
from tests.sandbox.apiserver.wire import config_map


@pytest.mark.parametrize(
    ("generation", "took", "frozen"),
    [(2, NOTICEABLE * 1.5, 1), (2, NOTICEABLE / 2, 0), (1, NOTICEABLE * 1.5, 0)],
)
def test_only_a_long_full_collection_is_the_last_of_its_objects(
    generation: int, took: float, frozen: int
) -> None:
    moments, calls = iter([5.0, 5.0 + took]), []
    pauses = Pauses(spent=lambda: next(moments), freeze=lambda: calls.append(1))
    for phase in ("start", "stop"):
        pauses(phase, {"generation": generation})
    assert len(calls) == frozen


def test_stored_objects_go_without_a_collector() -> None:
    """They have no circles: replaced versions are freed at once, or freezing would keep them."""
    api = Registry(VirtualClock(), chance=random.Random(7))
    maps = api.resource("configmaps")
    api.create(api.resource("namespaces"), {"metadata": {"name": "default"}})
    body = config_map("x")
    body["metadata"]["namespace"] = "default"
    api.create(maps, body)
    gc.collect()
    gc.disable()
    try:
        for number in range(100):
            api.update(maps, {**body, "data": {"n": str(number)}})
        api.delete(maps, "default", "x")
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.fixture
def collector() -> Iterator[None]:
    """This process' own collector, left as it was."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_full_collections_come_before_much_has_gathered(collector: None) -> None:
    """What slow watchers have not read yet lives long, and there is more and more of it."""
    clock = itertools.count()
    lives_already = [[number] for number in range(400_000)]
    attend(Pauses(spent=lambda: float(next(clock))))
    gathered: list[int] = []

    def count(phase: str, info: Mapping[str, Any]) -> None:
        if phase == "start" and info["generation"] == 2:
            gathered.append(len(gc.get_objects()))

    gc.callbacks.append(count)
    unread = [[number] for number in range(300_000)]
    # From Python 3.14 on collections go in small steps, and there may be no full one at all.
    assert max(gathered, default=0) < len(unread) / 6
    assert len(lives_already) > len(unread)
