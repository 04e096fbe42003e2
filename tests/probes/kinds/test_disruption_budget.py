"""The `budget` probe: what is our doing, what is not, and when nothing can be said."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.pods.evict import VERB as EVICT
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.pods.quarantine import VERB as QUARANTINE
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import BUDGETS, DEPLOYMENTS, PODS, Resource, WatchEvent
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.scenario import Step
from resilience.model.timeline import Entry
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, Window
from resilience.probes.healthy import Deed, Reading, breaches, failures, readings
from resilience.probes.kinds.budget_watch import COMING, BudgetProbe
from resilience.probes.kinds.disruption_budget import VERB as BUDGET
from tests.actions.pods.test_pod_actions import let_go
from tests.engine.fake_budgets import Disruptions
from tests.engine.fakes import FakeClock
from tests.engine.helpers import World, step, world

APP = Selector.parse("app=web")
WEB = Reference.parse("deployment/web")
READY_AGAIN = step(READY, Phase.WHEN, 1, target=WEB)


@pytest.fixture
def here() -> World:
    made = world()
    Disruptions(made.cluster)
    made.deploy()
    return made


def put(here: World, least: int, name: str = "web", app: str = "web") -> None:
    body = {"metadata": {"name": name, "namespace": "shop"},
            "spec": {"minAvailable": least,
                     "selector": {"matchLabels": {"app": app}}}}  # fmt: skip
    here.cluster.put(BUDGETS, body)
    here.clock.until(lambda: False, here.clock.now + 1)


def run(here: World, *when: Step, **watched: Any) -> RunRecord:
    probe = step(BUDGET, Phase.WHILE, **watched)
    return here.run(probes=[probe], when=when, steady_within=5.0)


def kill(count: int) -> Step:
    return step(KILL, Phase.WHEN, pods=APP, count=count)


def test_a_kill_past_the_budget_fails_and_says_which_when_and_by_what(here: World) -> None:
    put(here, 2)
    record = run(here, kill(2), READY_AGAIN)
    assert record.outcome is Outcome.SERVICE_FAILED
    [finding] = record.findings
    assert finding.name == "disruption_budget.healthy"
    assert finding.value == -1.0
    assert "budget shop/web had 1 healthy of 2 needed, for " in finding.measured
    assert "by what when[0] did to shop/web-" in record.message
    assert "`kill 2 Pods app=web`, while waiting for" in record.message
    assert finding.outages[0].since > 100.0


def test_a_kill_within_the_budget_passes_and_says_what_was_left(here: World) -> None:
    put(here, 2)
    record = run(here, kill(1), READY_AGAIN)
    assert record.outcome is Outcome.PASSED, record.message
    assert record.findings[0].measured == (
        "1 budget kept; smallest margin: 0 at shop/web")  # fmt: skip
    assert record.findings[0].value == 0.0


class Seen:
    """A context whose watches have seen a Pod, and a budget with so many healthy Pods at a time."""

    victims = changes = ()
    namespace = "shop"

    def __init__(self, *healthy: tuple[float, int]) -> None:
        self.clock = FakeClock()
        labels = {"app": "web"}
        pod = {"metadata": {"name": "web-0", "namespace": "shop", "uid": "p", "labels": labels}}
        self.seen = {PODS: [WatchEvent(type="ADDED", object=pod, received=0.0)], BUDGETS: [
            WatchEvent(type="MODIFIED", received=at, object={
                "metadata": {"name": "web", "namespace": "shop", "uid": "b", "resourceVersion": at},
                "spec": {"selector": {"matchLabels": labels}},
                "status": {"currentHealthy": count, "desiredHealthy": 2}})
            for at, count in healthy]}  # fmt: skip

    def view(self, resource: Resource, namespace: str) -> None: ...

    def history(self, resource: Resource) -> list[WatchEvent]:
        return self.seen[resource]


def test_the_margin_is_that_of_the_judged_time() -> None:
    """Before it, while the Pods became ready, the budget lacked some."""
    context: Any = Seen((1.0, 0), (5.0, 4), (8.0, 3), (20.0, 2))
    probe = BudgetProbe(step(BUDGET, Phase.WHILE), context, None, "shop")
    probe.stop()
    for window, margin in (((6.0, 10.0), 1), ((6.0, 7.0), 2), ((6.0, 30.0), 0)):
        [finding] = probe.judge(Window(since=window[0], until=window[1]))
        assert finding.measured == f"1 budget kept; smallest margin: {margin} at shop/web"


def test_evictions_never_break_what_they_honour(here: World) -> None:
    put(here, 2)
    record = run(here, step(EVICT, Phase.WHEN, pods=APP, count="all", within=60.0), READY_AGAIN)
    assert record.outcome is Outcome.PASSED, record.message


def test_what_breaks_by_itself_is_told_and_does_not_fail(here: World) -> None:
    put(here, 2)
    put(here, 1, "other", "other")

    def fall_ill(entry: Entry) -> None:
        if entry.facts.get("verb") == "sleep" and entry.facts.get("state") == "started":
            ours = [pod for pod in here.pods() if APP.matches(objects.labels(pod))]
            for pod in ours[:2]:
                here.cluster.change(PODS, "shop", objects.name(pod), unready)

    here.on_entry = fall_ill
    here.deploy("other")
    record = run(here, step(KILL, Phase.WHEN, pods=Selector.parse("app=other")),
                 step(SLEEP, Phase.WHEN, 1, duration=Duration.of(10)))  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    assert "shop/web had 1 healthy of 2 needed" in record.findings[0].measured
    assert "not by our doing" in record.findings[0].detail[0]


def unready(pod: Any) -> None:
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]


def test_scaling_down_below_a_budget_is_our_doing_too(here: World) -> None:
    put(here, 2)
    record = run(here, step(SCALE, Phase.WHEN, workload=WEB, replicas=1))
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "goes from 3 to 1 replicas" in record.message


def test_a_quarantined_pod_is_missed_by_its_budget(here: World) -> None:
    let_go(here)
    put(here, 3)
    record = run(here, step(QUARANTINE, Phase.WHEN, pods=APP))
    assert record.outcome is Outcome.SERVICE_FAILED, record.message
    assert "2 healthy of 3 needed" in record.message


def test_a_budget_that_the_undo_breaks_is_not_judged(here: World) -> None:
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda obj: obj["spec"].update(replicas=2))
    here.clock.until(lambda: False, here.clock.now + 5)
    put(here, 2)
    record = run(here, step(SCALE, Phase.WHEN, workload=WEB, replicas=4))
    assert record.outcome is Outcome.PASSED, record.message


def test_without_a_budget_nothing_is_broken(here: World) -> None:
    record = run(here, kill(1))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "there is no disruption budget in shop" in record.message
    assert len(here.pods()) == 3
    put(here, 1, "other", "other")
    assert "no disruption budget that covers Pods app=web" in run(
        here, kill(1), selector=APP).message  # fmt: skip


def test_a_budget_that_covers_no_pod_is_not_measured(here: World) -> None:
    put(here, 1, "other", "wbe")
    record = run(here, kill(1))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "budget shop/other covers no Pod" in record.message
    assert len(here.pods()) == 3, "nothing was broken"


@pytest.mark.parametrize("there", [True, False])
def test_a_budget_over_nobody_is_not_waited_for(here: World, there: bool) -> None:
    if there:
        put(here, 1, "other", "wbe")
    began = here.clock.now
    record = here.run(probes=[step(BUDGET, Phase.WHILE)], when=[kill(1)], steady_within=60.0)
    assert record.outcome is Outcome.NOT_MEASURED
    assert here.clock.now - began < COMING + 1


def test_a_budget_may_come_with_what_given_applied(here: World) -> None:
    here.clock.after(COMING - 1, lambda: put(here, 1))
    record = here.run(probes=[step(BUDGET, Phase.WHILE)], when=[kill(1)], steady_within=60.0)
    assert record.outcome is Outcome.PASSED, record.message


def test_beside_a_budget_that_covers_pods_it_is_named(here: World) -> None:
    put(here, 1)
    put(here, 1, "other", "wbe")
    [finding] = run(here, kill(1)).findings
    assert finding.measured.startswith("1 budget kept; smallest margin: ")
    assert finding.detail == ("budget shop/other covers no Pod: not measured",)


def test_a_budget_that_is_short_already_proves_nothing_about_us(here: World) -> None:
    put(here, 5)
    record = run(here, kill(1))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "already has too few healthy Pods: 3 healthy of 5 needed" in record.message


def test_a_budget_that_was_taken_away_is_not_measured(here: World) -> None:
    put(here, 1)
    here.on_entry = lambda entry: (
        here.cluster.remove(BUDGETS, "shop", "web") if "kill" in entry.text else None
    )
    record = run(here, kill(1))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "budget shop/web was deleted in the meantime" in record.message


def frozen(here: World, **status: Any) -> None:
    """From now on the budget's controller writes nothing but this."""

    def freeze(obj: Any) -> None:
        obj["metadata"]["frozen"] = "true"
        obj["status"] |= status

    here.cluster.change(BUDGETS, "shop", "web", freeze)


NO_SCALE = [{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed",
             "message": "games.example.com does not implement the scale subresource"}]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"conditions": NO_SCALE}, "cannot be computed: games.example.com does not implement"),
        ({"expectedPods": 0, "desiredHealthy": 0, "currentHealthy": 0},
         "counts no Pod, so it could not be violated"),
    ],
)  # fmt: skip
def test_a_budget_without_numbers_of_its_pods_is_not_measured(
    here: World, status: dict[str, Any], why: str
) -> None:
    put(here, 1)
    frozen(here, **status)
    record = run(here, kill(3))
    assert record.outcome is Outcome.NOT_MEASURED
    assert f"budget shop/web {why}" in record.message
    assert not any("kill" in entry.text and "▼" in entry.text for entry in here.entries)


@pytest.mark.parametrize(("word", "outcome"), [("kill", Outcome.NOT_MEASURED),
                                                ("uncordon", Outcome.PASSED)])  # fmt: skip
def test_a_budget_that_cannot_be_computed_any_more_keeps_old_numbers_which_prove_nothing(
    here: World, word: str, outcome: Outcome
) -> None:
    put(here, 1)
    here.on_entry = lambda entry: frozen(here, conditions=NO_SCALE) if word in entry.text else None
    record = run(here, kill(1))
    assert record.outcome is outcome
    assert ("budget shop/web cannot be computed" in record.message) is (word == "kill")


def version(at: float, reason: str = "") -> WatchEvent:
    status = {"currentHealthy": 3, "expectedPods": 3,
              "conditions": [{"type": "DisruptionAllowed", "reason": reason}]}  # fmt: skip
    body = {"metadata": {"namespace": "shop", "name": "web"}, "status": status}
    return WatchEvent("MODIFIED", body, at)


@pytest.mark.parametrize(
    ("versions", "failed"),
    [
        ([version(1), version(12, "SyncFailed"), version(13)], True),
        ([version(1, "SyncFailed")], True),
        ([version(1, "SyncFailed"), version(2)], False),
        ([version(1), version(21, "SyncFailed")], False),
        ([version(1)], False),
    ],
)
def test_only_failures_within_the_judged_time_count(
    versions: list[WatchEvent], failed: bool
) -> None:
    window = Window(since=10.0, until=20.0, name="")
    assert bool(failures(versions, window)) is failed
    assert len(readings(versions)[("shop", "web")]) == sum(
        "SyncFailed" not in str(each.object) for each in versions
    )


def read(*healthy: int, desired: int = 2) -> list[Reading]:
    return [Reading(at=float(at), healthy=each, desired=desired)
            for at, each in enumerate(healthy)]  # fmt: skip


@pytest.mark.parametrize(
    ("healthy", "deeds", "blamed"),
    [
        ([3, 2, 1, 3], [0.5], 1),  # we took one, another went by itself: below because of us too
        ([3, 2, 3, 1, 3], [0.5], 0),  # made up for, then something else
        ([3, 1, 3], [0.5, 0.6], 2),
        ([3, 1, 3], [1.5], 0),  # it was short before we did anything
        ([3, 1, 0, 3], [1.5], 1),  # and we made it worse
        ([3, 1], [], 0),
    ],
)
def test_the_deeds_right_before_a_breach_are_blamed(
    healthy: list[int], deeds: list[float], blamed: int
) -> None:
    done = [Deed(at=at, text=str(at)) for at in deeds]
    [breach] = breaches(read(*healthy), done)
    assert len(breach.blamed) == blamed
    assert breach.worst.healthy == min(healthy)
    assert (breach.until is None) == (healthy[-1] < 2)


def test_what_a_budget_wants_may_rise_without_anybody_being_to_blame() -> None:
    series = [Reading(at=0.0, healthy=3, desired=2), Reading(at=2.0, healthy=3, desired=4)]
    [breach] = breaches(series, [Deed(at=1.0, text="scaled")])
    assert not breach.blamed


def test_a_budget_whose_pods_had_finished_before_covers_none(here: World) -> None:
    """A Job's Pod that ran and ended under `given`: the run saw it alive, the probe did not."""
    put(here, 1, "once", "once")
    body = {
        "metadata": {"name": "once", "namespace": "shop", "labels": {"app": "once"}},
        "status": {"phase": "Running"},
    }
    here.cluster.put(PODS, body)

    def ends(pod: Any) -> None:
        pod["status"]["phase"] = "Succeeded"

    here.clock.after(1.0, lambda: here.cluster.change(PODS, "shop", "once", ends))
    given = [step(SLEEP, Phase.GIVEN, duration=Duration.of(3))]
    probe = step(BUDGET, Phase.WHILE, namespace="shop")
    record = here.run(given=given, probes=[probe], when=[kill(1)])
    assert record.outcome is Outcome.NOT_MEASURED, record.message
    assert "budget shop/once covers no Pod" in record.message
