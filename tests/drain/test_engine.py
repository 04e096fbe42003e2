"""The drain loop over a cluster in memory: what it looks at, sends, waits for and reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from resilience.cluster.errors import Forbidden, ServerTrouble, Throttled, Unreachable
from resilience.cluster.interface import BUDGETS, NODES, PODS, Object, Resource, WatchEvent
from resilience.drain import Allow, DrainOptions, DrainResult, PodDrain, State, drain, engine
from tests.drain.objects import budget, pod
from tests.engine.fakes import FakeClock, FakeCluster

DEADLINE = 160.0
STEP = 0.25
PLAIN = DrainOptions()
BARE = DrainOptions(allow=Allow(bare=True))


class Quick(FakeCluster):
    """A Pod is gone as soon as it is evicted, unless its name says `slow`."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.hooks.append(self._leave)
        self.viewed: list[tuple[str, str, str]] = []
        self.evicted: list[str] = []

    def _leave(self, resource: Resource, kind: str, obj: Object) -> None:
        meta = obj["metadata"]
        leaving = resource == PODS and kind == "MODIFIED" and "deletionTimestamp" in meta
        if leaving and not meta["name"].startswith("slow"):
            self.remove(PODS, meta["namespace"], meta["name"])

    def view(self, resource: Resource, namespace: str = "", **more: Any) -> Any:
        self.viewed.append((resource.kind, namespace, more.get("fields", "")))
        return super().view(resource, namespace, **more)

    def evict(self, pod: str, namespace: str, **more: Any) -> Object:
        self.evicted.append(pod)
        return super().evict(pod, namespace, **more)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Quick]:
    """Time is virtual here: a look costs `STEP` of it, and no wait in between."""
    monkeypatch.setattr(engine, "TICK", 0.001)
    made = Quick()
    yield made
    assert made._views == [], "each view is closed"
    senders = [each.name for each in threading.enumerate() if each.name.startswith("evict")]
    assert senders == [], "each sender has ended"


def put(cluster: Quick, *objects: Object) -> None:
    for each in objects:
        kind = BUDGETS if "status" in each and "disruptionsAllowed" in each["status"] else PODS
        cluster.put(kind, each)


def drained(
    cluster: Quick,
    *nodes: str,
    options: DrainOptions = PLAIN,
    deadline: float = DEADLINE,
    check: Callable[[], None] = lambda: None,
    **more: Any,
) -> DrainResult:
    def step() -> None:
        check()
        cluster.clock.now += STEP

    return drain(
        cluster, nodes or ("node-1",), options,
        clock=cluster.clock, deadline=deadline, check=step, **more,
    )  # fmt: skip


def states(result: DrainResult) -> dict[str, State]:
    return {each.name: each.state for each in result.pods}


def reasons(result: DrainResult) -> dict[str, str]:
    return {each.name: each.reason for each in result.pods}


# ----- what is drained


def test_only_pods_of_its_nodes_are_evicted(cluster: Quick) -> None:
    put(cluster, pod("a"), pod("b", node="node-2"), pod("c", node="node-3"))
    result = drained(cluster, "node-1", "node-3")
    assert result.drained
    assert sorted(cluster.evicted) == ["a", "c"]
    assert states(result) == {"a": State.EVICTED, "c": State.EVICTED}
    assert [each["metadata"]["name"] for each in cluster.find(PODS)] == ["b"]


def test_an_empty_node_is_drained_at_once(cluster: Quick) -> None:
    result = drained(cluster)
    assert result.drained
    assert list(result.pods) == []


def test_budgets_hold_back_and_nothing_is_rejected(cluster: Quick) -> None:
    put(cluster, budget(allowed=1), *[pod(name) for name in "abc"])

    def heal(change: PodDrain) -> None:
        """As its controller does: one may be away again, and the last one's entry is there."""
        if change.state is State.EVICTED:
            status = {"disruptionsAllowed": 1, "disruptedPods": {change.name: "t"}}
            cluster.change(BUDGETS, "shop", "web", lambda obj: obj["status"].update(status))

    result = drained(cluster, on_change=heal)
    assert result.drained, result.lines()
    assert result.rejected == 0
    assert result.seconds < engine.LOOK_AGAIN


def test_a_budget_that_opens_is_heard_of(cluster: Quick) -> None:
    """Long before it would be read again."""
    put(cluster, budget(allowed=0), pod("a"))
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 5:
            opened = {"disruptionsAllowed": 1}
            cluster.change(BUDGETS, "shop", "web", lambda obj: obj["status"].update(opened))

    result = drained(cluster, check=check)
    assert states(result) == {"a": State.EVICTED}
    assert result.seconds < 4.0


@pytest.mark.parametrize(
    ("toleration", "again"),
    [
        ({"operator": "Exists"}, State.IGNORED),
        ({"key": "gpu", "operator": "Exists"}, State.EVICTED),
    ],
)
def test_a_new_pod_that_tolerates_the_cordon_is_not_evicted_forever(
    cluster: Quick, toleration: dict[str, str], again: State
) -> None:
    first, second = pod("a"), pod("a-again")
    for each in (first, second):
        each["spec"]["tolerations"] = [toleration]
    put(cluster, first)

    def return_once(change: PodDrain) -> None:
        if change.name == "a" and change.state is State.EVICTED:
            put(cluster, second)

    result = drained(cluster, on_change=return_once)
    assert states(result) == {"a": State.EVICTED, "a-again": again}
    ignored = "tolerates the cordon, so it was put here again"
    assert reasons(result)["a-again"] == (ignored if again is State.IGNORED else "")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_budget_whose_opening_or_end_no_event_told_is_read(cluster: Quick, deleted: bool) -> None:
    put(cluster, budget(allowed=0), pod("a"))
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 5 and deleted:
            del cluster.objects[BUDGETS.full_name, "shop", "web"]
        elif len(looks) == 5:
            found = cluster.objects[BUDGETS.full_name, "shop", "web"]
            found["status"]["disruptionsAllowed"] = 1
            found["metadata"]["resourceVersion"] = "99"

    result = drained(cluster, check=check)
    assert states(result) == {"a": State.EVICTED}
    assert result.seconds < 60.0


def test_an_answer_wakes_the_drain(cluster: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    """No event follows a refusal; the next look by itself would come after half a minute."""
    monkeypatch.setattr(engine, "TICK", 30.0)
    put(cluster, pod("a"))
    cluster.faults.append(
        lambda method, path: Forbidden(403, "no right") if path.endswith("/eviction") else None
    )
    began = time.monotonic()
    assert states(drained(cluster)) == {"a": State.FAILED}
    assert time.monotonic() - began < 15.0


def test_a_pod_that_comes_to_the_node_is_evicted_too(cluster: Quick) -> None:
    put(cluster, pod("a"))

    def follow(change: PodDrain) -> None:
        if change.name == "a" and change.state is State.EVICTED:
            put(cluster, pod("b"))

    assert states(drained(cluster, on_change=follow)) == {"a": State.EVICTED, "b": State.EVICTED}


def test_an_event_that_was_lost_is_made_good_by_a_full_look(cluster: Quick) -> None:
    put(cluster, pod("slow-a"))

    def lose(change: PodDrain) -> None:
        if change.state is State.LEAVING:
            del cluster.objects["pods", "shop", "slow-a"]
            cluster.clock.now += engine.LOOK_AGAIN

    result = drained(cluster, on_change=lose)
    assert states(result) == {"slow-a": State.EVICTED}
    assert engine.LOOK_AGAIN <= result.seconds < engine.LOOK_AGAIN + 4 * STEP


def test_before_that_time_a_lost_event_is_not_looked_for(cluster: Quick) -> None:
    put(cluster, pod("slow-a"))

    def lose(change: PodDrain) -> None:
        if change.state is State.LEAVING:
            del cluster.objects["pods", "shop", "slow-a"]
            cluster.clock.now += engine.LOOK_AGAIN - 4 * STEP

    result = drained(cluster, on_change=lose, deadline=100.0 + engine.LOOK_AGAIN - STEP)
    assert states(result) == {"slow-a": State.TIMED_OUT}


# ----- what is watched


@pytest.mark.parametrize(
    ("nodes", "spaces", "watched"),
    [
        (1, 1, [("", "spec.nodeName=node-0")]),
        (engine.FEW_NODES, 1, [("", f"spec.nodeName=node-{n}") for n in range(engine.FEW_NODES)]),
        (engine.FEW_NODES + 1, 1, [("space-0", "")]),
        (engine.FEW_NODES + 1, engine.FEW_NODES,
         [(f"space-{n}", "") for n in range(engine.FEW_NODES)]),
        (engine.FEW_NODES + 1, engine.FEW_NODES + 1, [("", "")]),
    ],
)  # fmt: skip
def test_few_nodes_or_else_few_namespaces_have_a_watch_each(
    cluster: Quick, nodes: int, spaces: int, watched: Any
) -> None:
    for number in range(spaces):
        one = pod("a", node="node-0", uid=f"uid-{number}")
        one["metadata"]["namespace"] = f"space-{number}"
        cluster.put(PODS, one)
    elsewhere = pod("b", node="elsewhere")
    elsewhere["metadata"]["namespace"] = "space-0"
    cluster.put(PODS, elsewhere)
    result = drained(cluster, *[f"node-{number}" for number in range(nodes)])
    assert result.drained
    assert [each[1:] for each in cluster.viewed if each[0] == "Pod"] == watched
    assert "b" not in states(result)
    assert cluster.viewed[0] == (BUDGETS.kind, "space-0" if spaces == 1 else "", "")


def test_a_budget_is_waited_for_until_its_controller_has_processed_it(cluster: Quick) -> None:
    put(cluster, budget(allowed=1, generation=2), pod("a"))
    result = drained(cluster, deadline=105.0)
    assert cluster.evicted == []
    assert reasons(result)["a"].startswith("budget web was written, and the disruption controller")
    began = cluster.clock.now

    def check() -> None:
        if cluster.clock.now >= began + 2.0:
            cluster.change(BUDGETS, "shop", "web", lambda obj: obj["status"].update(
                observedGeneration=2))  # fmt: skip

    assert drained(cluster, check=check).drained


# ----- what is refused


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_one_refused_pod_stops_the_drain_only_before_it_begins(
    cluster: Quick, all_or_nothing: bool
) -> None:
    put(cluster, pod("a"), pod("lonely", owner=None))
    result = drained(cluster, options=DrainOptions(all_or_nothing=all_or_nothing))
    assert not result.drained
    assert states(result)["lonely"] is State.REFUSED
    assert cluster.evicted == ([] if all_or_nothing else ["a"])
    if all_or_nothing:
        told = "nothing was evicted, because another Pod was refused"
        assert reasons(result)["a"] == told
        assert states(result)["a"] is State.BLOCKED


def test_a_pod_to_be_refused_that_comes_later_does_not_stop_what_has_begun(cluster: Quick) -> None:
    put(cluster, pod("a"), pod("b"))
    cluster.hooks.append(
        lambda resource, kind, obj: (
            put(cluster, pod("lonely", owner=None))
            if resource == PODS and kind == "DELETED" and obj["metadata"]["name"] == "a" else None
        )
    )  # fmt: skip
    assert states(drained(cluster)) == {
        "a": State.EVICTED, "b": State.EVICTED, "lonely": State.REFUSED,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "state", "said"),
    [
        (pod("x", owner="DaemonSet"), State.IGNORED, "managed by a DaemonSet"),
        (pod("x", owner=None), State.REFUSED, "bare: true"),
    ],
)
def test_what_is_not_evicted_says_why(cluster: Quick, one: Object, state: State, said: str) -> None:
    put(cluster, one)
    result = drained(cluster)
    assert states(result) == {"x": state}
    assert said in reasons(result)["x"]
    assert cluster.evicted == []


def test_a_bare_pod_is_drained_when_that_is_allowed(cluster: Quick) -> None:
    put(cluster, pod("x", owner=None))
    assert drained(cluster, options=BARE).drained


def test_the_grace_of_the_drain_is_sent_and_recorded(cluster: Quick) -> None:
    put(cluster, pod("slow-a"))
    result = drained(cluster, options=DrainOptions(grace=7), deadline=100.0)
    assert result.pods[0].grace == 7
    put(cluster, pod("slow-b"))
    graces: list[Any] = []
    cluster.hooks.append(
        lambda resource, kind, obj: graces.append(
            obj["metadata"].get("deletionGracePeriodSeconds"))
    )  # fmt: skip
    drained(cluster, options=DrainOptions(grace=7), deadline=101.0, on_change=tick(cluster, 2.0))
    assert set(graces) == {7}


def tick(cluster: Quick, seconds: float) -> Callable[[PodDrain], None]:
    def later(change: PodDrain) -> None:
        cluster.clock.now += seconds

    return later


# ----- calls to the caller


def test_before_is_called_once_for_each_pod_though_it_is_sent_twice(cluster: Quick) -> None:
    put(cluster, budget(allowed=1), pod("a"), pod("daemon", owner="DaemonSet"))
    told: list[str] = []
    answers = [Throttled(429, "closed")]
    cluster.faults.append(
        lambda method, path: answers.pop() if path.endswith("/eviction") and answers else None
    )

    def before(one: Object) -> None:
        told.append(one["metadata"]["name"])
        assert cluster.evicted == [], "it is called before the eviction is sent"

    def reopen(check: list[int]) -> None:
        cluster.change(BUDGETS, "shop", "web", lambda obj: obj["status"].update(x=len(check)))

    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if cluster.evicted and not answers:
            reopen(looks)

    result = drained(cluster, before=before, check=check)
    assert states(result)["a"] is State.EVICTED
    assert told == ["a"]
    assert cluster.evicted == ["a", "a"]
    assert result.rejected == 1


def test_a_check_that_raises_ends_the_drain(cluster: Quick) -> None:
    put(cluster, pod("a"))

    def check() -> None:
        raise RuntimeError("aborted")

    with pytest.raises(RuntimeError, match="aborted"):
        drained(cluster, check=check)
    assert cluster.evicted == []


# ----- the deadline, and trouble


def test_at_the_deadline_nothing_more_is_sent(cluster: Quick) -> None:
    put(cluster, pod("a"))
    result = drained(cluster, deadline=100.0)
    assert cluster.evicted == []
    assert reasons(result) == {"a": "not evicted before the deadline"}
    assert result.seconds < 1


def test_the_time_that_it_took_is_told(cluster: Quick) -> None:
    put(cluster, pod("slow-a"))
    result = drained(cluster, on_change=tick(cluster, 70.0))
    assert 70.0 <= result.seconds < 71.0
    assert states(result) == {"slow-a": State.TIMED_OUT}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"conditions": [{"type": "Other", "status": "x"}, {"type": "Ready", "status": "True"}]},
         ""),
        ({"conditions": [{"type": "Ready", "status": "Unknown"}]},
         ": node node-1 is not ready (Ready=Unknown)"),
        ({"conditions": [{"type": "Ready", "status": "False"}]},
         ": node node-1 is not ready (Ready=False)"),
        ({"conditions": [{"type": "Other", "status": "True"}]},
         ": node node-1 is not ready (Ready=Unknown)"),
        ({"conditions": None}, ": node node-1 is not ready (Ready=Unknown)"),
        (None, ": node node-1 is not ready (Ready=Unknown)"),
    ],
)  # fmt: skip
def test_a_pod_that_stays_names_a_node_that_is_not_ready(
    cluster: Quick, status: Any, said: str
) -> None:
    cluster.put(NODES, {"metadata": {"name": "node-1"}, "status": status})
    put(cluster, pod("slow-a"))
    result = drained(cluster, on_change=tick(cluster, 70.0))
    assert reasons(result) == {"slow-a": f"still terminating{said}"}


def test_a_node_that_cannot_be_read_is_named_with_the_error(cluster: Quick) -> None:
    put(cluster, pod("slow-a"))
    result = drained(cluster, on_change=tick(cluster, 70.0))
    assert reasons(result)["slow-a"].startswith("still terminating: node node-1: ")


def test_trouble_that_passes_is_waited_out(cluster: Quick) -> None:
    put(cluster, pod("a"))
    answers = [Unreachable("away"), ServerTrouble(503, "away")]

    cluster.faults.append(
        lambda method, path: answers.pop() if path.endswith("/eviction") and answers else None
    )
    assert states(drained(cluster)) == {"a": State.EVICTED}
    assert len(cluster.evicted) == 3


def test_a_right_that_is_missing_is_no_reason_to_go_on(cluster: Quick) -> None:
    put(cluster, pod("a"), pod("b"))
    cluster.faults.append(
        lambda method, path: Forbidden(403, "no right") if path.endswith("a/eviction") else None
    )
    result = drained(cluster)
    assert states(result) == {"a": State.FAILED, "b": State.EVICTED}
    assert reasons(result)["a"] == "no right"


# ----- answers that take their time


class Held:
    """Evictions of one Pod are answered only when they are released, but after at most 10 s."""

    def __init__(self, cluster: Quick, name: str, *, after_it_left: bool) -> None:
        self.release = threading.Event()
        send = cluster.evict

        def evict(pod: str, namespace: str, **more: Any) -> Object:
            if pod != name:
                return send(pod, namespace, **more)
            if after_it_left:
                answer = send(pod, namespace, **more)
                assert self.release.wait(60.0)
                return answer
            assert self.release.wait(60.0)
            return send(pod, namespace, **more)

        cluster.evict = evict  # type: ignore[method-assign]


def test_one_answer_that_takes_its_time_keeps_no_other_waiting(cluster: Quick) -> None:
    put(cluster, pod("a"), pod("b"))
    held = Held(cluster, "a", after_it_left=False)

    def change(change: PodDrain) -> None:
        if change.name == "b" and change.state is State.EVICTED:
            held.release.set()

    assert states(drained(cluster, on_change=change)) == {"a": State.EVICTED, "b": State.EVICTED}


def test_the_drain_waits_for_the_answer_about_a_pod_that_has_left(cluster: Quick) -> None:
    """Only the answer says that it was evicted."""
    put(cluster, pod("a"))
    held = Held(cluster, "a", after_it_left=True)
    looks: list[int] = []

    def check() -> None:
        looks.extend([1] * (not cluster.find(PODS)))
        if len(looks) == 3:
            held.release.set()

    result = drained(cluster, check=check)
    assert states(result) == {"a": State.EVICTED}
    assert result.pods[0].asked is not None


# ----- budgets of which no event tells


def doubtful(cluster: Quick, answers: Sequence[Exception] = ()) -> DrainResult:
    """The budget allows one, and its watch says nothing after the first eviction."""
    put(cluster, budget(allowed=1), pod("a"), pod("b"))
    left = list(answers)
    changed = cluster.changed

    def mute(resource: Resource, kind: str, obj: Object) -> None:
        if resource != BUDGETS:
            changed(resource, kind, obj)

    cluster.changed = mute  # type: ignore[method-assign]

    def fault(method: str, path: str) -> Exception | None:
        if method == "GET" and path == BUDGETS.path("shop"):
            return left.pop() if left else None
        return None

    def check() -> None:
        if cluster.evicted:
            budget_of(cluster)["status"]["disruptionsAllowed"] = 1

    cluster.faults.append(fault)
    return drained(cluster, check=check)


def budget_of(cluster: Quick) -> Object:
    return cluster.have(BUDGETS, "web", "shop")


@pytest.mark.parametrize("errors", [[], [ServerTrouble(503, "away")]])
def test_a_budget_whose_watch_is_silent_is_requested(
    cluster: Quick, errors: Sequence[Exception]
) -> None:
    result = doubtful(cluster, errors)
    assert result.drained, result.lines()
    assert result.rejected == 0
    assert result.seconds < 4.0, "long before an entry counts as settled by itself"


# ----- the view's own thread


def test_only_what_concerns_the_drain_wakes_it(cluster: Quick) -> None:
    run = engine._Drain(
        cluster, frozenset({"node-1"}), DrainOptions(), cluster.clock, DEADLINE,
        lambda one: None, lambda change: None,
    )  # fmt: skip

    def heard(kind: str, obj: Object) -> bool:
        run.inbox.clear()
        run.wake.clear()
        run._hear(WatchEvent("MODIFIED", {**obj, "kind": kind}, 100.0))
        assert run.wake.is_set() is bool(run.inbox)
        return bool(run.inbox)

    assert heard("Pod", pod("a"))
    assert not heard("Pod", pod("a", node="node-2"))
    assert not heard("Pod", {"metadata": {}, "spec": None})
    assert heard(BUDGETS.kind, budget())
