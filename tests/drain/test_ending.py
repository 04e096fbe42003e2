"""A budget that cannot spare the Pods that find no other node keeps a drain from ending."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.drain.ending import endless
from tests.drain.objects import budget, pod

PODS = [pod("a"), pod("b")]
WHY = {"uid-a": "no node", "uid-b": "no node"}


def sparing(number: int, **more: Any) -> Object:
    made = budget(healthy=6, desired=6 - number, **more)
    made["status"]["expectedPods"] = 6
    return made


def test_more_pods_than_a_budget_spares_would_never_all_leave() -> None:
    assert endless(PODS, [sparing(1)], WHY) == [
        "the drain could not end, since budget shop/web spares 1 of its Pods at a time, and 2 of"
        " them would not come back: no other node takes shop/a, shop/b: no node; change that rule"
        " of the Pods, or add a node that takes them"
    ]


@pytest.mark.parametrize(
    "other",
    [
        sparing(2),
        sparing(1, selector={"matchLabels": {"app": "db"}}),
        sparing(1, generation=2),
        budget(),
    ],
)
def test_a_budget_that_can_spare_them_or_says_nothing_stops_no_drain(other: Object) -> None:
    assert endless(PODS, [other], WHY) == []


def test_pods_that_cost_no_budget_leave_anyhow() -> None:
    unready = [pod(name, ready=False) for name in "ab"]
    assert endless(unready, [sparing(1, policy="AlwaysAllow")], WHY) == []
    assert endless([*unready, *PODS[:1]], [sparing(0, policy="AlwaysAllow")], WHY)


def test_a_budget_that_its_controller_cannot_compute_says_nothing() -> None:
    failed = sparing(1)
    failed["status"]["conditions"] = [{"type": "DisruptionAllowed", "reason": "SyncFailed"}]
    assert endless(PODS, [failed], WHY) == []
