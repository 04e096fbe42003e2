"""Time to recover, from the watch alone."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks.recovery import Recovery, recoveries
from resilience.cluster.interface import Object, WatchEvent
from resilience.engine.evidence.sight import Gap, earliest
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


def bound(name: str) -> tuple[Struck]:
    of: Any = {"owner": "ds", "workload": "ds", "workload_title": "daemonset/a"}
    return (victim(name, fate=Fate.RESTARTED, **of),)


def of_nodes(events: list[WatchEvent], *down: str) -> Recovery:
    """A DaemonSet's Pods x, y and z, of which x was struck with its node."""
    start = [WatchEvent("ADDED", pod(name, owner="ds"), 1.0) for name in ("x", "y", "z")]
    [found] = recoveries(
        bound("x"), [*start, *events], wanting=lambda _, moment: 3,
        stranded=lambda each: each.uid in down,
    )  # fmt: skip
    return found


def test_a_pod_of_a_node_that_is_down_does_not_have_to_come_back() -> None:
    silent = change(10.5, pod("x", ready=False, owner="ds"))
    found = of_nodes([silent], "x")
    assert found.seconds == pytest.approx(0.5)
    assert found.text == "daemonset/a recovered in 0.50s, without 1 Pod of a node that is down"
    assert of_nodes([silent]).seconds is None
    other = change(11.0, pod("y", ready=False, owner="ds"))
    assert of_nodes([silent, other], "x").seconds is None


def test_where_all_of_them_are_on_such_nodes_nothing_is_proven() -> None:
    silent = change(10.5, pod("x", ready=False, owner="ds"))
    alone = [WatchEvent("ADDED", pod("x", owner="ds"), 1.0), silent]
    [found] = recoveries(bound("x"), alone, stranded=lambda each: True)
    assert found.vain
    assert found.text == "daemonset/a is bound to a node that is down: none has to come back"


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


def test_pods_of_another_owner_do_not_count_as_recovery() -> None:
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


def wanting(number: int | None) -> Any:
    return lambda victim, moment: number


def of(events: list[WatchEvent], wanted: int | None, *victims: Struck) -> Recovery:
    [found] = recoveries(victims or (victim("a"),), [*START, *events], SETS, wanting(wanted))
    return found


def test_nothing_brings_back_what_nobody_wants_any_more() -> None:
    gone = [change(10.1, pod("a", dying=True)), change(11.0, pod("a"), "DELETED")]
    assert of(gone, 3).seconds is None
    found = of(gone, 2)
    assert found.seconds == pytest.approx(0.1)
    assert found.text == "deployment/web recovered in 0.10s, with 2 of 3 Pods wanted"


@pytest.mark.parametrize(
    ("title", "wanted", "unwanted"),
    [("deployment/web", 0, True), ("deployment/web", 1, False), ("job/web", 0, False)],
)
def test_a_workload_scaled_to_zero_proves_no_recovery(
    title: str, wanted: int, unwanted: bool
) -> None:
    gone = [change(10.1, pod(name), "DELETED") for name in "bc"]
    found = of([change(10.1, pod("a", dying=True)), *gone, change(10.2, pod("n"))], wanted,
               victim("a", workload_title=title))  # fmt: skip
    assert (found.unwanted, found.vain) == (unwanted, unwanted)
    assert ("wants 0 Pods now: none has to come back" in found.text) is unwanted


def touched(events: list[WatchEvent]) -> Recovery:
    return recovery(events, *(victim(name, fate=Fate.TOUCHED) for name in ("a", "b")))


def test_pods_that_were_only_cut_off_and_kept_serving_need_no_event_to_have_recovered() -> None:
    found = touched([])
    assert (found.seconds, found.fewest) == (0.0, 0.0)
    assert found.text == "deployment/web kept its 3 serving Pods"
    assert recovery([]).seconds is None, "who was killed has to be seen to leave"


def test_pods_that_were_cut_off_have_recovered_when_they_serve_for_the_last_time() -> None:
    down, up = change(12.0, pod("a", ready=False)), change(13.5, pod("a"))
    assert touched([down]).seconds is None
    assert touched([down, up]).seconds == pytest.approx(3.5)
    again = [change(15.0, pod("b", ready=False)), change(16.0, pod("b"))]
    assert touched([down, up, *again]).seconds == pytest.approx(6.0)
    killed = [change(10.1, pod("a", dying=True)), change(11.0, pod("n")),
              change(12.0, pod("b", ready=False)), change(14.0, pod("b"))]  # fmt: skip
    assert recovery(killed).seconds == pytest.approx(1.0), "a later dip is not the kill's"


def test_a_pod_of_a_node_that_is_down_is_not_unwanted() -> None:
    [found] = recoveries([victim("a")], START[:1], SETS, wanting(0), stranded=lambda victim: True)
    assert found.vain
    assert not found.unwanted


def test_more_wanted_than_before_is_not_demanded() -> None:
    back = [change(10.1, pod("a", dying=True)), change(12.0, pod("n"))]
    assert of(back, 5).seconds == pytest.approx(2.0)


def test_what_is_wanted_may_change_after_the_last_pod_did() -> None:
    workload = {"kind": "Deployment", "metadata": {"uid": "d"}}
    events = [change(10.1, pod("a", dying=True)), WatchEvent("MODIFIED", workload, 14.0)]
    wants = {True: 3, False: 2}
    [found] = recoveries(
        [victim("a")], [*START, *events], SETS, lambda victim, moment: wants[moment < 14.0]
    )
    assert found.seconds == pytest.approx(4.0)


def test_where_none_served_before_none_has_to_come_back() -> None:
    sick = [WatchEvent("ADDED", pod("a", ready=False), 1.0)]
    gone = [change(10.1, pod("a", dying=True))]
    [found] = recoveries([victim("a")], [*sick, *gone], SETS, wanting(1))
    assert found.vain
    assert found.seconds == pytest.approx(0.1)
    assert found.text == "deployment/web had no serving Pod before: none has to come back"


def test_victims_that_did_not_serve_took_nothing_that_had_to_come_back() -> None:
    sick, dying = change(9.0, pod("a", ready=False)), change(10.1, pod("a", dying=True))
    assert recovery([sick, dying], victim("a")).text == (
        "deployment/web kept its 2 serving Pods: no victim served"
    )
    both = [sick, dying, change(10.1, pod("b", dying=True)), change(11.0, pod("n"))]
    both = [*both, change(11.0, pod("m"))]
    assert recovery(both, victim("a"), victim("b")).text == "deployment/web recovered in 1.00s"


def test_a_sick_victim_beside_healthy_ones_leaves_those_to_be_counted() -> None:
    sick = WatchEvent("ADDED", pod("s", ready=False), 1.0)
    struck = victim("s", fate=Fate.RESTARTED)
    events = [*START, sick, change(10.1, pod("s", ready=False, restarts=1))]
    [found] = recoveries([struck], events, SETS, wanting(4))
    assert (found.before, found.due) == (3, 3)
    assert found.seconds == pytest.approx(0.1)


def test_the_pods_that_do_not_serve_are_named() -> None:
    found = recovery([change(10.1, pod("a", dying=True)), change(10.2, pod("n", ready=False))])
    assert {each["metadata"]["name"] for each in found.unready} == {"a", "n"}


@pytest.mark.parametrize(
    ("gap", "fewest", "doubtful"),
    [((10.5, 13.4), 0.5, True), ((9.0, 13.4), 0.0, True), ((10.5, 12.0), 3.5, False)],
)
def test_a_recovery_that_nobody_could_see_has_bounds(
    gap: tuple[float, float], fewest: float, doubtful: bool
) -> None:
    events = [*START, change(10.1, pod("a", dying=True)), change(13.5, pod("n"))]
    [found] = recoveries(
        [victim("a")],
        events,
        SETS,
        earliest=lambda received: earliest(received, [Gap(*gap)]),
    )
    assert found.seconds == pytest.approx(3.5)
    assert found.fewest == pytest.approx(fewest)
    assert found.doubtful is doubtful
    assert ("the API server did not answer" in found.text) is doubtful


def test_who_serves_for_a_moment_and_then_no_more_has_not_recovered() -> None:
    """A Pod without a readiness probe that crashes in a loop is ready at each start."""
    flash = [
        change(10.1, pod("a", dying=True)),
        change(10.2, pod("a"), "DELETED"),
        change(10.5, pod("n")),
        change(10.9, pod("n", ready=False, restarts=1)),
    ]
    found = recovery(flash)
    assert found.seconds is None
    assert found.text == "deployment/web has 2 of 3 serving Pods back"
    found = recovery([*flash, change(20.0, pod("n", restarts=1))])
    assert found.seconds == pytest.approx(0.5)
    assert found.restarted == pytest.approx(10.9)
    own = victim("a", fate=Fate.RESTARTED)
    crashed = [change(10.1, pod("a", ready=False)), change(11.0, pod("a", restarts=1))]
    assert recovery(crashed, own).restarted is None
