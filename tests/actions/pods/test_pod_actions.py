"""Pod actions in a run: whom they harm, what they prove, what they put back."""

from __future__ import annotations

import pytest

from resilience.actions.pods.crash import VERB as CRASH
from resilience.actions.pods.evict import VERB as EVICT
from resilience.actions.pods.exec import VERB as EXEC
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.pods.quarantine import VERB as QUARANTINE
from resilience.checks.ready import VERB as READY
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster import errors
from resilience.cluster.interface import BUDGETS
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.fakes import WALL, FakeClock
from tests.engine.helpers import World, step, world

APP = Selector.parse("app=web")
WEB = Reference.parse("deployment/web")


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


def budget(here: World, allowed: int) -> None:
    here.cluster.put(BUDGETS, {
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": allowed}})  # fmt: skip


def evictions(here: World) -> int:
    return sum(path.endswith("/eviction") for _, path in here.cluster.calls)


def test_an_owner_that_does_not_exist_is_told_with_what_there_is(here: World) -> None:
    record = here.run(when=[step(EVICT, Phase.WHEN, owner=Reference.parse("deployment/wbe"))])
    assert record.outcome is Outcome.NOT_MEASURED
    assert (
        "deployment/wbe does not exist in namespace shop; there are: deployment/web; "
        "did you mean `deployment/web`?" in record.message
    )


def test_an_eviction_without_a_budget_goes_at_once(here: World) -> None:
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP, count=2)],
                      then=[step(RECOVERED, Phase.THEN, within=10)])  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    assert evictions(here) == 2


def test_an_eviction_waits_until_the_budget_allows_it(here: World) -> None:
    budget(here, 0)
    here.clock.after(
        3.0,
        lambda: here.cluster.change(
            BUDGETS, "shop", "web", lambda obj: obj["status"].update(disruptionsAllowed=1)
        ),
    )
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.PASSED, record.message
    [done] = record.steps
    assert done.ended is not None
    assert done.ended - done.started == pytest.approx(3.0, abs=0.1)
    assert evictions(here) == 2  # refused once, then granted by the watch's word: no polling
    assert any("not yet" in entry.text for entry in record.timeline)


@pytest.mark.parametrize(
    "asked",
    [
        step(CRASH, Phase.WHEN, pods=APP, container="wbe"),
        step(EXEC, Phase.WHEN, pods=APP, container="wbe", command=("true",), lasting=True),
    ],
    ids=["crash", "exec"],
)
def test_a_container_that_is_not_there_harms_nobody(here: World, asked: Step) -> None:
    record = here.run(when=[asked])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "has no container wbe; it has: web; nothing was harmed; did you mean `web`?" in (
        record.message
    )
    assert not [entry for entry in record.timeline if entry.what is What.VICTIM]


def test_an_eviction_that_is_never_allowed_is_blocked_in_the_apis_words(here: World) -> None:
    budget(here, 0)
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP, within=12.0)])
    assert record.outcome is Outcome.BLOCKED
    assert "blocked by a budget for 12.0s" in record.message
    assert "The disruption budget web is low" in record.message
    assert "harmed" not in record.message
    assert len(here.pods()) == 3


def test_an_eviction_waits_as_long_as_retry_after_says(here: World) -> None:
    answers = [errors.Throttled(429, "still being processed", retry_after=10.0)]
    here.cluster.faults.append(
        lambda method, path: answers.pop() if answers and path.endswith("/eviction") else None
    )
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.PASSED
    assert record.steps[0].ended is not None
    assert record.steps[0].ended - record.steps[0].started == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize(
    ("trouble", "after"),
    [(errors.ServerTrouble(503, "overloaded"), 1.0), (errors.Unreachable("reset"), 1.0),
     (errors.Conflict(409, "modified"), 1.0), (errors.Throttled(429, "too many requests"), 5.0)],
)  # fmt: skip
def test_trouble_that_passes_is_no_refusal_and_is_not_hammered_at(
    here: World, trouble: errors.ClusterError, after: float
) -> None:
    answers = [trouble, trouble]
    here.cluster.faults.append(
        lambda method, path: answers.pop() if answers and path.endswith("/eviction") else None
    )
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.PASSED, record.message
    assert record.steps[0].ended is not None
    assert record.steps[0].ended - record.steps[0].started == pytest.approx(2 * after, abs=0.1)
    assert evictions(here) == 3


def test_trouble_that_does_not_pass_is_no_budget(here: World) -> None:
    here.cluster.faults.append(
        lambda method, path: (
            errors.ServerTrouble(503, "overloaded") if path.endswith("/eviction") else None
        )
    )
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP, within=3.0)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "not evicted within 3.0s" in record.message
    assert "overloaded" in record.message


def test_two_budgets_on_one_pod_block_it_at_once(here: World) -> None:
    said = "This pod has more than one PodDisruptionBudget, which the eviction subresource..."
    here.cluster.faults.append(
        lambda method, path: errors.ServerTrouble(500, said) if path.endswith("/eviction") else None
    )
    record = here.run(when=[step(EVICT, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.BLOCKED
    assert said in record.message


def test_a_pod_that_goes_by_itself_before_the_kill_is_no_victim(here: World) -> None:
    here.cluster.faults.append(
        lambda method, path: errors.NotFound(404, "not found") if method == "DELETE" else None
    )
    record = here.run(when=[step(KILL, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "gone or replaced before it could be killed" in record.message
    assert any("was spared" in entry.text for entry in record.timeline)


def test_a_kill_is_by_uid_so_that_a_successor_of_the_same_name_is_safe(here: World) -> None:
    seen: list[object] = []
    delete = here.cluster.delete

    def spy(*arguments: object, **more: object) -> object:
        seen.append(more.get("uid"))
        return delete(*arguments, **more)  # type: ignore[arg-type]

    here.cluster.delete = spy  # type: ignore[method-assign,assignment]
    record = here.run(when=[step(KILL, Phase.WHEN, pods=APP)])
    [victim] = [entry for entry in record.timeline if entry.what is What.VICTIM]
    assert seen == [victim.facts["uid"]]


def test_a_quarantined_pod_lives_on_while_another_takes_its_place(here: World) -> None:
    """The fake ReplicaSet lets go of a Pod without its labels and takes one of too many away."""
    let_go(here)
    before = {objects.name(pod) for pod in here.pods()}
    seen: list[set[str]] = []
    here.on_entry = lambda entry: seen.append({objects.name(pod) for pod in here.pods()})
    record = here.run(when=[step(QUARANTINE, Phase.WHEN, pods=APP),
                            step(READY, Phase.WHEN, 1, target=WEB)],
                      then=[step(RECOVERED, Phase.THEN)])  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    assert any(len(names) == 4 and before < names for names in seen)
    here.clock.until(lambda: False, here.clock.now + 10)
    assert len(here.pods()) == 3
    assert all(objects.labels(pod) == {"app": "web"} for pod in here.pods())
    assert record.findings[0].value is not None
    assert record.findings[0].value >= 0.5  # a Pod that was let go counts for nobody


def let_go(here: World) -> None:
    """ReplicaSets release and adopt by label, as the real controller does."""
    from resilience.cluster.interface import PODS, Object, Resource

    owners: dict[str, object] = {}

    def heed(resource: Resource, kind: str, pod: Object) -> None:
        if resource != PODS or kind == "DELETED":
            return
        references = pod["metadata"].get("ownerReferences")
        uid = objects.uid(pod)

        def edit(obj: Object) -> None:
            if objects.labels(obj):
                obj["metadata"]["ownerReferences"] = owners.pop(uid)
            else:
                owners[uid] = obj["metadata"].pop("ownerReferences")

        if bool(objects.labels(pod)) != bool(references):
            here.clock.after(
                0.05, lambda: here.cluster.change(PODS, "shop", objects.name(pod), edit)
            )

    here.cluster.hooks.append(heed)


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
@pytest.mark.parametrize(("age", "passes"), [("9m", True), ("11m", False)])
def test_an_age_goes_by_the_clock_of_the_server(
    here: World, monkeypatch: pytest.MonkeyPatch, skew: float, age: str, passes: bool
) -> None:
    """The Pods are 10 minutes old to the cluster, whatever this host's clock says."""
    here.clock.wait(600.0)
    monkeypatch.setattr(FakeClock, "wall", lambda clock: WALL + clock.monotonic() + skew)
    monkeypatch.setattr(here.cluster, "now", lambda: WALL + here.clock.now)
    record = here.run(
        when=[step(KILL, Phase.WHEN, pods=APP, min_age=Duration.parse(age))],
        then=[step(RECOVERED, Phase.THEN, within=10)],
    )
    assert (record.outcome is Outcome.PASSED) is passes, record.message
    assert (f"by min_age: {age}" in record.message) is not passes
