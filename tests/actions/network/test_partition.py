"""Cutting Pods off: who, when it is refused, and that a policy which is ignored is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.network.canary import PART
from resilience.actions.network.partition import VERB as PARTITION
from resilience.cluster.interface import FOLLOWED, PODS, POLICIES, Object, Resource
from resilience.cluster.wall_canary import SHUT
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, step, world

APP, DB = Selector.parse("app=web"), Selector.parse("app=db")


class Network:
    """A kubelet for the canary's Pods and a plugin that keeps policies, or does not."""

    def __init__(self, here: World) -> None:
        self.keeps = True
        self.opens = True
        self._here, self._cluster = here, here.cluster
        here.cluster.logs = self._logs  # type: ignore[method-assign]
        here.cluster.hooks.append(self._changed)

    @contextmanager
    def _logs(
        self, pod: str, namespace: str, query: Mapping[str, str] = FOLLOWED
    ) -> Iterator[Iterator[bytes]]:
        yield iter([b"open\n"] if self.opens else [])

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        if kind != "ADDED":
            return
        if resource == PODS and PART in objects.labels(obj):
            self._later(obj, {"phase": "Running", "podIP": "10.0.0.7"})
        if resource == POLICIES and "canary" in objects.name(obj) and self.keeps:
            for pod in self._cluster.find(PODS, "shop", Selector.parse(f"{PART}=client")):
                self._later(pod, _ended(SHUT))

    def _later(self, pod: Object, status: Object) -> None:
        def write(obj: Object) -> None:
            obj["status"] = status

        self._here.clock.after(
            0.2, lambda: self._cluster.change(PODS, "shop", objects.name(pod), write)
        )


def _ended(code: int) -> Object:
    return {"phase": "Succeeded" if not code else "Failed",
            "containerStatuses": [{"state": {"terminated": {"exitCode": code}}}]}  # fmt: skip


@pytest.fixture
def here() -> World:
    made = world()
    made.cluster.serve(POLICIES)
    made.deploy()
    return made


@pytest.fixture
def network(here: World) -> Network:
    return Network(here)


def cut(**parameters: Any) -> Step:
    asked: dict[str, Any] = {"pods": APP, "direction": "ingress"} | parameters
    return step(PARTITION, Phase.WHEN, **asked)


def ours(here: World) -> list[str]:
    found = [*here.cluster.find(POLICIES), *here.cluster.find(PODS)]
    return [objects.name(each) for each in found if objects.is_ours(each)]


def test_a_cut_is_proven_by_a_canary_then_lasts_and_is_taken_away(
    here: World, network: Network
) -> None:
    seen: dict[str, float] = {}

    def watch(resource: Resource, kind: str, obj: Object) -> None:
        if objects.name(obj).startswith("resilience-partition"):
            seen[kind] = here.clock.now

    here.cluster.hooks.append(watch)
    record = here.run(when=[cut(duration=Duration.of(30))])
    assert record.outcome is Outcome.PASSED, record.message
    assert seen["DELETED"] - seen["ADDED"] == pytest.approx(30, abs=0.1)
    [proof] = [entry for entry in record.timeline if entry.what is What.PROOF]
    assert "a canary's connection was cut by the same policy" in proof.text
    assert len([entry for entry in record.timeline if entry.what is What.VICTIM]) == 3
    assert ours(here) == []


def test_pods_that_are_replaced_while_the_canary_proves_are_cut_off_in_place_of_the_former(
    here: World, network: Network
) -> None:
    first = objects.name(here.pods()[0])

    def end(resource: Resource, kind: str, obj: Object) -> None:
        if kind == "ADDED" and resource == POLICIES and "canary" in objects.name(obj):
            here.cluster.remove(PODS, "shop", first)

    here.cluster.hooks.append(end)
    record = here.run(when=[cut(duration=Duration.of(1))])
    assert record.outcome is Outcome.PASSED, record.message
    named = {each.text.partition(":")[0] for each in record.timeline if each.what is What.VICTIM}
    assert f"shop/{first}" not in named
    assert len(named) == 3


def test_a_policy_that_the_network_ignores_is_refused_and_nobody_is_cut_off(
    here: World, network: Network
) -> None:
    network.keeps = False
    record = here.run(when=[cut()])
    assert record.outcome is Outcome.REFUSED
    assert "accepted the NetworkPolicy but does not enforce it" in record.message
    assert not [entry for entry in record.timeline if entry.what is What.VICTIM]
    assert ours(here) == []


def test_without_a_connection_beforehand_nothing_would_be_proven(
    here: World, network: Network
) -> None:
    network.opens = False
    record = here.run(when=[cut()])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "could not connect before anything was cut" in record.message
    assert ours(here) == []


def test_what_another_policy_allows_cannot_be_taken_away(here: World, network: Network) -> None:
    here.cluster.put(POLICIES, {
        "metadata": {"name": "open", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]}})  # fmt: skip
    record = here.run(when=[cut()])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "NetworkPolicy shop/open already selects Pods app=web" in record.message
    assert here.run(when=[cut(direction="egress")]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"pods": DB}, "no living Pod in namespace shop matches app=db"),
        ({"from_": DB}, "no living Pod in namespace shop matches app=db"),
        ({"ports": ("metrics",)}, "has a port named metrics"),
    ],
)
def test_what_matches_nothing_is_an_error_that_cuts_nothing(
    here: World, network: Network, parameters: Any, text: str
) -> None:
    record = here.run(when=[cut(**parameters)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert text in record.message
    made = {path for method, path in here.cluster.calls if method == "POST"}
    assert made <= {"/api/v1/namespaces/shop/events"}  # what people are told of a run


def test_a_killed_run_leaves_undos_for_the_canary_and_the_policy(
    here: World, network: Network
) -> None:
    here.run(when=[cut()])
    texts = [line["text"] for line in map(dict, here.sink.lines) if "text" in line]
    assert [text.partition(" resilience-")[0] for text in texts][:3] == [
        "delete the canary's Pod", "delete the canary's Pod", "delete the canary's NetworkPolicy",
    ]  # fmt: skip
    assert texts[-1].startswith("delete NetworkPolicy shop/resilience-partition-")


@pytest.mark.parametrize(
    ("parameters", "right"),
    [({"dns": True, "direction": "both"}, True), ({"dns": True}, False), ({"ports": (0,)}, False),
     ({"dns": True, "direction": "egress", "ports": (80,)}, False)],
)  # fmt: skip
def test_words_that_contradict_each_other_are_told_at_load(parameters: Any, right: bool) -> None:
    made = PARTITION.parameters(**({"pods": APP, "direction": "ingress"} | parameters))
    assert (not PARTITION.check(made)) is right


TWO = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s}
spec:
  selector: {matchLabels: {app: %s}}
  template:
    metadata: {labels: {app: %s}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: %s}, ports: [{port: 80, targetPort: http}]}
"""

SCENARIO = """
scenario: nobody reaches the shop for three seconds
namespace: shop
given:
  - apply: shop.yaml
  - ready: all
while:
  - http: {service: shop, path: /hostname}
    rate: 20/s
    objective: {longest_outage: 20s}
when:
  - partition: {pods: app=shop, direction: ingress, duration: 3s}
then:
  - http: {service: shop, path: /hostname}
"""


@pytest.mark.alone
def test_on_the_sandbox_a_service_is_cut_off_for_as_long_as_asked(
    pytester: pytest.Pytester,
) -> None:
    """End to end, in real time."""
    Path(pytester.path, "shop.yaml").write_text(TWO % (("shop",) * 5))
    Path(pytester.path, "a.scenario.yaml").write_text(SCENARIO)
    result = pytester.runpytest_subprocess("--resilience-report", "report", "-p", "no:randomly")
    result.assert_outcomes(passed=1)
    report = json.loads(Path(pytester.path, "report", "report.json").read_text())
    [finding] = [each for each in report["runs"][0]["findings"]
                 if each["name"] == "http.longest_outage"]  # fmt: skip
    assert 2.5 < finding["value"] < 8
