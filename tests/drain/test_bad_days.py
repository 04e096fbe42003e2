"""The drain engine on the sandbox while the API server, a budget or a node has a bad day.

End to end and in real time: Pods are `pause`, ready within a tenth of a second, so that each drain
takes about a second. A drain that is not troubled is the first test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import BUDGETS, DEPLOYMENTS, NODES, PODS, Object
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from resilience.drain import Allow, DrainOptions, DrainResult, PodDrain, State, budgets, drain
from resilience.drain.engine import Clock
from resilience.kube import objects
from resilience.kube.readiness import is_ready
from tests import spaces

FAULTS = "/sandbox/v1/faults"
LONGEST = 120.0
REPLICAS = 6


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=3) as embedded, connect(embedded.access) as opened:
        yield opened


@pytest.fixture
def space(cluster: HttpCluster) -> Iterator[str]:
    """A namespace with six Pods on node-1, of which two may be away; node-2 is free for others."""
    for node in ("node-1", "node-2", "node-3"):
        cordon(cluster, node, node != "node-1")
    with spaces.space(cluster, "drain") as name:
        cluster.create(DEPLOYMENTS, deployment(), name)
        cluster.create(BUDGETS, budget(2), name)
        with cluster.view(BUDGETS, name) as view:
            assert view.wait(lambda found: allowed(found) == 2, LONGEST)
        cordon(cluster, "node-2", False)
        cordon(cluster, "node-1", True)
        try:
            yield name
        finally:
            cluster.send(Request("DELETE", f"{FAULTS}/apiserver"))


def deployment() -> Object:
    spec = {"terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}  # fmt: skip
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    return {"metadata": {"name": "web"},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": "web"}},
                     "template": template}}  # fmt: skip


def budget(unavailable: int) -> Object:
    return {"metadata": {"name": "web"}, "spec": {
        "maxUnavailable": unavailable, "selector": {"matchLabels": {"app": "web"}}}}  # fmt: skip


def allowed(found: Any) -> int:
    return int((found[0].get("status") or {}).get("disruptionsAllowed", 0)) if found else 0


def cordon(cluster: HttpCluster, node: str, wanted: bool) -> None:
    cluster.patch(NODES, node, {"spec": {"unschedulable": wanted or None}})


def trouble(cluster: HttpCluster, **fault: Any) -> None:
    cluster.send(Request("POST", f"{FAULTS}/apiserver", body=fault))


def drained(
    cluster: HttpCluster,
    within: float = LONGEST,
    before: Callable[[Object], None] = lambda pod: None,
    on_change: Callable[[PodDrain], None] = lambda pod: None,
    clock: Clock = time,
) -> DrainResult:
    deadline = clock.monotonic() + within
    return drain(cluster, ["node-1"], DrainOptions(), clock=clock, deadline=deadline,
                 before=before, on_change=on_change)  # fmt: skip


class Late:
    """Real time, until a test says that it is late: then every deadline has passed."""

    def __init__(self) -> None:
        self.late = False

    def monotonic(self) -> float:
        return time.monotonic() + 10 * LONGEST * self.late


def all_moved(cluster: HttpCluster, space: str, result: DrainResult) -> None:
    assert result.drained, result.lines()
    assert len(result.evicted) == REPLICAS
    assert {objects.node(pod) for pod in cluster.list(PODS, space)} <= {"node-2"}


def test_an_undisturbed_drain_is_never_rejected(cluster: HttpCluster, space: str) -> None:
    result = drained(cluster)
    all_moved(cluster, space, result)
    assert result.rejected == 0


class Once:
    """Does something when the first Pod is about to be evicted."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def __call__(self, pod: Object) -> None:
        if self._act is not None:
            act, self._act = self._act, None
            act()


def test_watches_that_expire_under_way_are_begun_anew(cluster: HttpCluster, space: str) -> None:
    expire = Once(lambda: trouble(cluster, kind="expire"))
    all_moved(cluster, space, drained(cluster, before=expire))


def test_evictions_that_no_event_tells_of_are_asked_about(
    cluster: HttpCluster, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budgets' watch ends at the first eviction, and may come back after the drain only; no
    entry settles by itself."""
    monkeypatch.setattr(budgets, "SETTLE", 10 * LONGEST)

    def silence() -> None:
        trouble(cluster, kind="error", code=503, times=1, methods=["GET"], retryAfter=30,
                path="/poddisruptionbudgets")  # fmt: skip
        trouble(cluster, kind="expire")

    result = drained(cluster, before=Once(silence))
    all_moved(cluster, space, result)
    assert result.rejected == 0


def test_a_watch_cache_that_lags_behind_is_asked_again(cluster: HttpCluster, space: str) -> None:
    def lag() -> None:
        trouble(cluster, kind="error", code=504, times=3, methods=["GET"])
        trouble(cluster, kind="expire")

    all_moved(cluster, space, drained(cluster, before=Once(lag)))


@pytest.mark.parametrize("after", [None, 1])
def test_a_throttled_eviction_is_sent_again(
    cluster: HttpCluster, space: str, after: int | None
) -> None:
    more = {} if after is None else {"retryAfter": after}
    trouble(cluster, kind="error", code=429, times=2, path="/eviction$", **more)
    result = drained(cluster)
    all_moved(cluster, space, result)
    assert result.rejected == 2


def test_trouble_that_passes_is_waited_out(cluster: HttpCluster, space: str) -> None:
    trouble(cluster, kind="error", code=503, times=2, path="/eviction$")
    trouble(cluster, kind="reset", times=1, path="/eviction$")
    all_moved(cluster, space, drained(cluster))


def test_a_budget_that_closes_and_opens_again_is_followed(cluster: HttpCluster, space: str) -> None:
    cluster.patch(BUDGETS, "web", budget(0), space)
    with cluster.view(BUDGETS, space) as view:
        assert view.wait(lambda found: allowed(found) == 0, LONGEST)
    opening = threading.Event()

    def open_() -> None:
        opening.set()
        cluster.patch(BUDGETS, "web", budget(3), space)

    early: list[Object] = []
    opened = threading.Timer(0.5, open_)
    opened.start()
    result = drained(cluster, before=lambda pod: None if opening.is_set() else early.append(pod))
    opened.join()
    all_moved(cluster, space, result)
    assert result.rejected == 0
    assert not early


def test_a_budget_that_stays_closed_blocks_in_its_own_words(
    cluster: HttpCluster, space: str
) -> None:
    cluster.patch(BUDGETS, "web", budget(0), space)
    with cluster.view(BUDGETS, space) as view:
        assert view.wait(lambda found: allowed(found) == 0, LONGEST)
    result = drained(cluster, within=0.5)
    assert {pod.state for pod in result.pods} == {State.BLOCKED}
    assert result.rejected == 0
    assert f"budget web needs {REPLICAS} healthy pods and has {REPLICAS} currently" in str(
        result.pods[0]
    )


def test_a_pod_that_ends_slowly_under_a_spent_budget_is_evicted(
    cluster: HttpCluster, space: str
) -> None:
    """kubernetes/kubernetes#91141: it stays Ready while it terminates, and no budget counts it."""
    slow = {"name": "slow", "labels": {"app": "slow"}}
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10",
                 "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}  # fmt: skip
    spec = {"nodeName": "node-3", "terminationGracePeriodSeconds": 8, "containers": [container]}
    all_of_it = {"minAvailable": 1, "selector": {"matchLabels": {"app": "slow"}}}
    cluster.create(BUDGETS, {"metadata": {"name": "slow"}, "spec": all_of_it}, space)
    cluster.create(PODS, {"metadata": slow, "spec": spec}, space)
    with cluster.view(PODS, space, labels="app=slow") as view:
        assert view.wait(lambda found: any(map(is_ready, found)), LONGEST)
        cluster.delete(PODS, "slow", space)
        assert view.wait(lambda found: any(map(objects.is_terminating, found)), LONGEST)
        assert all(map(is_ready, view.objects()))
    options = DrainOptions(allow=Allow(bare=True))
    deadline = time.monotonic() + LONGEST
    result = drain(cluster, ["node-3"], options, clock=time, deadline=deadline)
    assert [(pod.name, pod.state) for pod in result.pods] == [("slow", State.EVICTED)]


def test_pods_of_a_node_that_died_are_told_as_still_terminating_and_why(
    cluster: HttpCluster, space: str
) -> None:
    clock = Late()

    def die() -> None:
        node = {"name": "node-1", "state": "dead"}
        cluster.send(Request("POST", f"{FAULTS}/node", body=node))

    def notice(pod: PodDrain) -> None:
        """As the node controller does after 40 s."""
        if pod.state is State.LEAVING:
            ready = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
            status = {"status": {"conditions": [ready]}}
            cluster.patch(NODES, "node-1", status, type="strategic", subresource="status")
            clock.late = True

    try:
        result = drained(cluster, before=Once(die), on_change=notice, clock=clock)
    finally:
        alive = {"name": "node-1", "state": "running"}
        cluster.send(Request("POST", f"{FAULTS}/node", body=alive))
    stuck = [pod for pod in result.pods if pod.state is State.TIMED_OUT]
    assert stuck, result.lines()
    assert "still terminating: node node-1 is not ready (Ready=Unknown)" in str(stuck[0])
    with cluster.view(NODES) as nodes:
        assert nodes.wait(lambda found: all(map(_is_ready, found)), LONGEST)


def _is_ready(node: Object) -> bool:
    return objects.condition(node, "Ready").get("status") == "True"
