"""Runs that harm only workloads that opted in, as often as they say, and the same one not again."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from resilience.actions.pods import pod_action
from resilience.actions.pods.evict import VERB as EVICT
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, PODS
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, deployment, step, world

ON = {"resilience.io/enabled": "true"}
THREE = Duration.parse("3d")


@pytest.fixture
def here() -> World:
    return world()


def deploy(here: World, name: str, labels: dict[str, str], pods: dict[str, str] | None = None,
           namespace: str = "shop", replicas: int = 4) -> None:  # fmt: skip
    body = deployment(name, replicas)
    body["metadata"].update(namespace=namespace, labels=labels)
    template = body["spec"]["template"]["metadata"]
    own = {"app": name, **(pods or {})}
    template["labels"] = own
    body["spec"]["selector"] = {"matchLabels": {"app": name}}
    here.cluster.put(DEPLOYMENTS, body)
    here.clock.until(lambda: False, here.clock.now + 3)


def run(here: World, verb: Any = KILL, options: Any = None, **choice: Any) -> RunRecord:
    keys = {"opted_in": True, **choice}
    return here.run(when=[step(verb, Phase.WHEN, **keys)],
                    then=[step(RECOVERED, Phase.THEN, within=10)], **(options or {}))  # fmt: skip


def struck(record: RunRecord) -> list[str]:
    """The workloads."""
    facts = [entry.facts for entry in record.timeline if entry.what is What.VICTIM]
    return sorted(f"{each['namespace']}/{each['workload']}" for each in facts)


@pytest.mark.parametrize("verb", [KILL, EVICT], ids=["kill", "evict"])
def test_only_who_opted_in_is_harmed(here: World, verb: Any) -> None:
    deploy(here, "web", ON)
    deploy(here, "db", {})
    record = run(here, verb, count="all")
    assert record.outcome is Outcome.PASSED, record.message
    assert struck(record) == ["shop/deployment/web"] * 4


def test_nobody_opted_in_is_an_error_that_says_how(here: World) -> None:
    deploy(here, "db", {})
    record = run(here)
    assert record.outcome is Outcome.NOT_MEASURED
    assert 'the label resilience.io/enabled: "true", or as for kube-monkey' in record.message
    assert len(here.pods()) == 4


def test_a_workload_of_kube_monkey_loses_as_many_as_it_says(here: World) -> None:
    both = {"kube-monkey/enabled": "enabled", "kube-monkey/identifier": "web"}
    own = {"kube-monkey/kill-mode": "fixed-percent", "kube-monkey/kill-value": "75"}
    deploy(here, "web", {**both, **own}, both)
    deploy(here, "api", ON)
    assert struck(run(here)) == ["shop/deployment/api", *["shop/deployment/web"] * 3]


def test_labels_that_say_nothing_leave_the_workload_out_and_tell(here: World) -> None:
    both = {"kube-monkey/enabled": "enabled", "kube-monkey/identifier": "web"}
    deploy(here, "web", {**both, "kube-monkey/mtbf": "often"}, both)
    deploy(here, "api", ON)
    record = run(here, count="all")
    assert struck(record) == ["shop/deployment/api"] * 4
    assert any("shop/deployment/web is left out: kube-monkey/mtbf=often" in entry.text
               for entry in record.timeline)  # fmt: skip


def test_it_is_asked_again_just_before_the_kill(here: World) -> None:
    """The label goes while the run is about to kill."""
    deploy(here, "web", ON)

    def withdrawn(method: str, path: str) -> None:
        if method == "GET" and "/pods/" in path:  # the Pod is read just before it is deleted
            here.cluster.change(DEPLOYMENTS, "shop", "web",
                                lambda obj: obj["metadata"].update(labels={}))  # fmt: skip

    here.cluster.faults.append(withdrawn)
    record = run(here, count="all")
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no longer opted in or replaced before it could be killed" in record.message
    assert not [path for method, path in here.cluster.calls if method == "DELETE"]


def test_over_days_each_workload_is_due_by_its_own_coin(here: World) -> None:
    deploy(here, "web", ON)
    deploy(here, "api", ON)
    due: list[list[str]] = []
    for _ in range(60):
        record = run(here, mtbf=THREE, count="all")
        due.append(sorted(set(struck(record))))
        if not due[-1]:
            assert record.outcome is Outcome.NOT_MEASURED
            assert "mtbf: not due on" in record.message
        here.clock.now += 86400
    both, web, api, none = (due.count([*names]) for names in (
        ["shop/deployment/api", "shop/deployment/web"], ["shop/deployment/web"],
        ["shop/deployment/api"], []))  # fmt: skip
    assert both + web + api + none == 60
    assert 10 <= both + web <= 30
    assert 10 <= both + api <= 30
    assert none > 10


def test_what_is_not_due_is_known_before_the_run(here: World) -> None:
    """With the answer of the run itself: the same seed, the same coin."""
    deploy(here, "web", ON)
    kill: Any = KILL.parameters
    for choice in ({"opted_in": True}, {"pods": Selector.parse("app=web")}):
        told = []
        for _ in range(12):
            asked = step(KILL, Phase.WHEN, mtbf=THREE, **choice)
            random = Random(f"7:{asked.path}")
            why = pod_action.not_due(kill(mtbf=THREE, **choice), asked.path, here.cluster, "shop",
                                     random)  # fmt: skip
            record = here.run(when=[asked], stream=lambda seed, path: Random(f"{seed}:{path}"))
            assert bool(why) is (record.outcome is Outcome.NOT_MEASURED), (why, record.message)
            told.append(bool(why))
            here.clock.now += 86400
        assert set(told) == {True, False}


def test_without_mtbf_everything_is_always_due(here: World) -> None:
    deploy(here, "web", ON)
    kill: Any = KILL.parameters
    assert pod_action.not_due(kill(opted_in=True), "when[0]", here.cluster, "shop", Random(1)) == ""


def test_in_several_namespaces_it_is_each_workloads_own_label(here: World) -> None:
    for name in ("a", "b"):
        here.cluster.put(NAMESPACES, {"metadata": {"name": name, "labels": {"team": "shop"}}})
    deploy(here, "web", ON, namespace="a")
    deploy(here, "web", {}, namespace="b")
    record = run(here, namespaces=Selector.parse("team=shop"), count="all")
    assert struck(record) == ["a/deployment/web"] * 4


def test_fair_takes_whom_reports_show_struck_longest_ago(here: World) -> None:
    for name in ("a", "b", "c"):
        deploy(here, name, ON)
    past = {"shop/deployment/a": 300.0, "shop/deployment/b": 200.0, "shop/deployment/c": 100.0}
    order = []
    for number in range(6):
        record = run(here, order="fair", options={"struck_before": lambda: dict(past)})
        [victim] = struck(record)
        past[victim] = 1000.0 + number
        order.append(victim[-1])
    assert order == ["c", "b", "a", "c", "b", "a"]


def test_fair_does_not_take_the_same_pod_again(here: World) -> None:
    deploy(here, "web", ON)
    names = [pod["metadata"]["name"] for pod in here.cluster.find(PODS, "shop")]
    past = {f"shop/{name}": 100.0 for name in names[1:]}
    for seed in range(5):
        again = run(here, order="fair", options={"struck_before": lambda: past, "seed": seed})
        [victim] = [entry.facts["name"] for entry in again.timeline if entry.what is What.VICTIM]
        assert f"shop/{victim}" not in past
