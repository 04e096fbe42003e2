"""Time to recover, from the watch alone."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks.recovery import Recovery, recoveries
from resilience.cluster.interface import Object, WatchEvent
from resilience.engine.evidence.victims import Struck
from resilience.verbs.context import Fate


def pod(name: str, ready: bool = True, owner: str = "rs", restarts: int = 0,
        dying: bool = False) -> Object:  # fmt: skip
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "uid": name}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "controller": True}]
    if dying:
        metadata["deletionTimestamp"] = "x"
    return {"metadata": metadata, "status": {
        "phase": "Running", "containerStatuses": [{"restartCount": restarts}],
        "conditions": [{"type": "Ready", "status": str(ready)}]}}  # fmt: skip


def replicaset(uid: str, deployment: str) -> WatchEvent:
    owner = {"uid": deployment, "controller": True}
    return WatchEvent("ADDED", {"metadata": {"uid": uid, "ownerReferences": [owner]}}, 0.0)


def victim(name: str, at: float = 10.0, **more: Any) -> Struck:
    values: dict[str, Any] = {
        "uid": name, "name": name, "namespace": "shop", "owner": "rs", "workload": "d",
        "workload_title": "deployment/web", "fate": Fate.GONE, "restarts": 0, "struck": at,
        "step": "when[0]", "grace": 30.0}  # fmt: skip
    return Struck(**(values | more))


START = [WatchEvent("ADDED", pod(name), 1.0) for name in ("a", "b", "c")]
SETS = [replicaset("rs", "d"), replicaset("rs2", "d")]


def recovery(events: list[WatchEvent], *victims: Struck) -> Recovery:
    [found] = recoveries(victims or (victim("a"),), [*START, *events], SETS)
    return found


def change(at: float, obj: Object, kind: str = "MODIFIED") -> WatchEvent:
    return WatchEvent(kind, obj, at)


def test_it_recovers_when_as_many_serve_as_before() -> None:
    found = recovery(
        [
            change(10.1, pod("a", dying=True)),
            change(10.2, pod("n", ready=False)),
            change(13.5, pod("n")),
            change(40.0, pod("a"), "DELETED"),
        ]
    )
    assert found.seconds == pytest.approx(3.5)
    assert found.before == 3


def test_a_terminating_pod_that_says_ready_counts_for_nobody() -> None:
    found = recovery([change(10.1, pod("a", dying=True))])
    assert found.seconds is None
    assert found.text == "deployment/web has 2 of 3 serving Pods back"


def test_nothing_has_recovered_before_the_harm_shows() -> None:
    assert recovery([change(10.1, pod("b"))]).seconds is None


def test_a_pod_of_a_set_that_nobody_watches_counts_for_the_workload_of_its_victim() -> None:
    events = [change(10.1, pod("n")), change(10.3, pod("a"), "DELETED")]
    [found] = recoveries([victim("a")], [*START, *events])
    assert found.before == 3
    assert found.seconds == pytest.approx(0.3)


def test_the_new_pods_of_a_rollout_count_for_the_deployment() -> None:
    events = [change(10.1, pod("n", owner="rs2")), change(10.3, pod("a"), "DELETED")]
    assert recovery(events).seconds == pytest.approx(0.3)


def test_pods_of_others_do_not_count() -> None:
    events = [change(10.1, pod("a"), "DELETED"), change(10.3, pod("n", owner="stranger"))]
    assert recovery(events).seconds is None


def test_a_crashed_pod_recovers_in_its_new_container() -> None:
    crashed = victim("a", fate=Fate.RESTARTED)
    events = [change(10.1, pod("a", ready=False)), change(10.2, pod("a", ready=True))]
    assert recovery(events, crashed).seconds is None
    events.append(change(12.0, pod("a", restarts=1)))
    assert recovery(events, crashed).seconds == pytest.approx(2.0)


def test_a_bare_pod_recovers_under_its_own_name() -> None:
    bare = victim("a", owner="", workload="", workload_title="bare Pod shop/a")
    again = pod("a", owner="")
    again["metadata"]["uid"] = "a2"
    events = [change(10.1, pod("a", owner=""), "DELETED"), change(11.0, again)]
    assert recovery(events, bare).seconds == pytest.approx(1.0)


def test_each_action_and_each_workload_has_a_number_of_its_own() -> None:
    victims = [victim("a"), victim("b"), victim("c", at=20.0, step="when[2]")]
    found = recoveries(victims, START, SETS)
    assert [(each.step, each.victims) for each in found] == [
        ("when[0]", ("shop/a", "shop/b")),
        ("when[2]", ("shop/c",)),
    ]
