"""The whole path of a run, in memory and in virtual time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.ready import VERB as READY
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster import errors
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, PODS
from resilience.engine.base.run_guard import RunGuard
from resilience.kube import objects, readiness
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.scenario import Step
from resilience.model.timeline import Entry, What
from resilience.model.values import Duration, Reference, Share
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, Result
from resilience.verbs.context import ActionContext, Fate
from tests.engine.helpers import World, deployment, step, world
from tests.engine.toyprobe import Script

WEB = Reference.parse("deployment/web")
MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {released: 2024-01-01}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.directory = tmp_path
    (tmp_path / "web.yaml").write_text(MANIFEST)
    return made


def apply(**more: object) -> Step:
    return step(APPLY, Phase.GIVEN, file=Path("web.yaml"), **more)  # type: ignore[arg-type]


def kill(index: int = 0, **more: object) -> Step:
    return step(KILL, Phase.WHEN, index, pods=Selector.parse("app=web"), **more)  # type: ignore[arg-type]


def ready(phase: Phase, index: int = 1, **more: object) -> Step:
    return step(READY, phase, index, target=WEB, **more)  # type: ignore[arg-type]


def test_a_run_applies_kills_waits_and_leaves_the_cluster_as_it_was(here: World) -> None:
    before = here.cluster.dump()
    record = here.run(
        given=[apply(), ready(Phase.GIVEN)],
        when=[kill(share=Share.parse("1/3")), ready(Phase.WHEN)],
        then=[ready(Phase.THEN, 0)],
    )
    assert record.message == ""
    assert record.outcome is Outcome.PASSED
    assert here.cluster.dump() == before
    assert here.sink.finished is True
    assert [done.path for done in record.steps] == [
        "given[0]",
        "given[1]",
        "when[0]",
        "when[1]",
        "then[0]",
    ]


def test_the_window_stays_open_until_two_seconds_after_the_last_victim_is_gone(here: World) -> None:
    here.deploy()
    here.controllers.stop_after = 20.0
    record = here.run(when=[kill(count=1)], settle=1.0)
    gone = next(
        entry.monotonic
        for entry in record.timeline
        if entry.what is What.WATCH and entry.facts["gone"]
    )
    assert record.window is not None
    assert record.window.until == pytest.approx(gone + 2.0)
    assert record.window.since < gone
    [waiting] = [entry for entry in record.timeline if entry.text.startswith("waiting until")]
    assert waiting.monotonic < gone
    assert waiting.text.endswith("is gone; grace period 30s")


def test_a_victim_that_outlives_its_grace_period_is_no_longer_waited_for(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.deploy()
    monkeypatch.setattr(here.controllers, "_gone", lambda *_: None)
    record = here.run(when=[kill(count=1)], settle=1.0)
    told = "still terminates 60s after settling; the run no longer waits for it"
    assert any(entry.text.endswith(told) for entry in record.timeline)


def _asks_nobody(_: Nothing, context: ActionContext) -> None:
    victim = context.cluster.list(PODS, "shop")[0]
    context.victim(victim, "as a rollout does before it begins", Fate.GONE)
    context.proof("it rolls", {})


@pytest.mark.parametrize("failed", [False, True])
def test_a_victim_that_nobody_asks_to_leave_is_waited_for_unless_a_step_has_failed(
    here: World, failed: bool
) -> None:
    here.deploy()
    verb = dataclasses.replace(
        KILL, parameters=Nothing, run=_asks_nobody, describe=lambda _: "roll"
    )
    nobody = step(KILL, Phase.WHEN, 1, pods=Selector.parse("app=none"))
    record = here.run(when=[step(verb, Phase.WHEN), *[nobody][: int(failed)]], settle=1.0)
    told = "is still there 60s after settling; the run no longer waits for it"
    assert any(entry.text.endswith(told) for entry in record.timeline) is not failed


def test_after_a_failed_step_a_victim_that_leaves_is_waited_for(here: World) -> None:
    here.deploy()
    here.controllers.stop_after = 20.0
    nobody = step(KILL, Phase.WHEN, 1, pods=Selector.parse("app=none"))
    record = here.run(when=[kill(count=1), nobody], settle=1.0)
    assert record.window is not None
    assert record.window.length >= 20.0


def test_ready_after_a_kill_waits_until_the_harm_shows_and_is_healed(here: World) -> None:
    here.deploy()
    here.controllers.ready_after = 7.0
    record = here.run(when=[kill(count=1), ready(Phase.WHEN)])
    struck, healed = record.steps
    assert record.outcome is Outcome.PASSED
    assert healed.ended is not None
    assert healed.ended - struck.started == pytest.approx(7.0, abs=0.1)


def test_zero_victims_are_never_a_pass(here: World) -> None:
    here.deploy(replicas=2)
    record = here.run(when=[kill(share=Share.parse("1/3"))])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "count: 1" in record.message
    assert len([pod for pod in here.pods() if readiness.serves(pod)]) == 2


def test_where_nobody_was_struck_nothing_settles_and_nothing_is_judged(here: World) -> None:
    here.deploy()
    record = here.run(when=[step(KILL, Phase.WHEN, 0, pods=Selector.parse("app=none"))])
    assert record.outcome is Outcome.NOT_MEASURED
    assert record.window is None
    assert record.ended - record.started < 1.0  # virtual seconds; settling takes five


def test_what_was_struck_before_the_step_that_failed_still_settles(here: World) -> None:
    here.deploy()
    nobody = step(KILL, Phase.WHEN, 1, pods=Selector.parse("app=none"))
    record = here.run(when=[kill(count=1), nobody])
    assert record.outcome is Outcome.NOT_MEASURED
    assert record.window is not None
    assert record.window.length >= 5.0


def test_a_kill_that_the_watch_does_not_show_is_no_proof(here: World) -> None:
    here.deploy()
    delete = here.cluster.delete
    here.cluster.delete = lambda *_, **__: {}  # type: ignore[method-assign]
    record = here.run(when=[kill(count=1, within=3.0)])
    here.cluster.delete = delete  # type: ignore[method-assign]
    assert record.outcome is Outcome.NOT_MEASURED
    assert "did not show" in record.message


def test_a_failing_check_under_given_says_that_nothing_was_broken(here: World) -> None:
    here.controllers.ready_after = 1000.0
    before = here.cluster.dump()
    record = here.run(given=[apply(), ready(Phase.GIVEN, within=5.0)], when=[kill(count=1)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "nothing was broken yet" in record.message
    assert record.window is None
    assert here.cluster.dump() == before


def test_a_check_that_is_not_met_in_time_fails_the_service_and_stops_the_phase(here: World) -> None:
    here.deploy()
    here.controllers.ready_after = 1000.0
    record = here.run(when=[kill(count=1), ready(Phase.WHEN, within=5.0), kill(2, count=1)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "not within 5s" in record.message
    assert "2 ready" in record.message
    assert [done.path for done in record.steps] == ["when[0]", "when[1]"]
    assert record.window is not None


def test_under_then_a_check_without_within_is_asked_once(here: World) -> None:
    here.deploy()
    here.controllers.ready_after = 30.0
    record = here.run(when=[kill(count=1)], then=[ready(Phase.THEN, 0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    patient = world()
    patient.deploy()
    patient.controllers.ready_after = 30.0
    record = patient.run(when=[kill(count=1)], then=[ready(Phase.THEN, 0, within=60.0)])
    assert record.outcome is Outcome.PASSED


def test_an_optional_step_that_fails_decides_nothing(here: World) -> None:
    here.deploy()
    record = here.run(
        when=[
            step(KILL, Phase.WHEN, 0, pods=Selector.parse("app=none"), optional=True),
            kill(1, count=1),
        ]
    )
    assert record.outcome is Outcome.PASSED
    assert "matches app=none" in record.steps[0].message
    assert [done.optional for done in record.steps] == [True, False]


def test_the_same_seed_chooses_the_same_victims() -> None:
    chosen = []
    for _ in range(2):
        here = world()
        here.deploy(replicas=9)
        record = here.run(when=[kill(count=2)])
        chosen.append(
            [entry.facts["name"] for entry in record.timeline if entry.what is What.VICTIM]
        )
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 2


def test_an_undo_that_fails_is_told_and_does_not_stop_the_others(here: World) -> None:
    here.cluster.faults.append(
        lambda method, path: (
            errors.Forbidden(403, "deleting is not allowed")
            if (method, "configmaps" in path) == ("DELETE", True)
            else None
        )
    )
    record = here.run(given=[apply(), ready(Phase.GIVEN)], when=[kill(count=1)])
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "delete ConfigMap shop/settings: deleting is not allowed" in record.message
    assert "resilience recover" in record.message
    assert here.cluster.find(DEPLOYMENTS, "shop") == []
    assert here.sink.finished is False


def test_an_undo_is_tried_again_while_the_server_is_away(here: World) -> None:
    down = [True]

    def away(method: str, path: str) -> Exception | None:
        return errors.Unreachable("refused") if down and method == "DELETE" else None

    def outage(entry: Entry) -> None:
        if entry.text == "settled":
            here.cluster.faults.append(away)
            here.clock.after(30.0, down.clear)

    here.on_entry = outage
    before = here.cluster.dump()
    record = here.run(given=[apply(), ready(Phase.GIVEN)], when=[kill(count=1)])
    assert record.outcome is Outcome.PASSED
    assert here.cluster.dump() == before


def test_a_harness_error_is_not_blamed_on_the_service(here: World) -> None:
    here.deploy()
    here.cluster.faults.append(
        lambda method, path: (
            errors.Forbidden(403, "no right to delete pods") if method == "DELETE" else None
        )
    )
    record = here.run(when=[kill(count=1)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no right to delete pods" in record.message


def test_the_grace_period_is_sent_and_the_uid_is_a_precondition(here: World) -> None:
    here.deploy()
    record = here.run(when=[kill(count=1, grace=Duration.parse("0s"))])
    assert record.outcome is Outcome.PASSED
    gone = [entry for entry in record.timeline if entry.what is What.WATCH and entry.facts["gone"]]
    struck = [entry for entry in record.timeline if entry.what is What.VICTIM]
    assert gone[0].monotonic == pytest.approx(struck[0].monotonic, abs=0.001)


def test_a_defect_of_ours_is_told_as_one_and_everything_is_put_back(here: World) -> None:
    class Broken(RunGuard):
        def before(self, step: Step) -> None:
            if step.phase is Phase.WHEN:
                raise AttributeError("no such thing")

    before = here.cluster.dump()
    record = here.run(given=[apply()], when=[kill(count=1)], guard=Broken())
    assert record.outcome is Outcome.HARNESS_ERROR
    assert "AttributeError: no such thing" in record.message
    assert not record.leftovers
    assert here.cluster.dump() == before


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Parameters of the verbs below."""


def _kill_elsewhere(_: Nothing, context: ActionContext) -> None:
    [victim] = context.cluster.list(PODS, "other")
    context.victim(victim, "of another namespace", Fate.GONE)
    context.cluster.delete(PODS, objects.name(victim), "other")
    context.proof("it is gone", {})


def test_a_pod_of_another_namespace_that_a_node_took_along_is_seen_to_recover(here: World) -> None:
    elsewhere = deployment("db", 1)
    elsewhere["metadata"]["namespace"] = "other"
    here.cluster.put(DEPLOYMENTS, elsewhere)
    here.deploy()
    verb = dataclasses.replace(
        KILL, parameters=Nothing, run=_kill_elsewhere, describe=lambda _: "take a node along"
    )
    record = here.run(when=[step(verb, Phase.WHEN)], then=[step(RECOVERED, Phase.THEN, within=30)])
    assert record.outcome is Outcome.PASSED, record.message
    [finding] = [each for each in record.findings if each.name.startswith("recovered")]
    assert "deployment/db recovered in" in finding.measured
    assert finding.value is not None
    assert finding.value < 5, "watched only from the end of `when` on"


def unsteady_until(here: World, when: float) -> Script:
    """A probe's script that gets steady so many virtual seconds from now."""
    begun = here.clock.monotonic()

    class Late(Script):
        @property
        def unsteady(self) -> bool:
            return here.clock.monotonic() < begun + when

        @unsteady.setter
        def unsteady(self, value: bool) -> None:
            """What a script says of itself counts for nothing here."""

    return Late()


def hints(record: RunRecord) -> list[float]:
    return [
        entry.monotonic - record.started
        for entry in record.timeline
        if "; waiting up to" in entry.text
    ]


def test_a_probe_that_is_slow_to_get_steady_says_why_before_it_looks_hung(here: World) -> None:
    here.deploy()
    probe = step(unsteady_until(here, 12.0).verb, Phase.WHILE)
    record = here.run(probes=[probe], when=[kill(count=1)])
    assert record.outcome is Outcome.PASSED
    assert hints(record) == [pytest.approx(5.0, abs=0.5)]


def test_a_probe_that_never_gets_steady_breaks_nothing(here: World) -> None:
    here.deploy()
    probe = step(unsteady_until(here, 1000.0).verb, Phase.WHILE)
    record = here.run(probes=[probe], when=[kill(count=1)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "connection refused; nothing was broken" in record.message
    assert len(hints(record)) == 1
    assert record.ended - record.started < 40.0
    assert not [entry for entry in record.timeline if entry.what is What.VICTIM]


def test_a_probe_that_is_steady_soon_says_nothing(here: World) -> None:
    here.deploy()
    probe = step(unsteady_until(here, 2.0).verb, Phase.WHILE)
    record = here.run(probes=[probe], when=[kill(count=1)])
    assert hints(record) == []


@pytest.mark.parametrize("is_deleted", [True, False])
def test_who_deletes_the_namespace_is_not_the_service(here: World, is_deleted: bool) -> None:
    def delete(entry: Entry) -> None:
        if entry.text == "settled":
            here.cluster.remove(DEPLOYMENTS, "shop", "web")
            for pod in here.pods():
                here.cluster.remove(PODS, "shop", objects.name(pod))
            if is_deleted:
                here.cluster.remove(NAMESPACES, "", "shop")

    here.on_entry = delete
    record = here.run(
        given=[apply(), ready(Phase.GIVEN)], when=[kill(count=1)], then=[ready(Phase.THEN)]
    )
    assert record.outcome is (Outcome.NOT_MEASURED if is_deleted else Outcome.SERVICE_FAILED)
    assert ("namespace shop was deleted by someone else" in record.reason) is is_deleted
    assert (record.reason in record.message) or not is_deleted


@pytest.mark.parametrize(("fails_after", "outcome"), [(3.0, Outcome.NOT_MEASURED),
                                                      (1.0, Outcome.SERVICE_FAILED)])  # fmt: skip
def test_an_objective_missed_since_the_namespace_went_is_not_measured(
    here: World, fails_after: float, outcome: Outcome
) -> None:
    began: list[float] = []

    def gone() -> None:
        here.cluster.remove(DEPLOYMENTS, "shop", "web")
        for pod in here.pods():
            here.cluster.remove(PODS, "shop", objects.name(pod))
        here.cluster.remove(NAMESPACES, "", "shop")

    def begin(entry: Entry) -> None:
        if entry.text == "when ended":
            began.append(here.clock.now)
            here.clock.after(3.0, gone)

    here.on_entry = begin
    script = Script(lambda at: bool(began) and at >= began[0] + fails_after)
    record = here.run(
        given=[apply(), ready(Phase.GIVEN)],
        probes=[step(script.verb, Phase.WHILE)],
        when=[kill(count=1)],
    )
    assert record.outcome is outcome
    [finding] = record.findings
    assert (finding.result is Result.FAILED) is (outcome is Outcome.SERVICE_FAILED)


def test_who_cannot_ask_for_the_namespace_knows_of_no_deletion(here: World) -> None:
    def refuse(method: str, path: str) -> Exception | None:
        if path != NAMESPACES.path("", "shop"):
            return None
        asked.append(path)
        return errors.Unreachable("refused")

    def away(entry: Entry) -> None:
        if entry.text == "settled":
            here.cluster.faults.append(refuse)
            here.cluster.remove(DEPLOYMENTS, "shop", "web")
            for pod in here.pods():
                here.cluster.remove(PODS, "shop", objects.name(pod))

    asked: list[str] = []
    here.on_entry = away
    record = here.run(given=[apply(), ready(Phase.GIVEN)], when=[kill(count=1)])
    assert asked
    assert record.outcome is Outcome.PASSED
    assert record.reason == ""
