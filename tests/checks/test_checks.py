"""The checks inside a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.crash import VERB as CRASH
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.workloads.restart import VERB as RESTART
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.checks.recovered import STEADY
from resilience.checks.recovered import VERB as RECOVERED
from resilience.checks.restarts import VERB as RESTARTS
from resilience.cluster.interface import DEPLOYMENTS, EVENTS, PODS, Resource
from resilience.engine.evidence.sight import Gap
from resilience.engine.run import looking
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, Reason, Result
from resilience.verbs.context import ActionContext
from tests.engine.helpers import World, deployment, step, world

WEB = Reference.parse("deployment/web")
APP = Selector.parse("app=web")


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


def kill(index: int = 0) -> Step:
    return step(KILL, Phase.WHEN, index, pods=APP, count=1)


def ready(index: int = 1) -> Step:
    return step(READY, Phase.WHEN, index, target=WEB)


@pytest.mark.parametrize(
    ("promise", "outcome"), [(3.0, Outcome.PASSED), (1.0, Outcome.SERVICE_FAILED)]
)
def test_a_written_within_is_the_promise_that_recovery_is_held_against(
    here: World, promise: float, outcome: Outcome
) -> None:
    here.controllers.ready_after = 2.0
    record = here.run(when=[kill(), ready()], then=[step(RECOVERED, Phase.THEN, within=promise)])
    assert record.outcome is outcome
    [finding] = record.findings
    assert finding.name == "recovered.when[0].deployment/web"
    assert finding.value == pytest.approx(2.0, abs=0.1)
    assert finding.promised == f"recovery within {promise:.0f}s"


def test_what_has_not_recovered_fails_and_says_how_far_it_got(here: World) -> None:
    here.controllers.ready_after = 1000.0
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert record.findings[0].result is Result.FAILED
    assert "deployment/web has 2 of 3 serving Pods back" in record.message


def test_what_has_not_recovered_says_why_in_the_words_of_ready(here: World) -> None:
    here.controllers.ready_after = 1000.0
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=3.0)])
    assert "serving Pods back" in record.message
    assert "is Pending and not ready" in record.message


def test_what_has_not_recovered_says_that_its_workload_is_gone(here: World) -> None:
    here.controllers.frozen = True
    here.cluster.clock.after(0.5, lambda: here.cluster.remove(DEPLOYMENTS, "shop", "web"))
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=3.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "deployment/web does not exist any more" in record.message


def test_a_bare_pod_that_is_not_back_is_told_to_have_no_controller(here: World) -> None:
    metadata = {"name": "lone", "namespace": "shop", "labels": {"app": "lone"}}
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    here.cluster.put(PODS, {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": ready})
    lone = step(KILL, Phase.WHEN, pods=Selector.parse("app=lone"), bare=True)
    record = here.run(when=[lone], then=[step(RECOVERED, Phase.THEN)])
    assert "bare Pod shop/lone has 0 of 1 serving Pods back; nothing recreates a bare Pod" in (
        record.message
    )


def test_what_has_not_recovered_says_why_no_pod_was_made(here: World) -> None:
    here.controllers.frozen = True
    [web] = here.cluster.find(DEPLOYMENTS, "shop")
    refused = {
        "metadata": {"name": "web.1", "namespace": "shop"},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": "exceeded quota: q, requested: pods=1",
        "involvedObject": {"uid": web["metadata"]["uid"]},
    }

    def tell() -> None:
        here.cluster.put(EVENTS, refused)

    here.cluster.clock.after(0.5, tell)
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=3.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "last Event FailedCreate: exceeded quota: q, requested: pods=1" in record.message


def finished(here: World, name: str = "once") -> None:
    here.cluster.put(
        PODS,
        {
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": "once"}},
            "spec": {"nodeName": "node-1"},
            "status": {"phase": "Succeeded"},
        },
    )


def removes(context: ActionContext) -> None:
    for pod in context.view(PODS, "shop").objects():
        if pod["metadata"]["labels"] == {"app": "once"}:
            context.affected({"kind": "Node", "metadata": {"name": "n"}}, "Node n is cordoned")
            context.victim(pod, "evicted")
            context.cluster.delete(PODS, pod["metadata"]["name"], "shop", grace=0)
            context.proof("gone", {})


def test_finished_pods_are_neither_harm_nor_victims(here: World) -> None:
    finished(here)
    removal = dataclasses.replace(KILL, run=lambda _, context: removes(context))
    record = here.run(
        when=[step(removal, Phase.WHEN, pods=APP), kill(1)],
        then=[step(RECOVERED, Phase.THEN, within=9.0)],
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert [finding.name for finding in record.findings] == ["recovered.when[1].deployment/web"]
    assert any("shop/once has already finished" in each.text for each in record.timeline)


def test_where_only_finished_pods_were_removed_none_has_to_come_back(here: World) -> None:
    finished(here)
    removal = dataclasses.replace(KILL, run=lambda _, context: removes(context))
    record = here.run(
        when=[step(removal, Phase.WHEN, pods=APP)], then=[step(RECOVERED, Phase.THEN)]
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert any("only finished Pods were removed" in each.text for each in record.timeline)


def test_where_nothing_served_no_recovery_was_measured(here: World) -> None:
    """A Deployment that never came up: what replaces its Pod proves nothing."""
    here.controllers.ready_after = 1000.0
    here.cluster.put(DEPLOYMENTS, deployment("sick", 1))
    sick = step(KILL, Phase.WHEN, pods=Selector.parse("app=sick"), count=1)
    given = [step(SLEEP, Phase.GIVEN, duration=Duration.of(2))]
    record = here.run(given=given, when=[sick], then=[step(RECOVERED, Phase.THEN)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no serving Pod was harmed: deployment/sick" in record.message
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=3.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    [finding] = record.findings
    assert "is Pending and not ready" in finding.measured


def test_a_workload_that_is_scaled_to_zero_proves_no_recovery(here: World) -> None:
    """As KEDA does with an idle one: nothing came back, and nothing had to."""
    record = here.run(
        when=[kill(), step(SCALE, Phase.WHEN, workload=WEB, replicas=0)],
        then=[step(RECOVERED, Phase.THEN)],
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no recovery was measured: deployment/web wants 0 Pods now" in record.message


def test_recovered_without_a_victim_is_no_pass(here: World) -> None:
    record = here.run(
        when=[step(SCALE, Phase.WHEN, workload=WEB, replicas=4)], then=[step(RECOVERED, Phase.THEN)]
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert "`recovered` follows the Pods that an action chose, and none did (" in record.message
    assert "judge the change with `ready`" in record.message


@pytest.mark.parametrize(("at_most", "outcome"), [(1, Outcome.PASSED), (0, Outcome.SERVICE_FAILED)])
def test_restarts_are_counted_from_the_watch(here: World, at_most: int, outcome: Outcome) -> None:
    record = here.run(
        when=[step(CRASH, Phase.WHEN, pods=APP), ready(), kill(2), ready(3)],
        then=[step(RESTARTS, Phase.THEN, pods=APP, at_most=at_most)],
    )
    assert record.outcome is outcome, record.message
    assert record.findings[0].value == 1.0


@pytest.mark.parametrize("state", ["terminated", "waiting"])
def test_a_container_that_waits_for_its_next_start_was_restarted(here: World, state: str) -> None:
    """In a crash loop `restartCount` grows only minutes later."""
    said = {"terminated": {"exitCode": 1}, "waiting": {"reason": "CrashLoopBackOff"}}

    def crashed(pod: Any) -> None:
        pod["status"]["containerStatuses"] = [
            {"name": "web", "restartCount": 0, "state": {state: said[state]}}
        ]

    name = here.pods()[0]["metadata"]["name"]
    here.clock.after(0.5, lambda: here.cluster.change(PODS, "shop", name, crashed))
    record = here.run(
        when=[GROWS, step(SLEEP, Phase.WHEN, 1, duration=Duration.of(2))],
        then=[step(RESTARTS, Phase.THEN, pods=APP, at_most=0)],
    )
    assert record.outcome is Outcome.SERVICE_FAILED, record.message
    assert record.findings[0].value == 1.0


GROWS = step(SCALE, Phase.WHEN, workload=WEB, replicas=4)


@pytest.mark.parametrize(("after", "restarts"), [(0.5, 0.0), (2.5, 1.0)])
@pytest.mark.parametrize("actions", [[GROWS], []], ids=["an action", "load only"])
def test_restarts_before_the_first_action_do_not_count(
    here: World, after: float, restarts: float, actions: list[Step]
) -> None:
    def restarted(pod: Any) -> None:
        pod["status"]["containerStatuses"] = [{"name": "web", "restartCount": 1}]

    name = here.pods()[0]["metadata"]["name"]
    here.clock.after(after, lambda: here.cluster.change(PODS, "shop", name, restarted))
    record = here.run(
        given=[step(SLEEP, Phase.GIVEN, duration=Duration.of(2))],
        when=[*actions, step(SLEEP, Phase.WHEN, len(actions), duration=Duration.of(2))],
        then=[step(RESTARTS, Phase.THEN, pods=APP, at_most=1)],
    )  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    assert record.findings[0].value == restarts


def test_no_pod_at_all_is_not_no_restart(here: World) -> None:
    record = here.run(
        when=[kill()], then=[step(RESTARTS, Phase.THEN, pods=Selector.parse("app=none"))]
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert (
        "no unfinished Pod in shop had the labels app=none since the first action" in record.message
    )


def test_pods_that_finished_before_cannot_restart(here: World) -> None:
    here.cluster.put(PODS, {"metadata": {"name": "done", "namespace": "shop",
                                         "labels": {"job": "done"}},
                            "status": {"phase": "Running"}})  # fmt: skip

    def end(pod: Any) -> None:
        pod["status"] = {"phase": "Succeeded"}

    here.clock.after(0.8, lambda: here.cluster.change(PODS, "shop", "done", end))
    setting = step(SLEEP, Phase.GIVEN, duration=Duration.of(1))
    check = step(RESTARTS, Phase.THEN, pods=Selector.parse("job=done"))
    record = here.run(given=[setting], when=[kill()], then=[check])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no unfinished Pod in shop had the labels job=done" in record.message


def test_a_crash_is_healed_in_place(here: World) -> None:
    before = {pod["metadata"]["uid"] for pod in here.pods()}
    record = here.run(
        when=[step(CRASH, Phase.WHEN, pods=APP), ready()], then=[step(RECOVERED, Phase.THEN)]
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert {pod["metadata"]["uid"] for pod in here.pods()} == before


def test_a_crash_is_refused_on_a_real_cluster_with_the_reason(here: World) -> None:
    here.cluster.as_real()
    record = here.run(when=[step(CRASH, Phase.WHEN, pods=APP)])
    assert record.outcome is Outcome.REFUSED
    assert "does not kill process 1" in record.message


def test_a_restart_rolls_every_pod(here: World) -> None:
    before = {pod["metadata"]["uid"] for pod in here.pods()}
    record = here.run(
        when=[step(RESTART, Phase.WHEN, workload=WEB), ready()], then=[step(RECOVERED, Phase.THEN)]
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert not before & {pod["metadata"]["uid"] for pod in here.pods()}
    assert record.residues


def test_ready_waits_for_the_whole_rollout(here: World) -> None:
    here.controllers.ready_after = 3.0
    record = here.run(when=[step(RESTART, Phase.WHEN, workload=WEB), ready()])
    assert record.outcome is Outcome.PASSED
    done = record.steps[1]
    assert done.ended is not None
    assert done.ended - record.steps[0].started >= 9.0  # three Pods, one after another


def test_a_scale_is_undone_to_the_number_that_was_there(here: World) -> None:
    record = here.run(
        when=[
            step(SCALE, Phase.WHEN, workload=WEB, replicas=1),
            ready(),
            step(SCALE, Phase.WHEN, 2, workload=WEB, replicas=5),
            ready(3),
        ]
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert here.cluster.find(DEPLOYMENTS, "shop")[0]["spec"]["replicas"] == 3


def test_a_scale_to_the_same_number_is_nothing_to_do(here: World) -> None:
    record = here.run(when=[step(SCALE, Phase.WHEN, workload=WEB, replicas=3)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "already has 3 replicas" in record.message


def test_an_unknown_workload_is_told_what_there_is(here: World) -> None:
    none = Reference.parse("deployment/none")
    record = here.run(when=[step(SCALE, Phase.WHEN, workload=none, replicas=3)])
    assert "there are: deployment/web" in record.message
    record = here.run(when=[kill(), step(READY, Phase.WHEN, 1, target=none, within=1.0)])
    assert "there are: web" in record.message


def test_all_and_pods_are_ready_or_not_by_every_one_of_them(here: World) -> None:
    record = here.run(
        when=[
            kill(),
            step(READY, Phase.WHEN, 1, target="all"),
            step(READY, Phase.WHEN, 2, pods=APP, at_least=3),
        ]
    )
    assert record.outcome is Outcome.PASSED, record.message
    here.controllers.ready_after = 1000.0
    record = here.run(when=[kill(), step(READY, Phase.WHEN, 1, pods=APP, within=3.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "Pending and not ready" in record.message
    record = here.run(when=[step(READY, Phase.WHEN, 1, pods=APP, at_least=4, within=3.0)])
    assert "expected at least 4" in record.message


@pytest.mark.parametrize(
    ("reason", "sandbox", "waits"),
    [
        ("ImagePullBackOff", True, False),
        ("ImagePullBackOff", False, False),
        ("InvalidImageName", False, False),
        ("ErrImageNeverPull", False, False),
        ("ContainerCreating", True, True),
        ("CrashLoopBackOff", False, True),
    ],
)
def test_an_image_that_never_comes_is_not_waited_for(
    here: World, reason: str, sandbox: bool, waits: bool
) -> None:
    if not sandbox:
        here.cluster.as_real()
    here.controllers.ready_after = 1000.0
    waiting = {"waiting": {"reason": reason, "message": "registry: not found"}}
    here.cluster.put(
        PODS,
        {
            "metadata": {"name": "x", "namespace": "shop", "labels": {"app": "x"}},
            "status": {
                "phase": "Pending",
                "containerStatuses": [{"name": "c", "state": waiting}],
                "conditions": [{"type": "Initialized", "status": "True"}],
            },
        },
    )
    record = here.run(when=[step(READY, Phase.WHEN, target="all", within=20.0)])
    assert f"x is not ready (c: {reason}: registry: not found)" in record.message
    assert ("not within 20s" in record.message) is waits


class Blinded:
    """Nobody answers from a moment on until another one, which may never come."""

    def __init__(self, here: World, since: float, until: float) -> None:
        self._clock = here.clock
        self._since, self._until = since, until

    def gaps(self) -> list[Gap]:
        now = self._clock.monotonic()
        return [Gap(self._since, self._until if now > self._until else None)]

    def blind_since(self) -> float | None:
        return self._since if self._since < self._clock.monotonic() < self._until else None

    def confirm(self) -> bool:
        return self.blind_since() is None


@pytest.mark.parametrize(
    ("away", "outcome", "said"),
    [
        ((1.0, 1000.0), Outcome.NOT_MEASURED, "the API server has not answered for"),
        ((1.0, 7.0), Outcome.NOT_MEASURED, "after between"),
        ((7.0, 9.0), Outcome.SERVICE_FAILED, "recovered in 6"),
        ((0.1, 5.0), Outcome.SERVICE_FAILED, "recovered in 6"),
    ],
)
def test_who_could_not_see_the_cluster_does_not_blame_the_service(
    here: World,
    monkeypatch: pytest.MonkeyPatch,
    away: tuple[float, float],
    outcome: Outcome,
    said: str,
) -> None:
    here.controllers.ready_after = 6.0
    start = here.clock.monotonic()
    blinded = Blinded(here, *(start + each for each in away))
    monkeypatch.setattr(looking, "sight", lambda *_: blinded)
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=4.0)], settle=8.0)
    assert record.outcome is outcome, record.message
    assert said in record.message
    if "between" in said:
        [finding] = record.findings
        assert (finding.result, finding.reason) == (Result.NOT_MEASURED, Reason.UNOBSERVED)
        assert finding.low is not None
        assert finding.high is not None
        assert finding.low < 4.0 < finding.high


def test_nothing_is_ready_by_what_was_seen_before_the_silence(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    blinded = Blinded(here, here.clock.monotonic(), 1e9)
    monkeypatch.setattr(looking, "sight", lambda *_: blinded)
    record = here.run(when=[kill()], then=[step(READY, Phase.THEN, target=WEB)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "the API server has not answered" in record.message


@pytest.mark.parametrize("stays", [True, False])
def test_a_crash_loop_is_not_taken_for_a_recovery(here: World, stays: bool) -> None:
    """The replacement's container is started again, and is ready for some seconds at least."""
    before = {pod["metadata"]["uid"] for pod in here.pods()}

    def to_the_new_one(ready: bool) -> None:
        here.controllers.ready_after = 1000.0

        def change(pod: Any) -> None:
            pod["status"]["containerStatuses"] = [{"name": "web", "restartCount": 1}]
            pod["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]

        for pod in here.pods():
            if pod["metadata"]["uid"] not in before:
                here.cluster.change(PODS, "shop", pod["metadata"]["name"], change)

    began = here.clock.now
    here.cluster.clock.after(2.0, lambda: to_the_new_one(True))
    if not stays:
        here.cluster.clock.after(8.0, lambda: to_the_new_one(False))
    record = here.run(when=[kill()], then=[step(RECOVERED, Phase.THEN, within=30.0)])
    assert record.outcome is (Outcome.PASSED if stays else Outcome.SERVICE_FAILED), record.message
    assert here.clock.now - began >= 2.0 + STEADY


ROLLOUT = Resource(group="argoproj.io", version="v1alpha1", plural="rollouts", kind="Rollout")
CUSTOM = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  replicas: {replicas}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "{image}"}}]}}
"""


@pytest.mark.parametrize("asked", [{"target": "all"}, {"pods": APP}])
def test_pods_that_an_operator_has_not_replaced_prove_nothing_about_its_new_template(
    here: World, tmp_path: Path, asked: dict[str, Any]
) -> None:
    """Its operator may be slow, or wait for someone: all Pods of the old template are ready."""
    here.directory = tmp_path
    here.cluster.serve(ROLLOUT)
    for name, image in (("old", "web:1"), ("new", "web:2")):
        (tmp_path / f"{name}.yaml").write_text(CUSTOM.format(replicas=3, image=image))
    record = here.run(
        given=[step(APPLY, Phase.GIVEN, file=Path("old.yaml")),
               step(READY, Phase.GIVEN, 1, target="all", within=9.0)],
        when=[step(APPLY, Phase.WHEN, file=Path("new.yaml"))],
        then=[step(READY, Phase.THEN, within=5.0, **asked)],
    )  # fmt: skip
    assert record.outcome is Outcome.NOT_MEASURED
    assert "rollout/web: this run changed its Pod template, and 3 Pods of the old one" in (
        record.message
    )


def test_what_an_operator_has_not_made_yet_is_not_ready(here: World, tmp_path: Path) -> None:
    here.directory = tmp_path
    here.cluster.serve(ROLLOUT)
    (tmp_path / "new.yaml").write_text(CUSTOM.format(replicas=5, image="web:1"))
    record = here.run(
        given=[step(APPLY, Phase.GIVEN, file=Path("new.yaml"))],
        when=[kill()],
        then=[step(READY, Phase.THEN, target="all", within=5.0)],
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert "rollout/web, which this run created, wants 5 Pods, and 3 serve" in record.message


POSTGRES = Resource(group="postgresql.cnpg.io", version="v1", plural="clusters", kind="Cluster")
CLUSTER = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg}
spec: {instances: 3, imageName: "pg:17"}
"""


@pytest.mark.parametrize(
    "asked",
    [
        {"target": "all"},
        {"pods": APP},
        {"target": Reference("deployment", "web")},
        {"target": "a Pod"},
    ],
)
def test_pods_of_an_operator_that_has_not_acted_prove_nothing(
    here: World, tmp_path: Path, asked: dict[str, Any]
) -> None:
    """A resource without a Pod template, such as CloudNativePG's: its Pods of before are ready."""
    here.directory = tmp_path
    here.cluster.serve(POSTGRES)
    (tmp_path / "new.yaml").write_text(CLUSTER)
    kind = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"}
    spec = {"instances": 3, "imageName": "pg:16"}
    names = {"name": "pg", "namespace": "shop"}
    made = here.cluster.put(POSTGRES, {**kind, "metadata": names, "spec": spec})
    owner = {**kind, "name": "pg", "uid": made["metadata"]["uid"]}
    for pod in here.cluster.list(PODS, "shop"):
        here.cluster.change(
            PODS, "shop", pod["metadata"]["name"],
            lambda obj: obj["metadata"].setdefault("ownerReferences", []).append(owner),
        )  # fmt: skip
    if asked.get("target") == "a Pod":
        asked = {"target": Reference("pod", here.pods()[0]["metadata"]["name"])}
    record = here.run(
        when=[step(APPLY, Phase.WHEN, file=Path("new.yaml"))],
        then=[step(READY, Phase.THEN, within=5.0, **asked)],
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert "cluster/pg, which this run wrote, tells no observedGeneration" in record.message
