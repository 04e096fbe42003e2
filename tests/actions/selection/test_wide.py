"""Pods of several namespaces by the namespaces' labels: whom a run harms, and when it says no."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.pods.evict import VERB as EVICT
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.selection.choice import complaints
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, PODS
from resilience.cluster.permit.consent_keys import PAUSED
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.timeline import What
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, deployment, step, world

TEAM = Selector.parse("team=shop")


@pytest.fixture
def here() -> World:
    """`a` and `b` belong to the team, `bank` does not; `kube-system` has the label by mistake."""
    made = world()
    for name, team in (("a", "shop"), ("b", "shop"), ("bank", "bank"), ("kube-system", "shop")):
        labels = {"team": team}
        made.cluster.put(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
        body = deployment("web", 2)
        body["metadata"]["namespace"] = name
        made.cluster.put(DEPLOYMENTS, body)
    made.clock.until(lambda: False, made.clock.now + 3)
    return made


def run(here: World, verb: Any = KILL, **choice: Any) -> RunRecord:
    keys = {"namespaces": TEAM, "count": "all", **choice}
    return here.run(when=[step(verb, Phase.WHEN, **keys)],
                    then=[step(RECOVERED, Phase.THEN, within=10)])  # fmt: skip


def struck(record: RunRecord) -> list[str]:
    facts = [entry.facts for entry in record.timeline if entry.what is What.VICTIM]
    return sorted(str(each["namespace"]) for each in facts)


@pytest.mark.parametrize("verb", [KILL, EVICT], ids=["kill", "evict"])
def test_pods_of_all_meant_namespaces_are_harmed_and_recover(here: World, verb: Any) -> None:
    record = run(here, verb)
    assert record.outcome is Outcome.PASSED, record.message
    assert struck(record) == ["a", "a", "b", "b"]


def test_the_filters_hold_in_every_namespace(here: World) -> None:
    record = run(here, kinds=("daemonset",))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "4 Pods in namespaces a, b" in record.message
    assert "4 by kinds: daemonset (they are of deployment)" in record.message
    assert len(here.cluster.find(PODS)) == 8


def test_no_such_namespace_is_an_error_that_names_the_labels(here: World) -> None:
    record = run(here, namespaces=Selector.parse("team=shopp"))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no namespace is labelled team=shopp" in record.message
    assert "; nothing was harmed; did you mean `team=shop`?\n" in record.message
    assert len(here.cluster.find(PODS)) == 8


def test_no_pod_in_any_of_them_is_an_error(here: World) -> None:
    record = run(here, pods=Selector.parse("app=db"))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no living Pod in namespaces a, b matches app=db" in record.message


def paused(here: World, name: str) -> None:
    here.cluster.change(NAMESPACES, "", name, lambda obj: obj["metadata"].update(
        annotations={PAUSED: "incident-7"}))  # fmt: skip


def test_a_paused_namespace_is_left_out_and_told(here: World) -> None:
    paused(here, "a")
    record = run(here)
    assert struck(record) == ["b", "b"]
    assert any("namespace a is paused" in entry.text for entry in record.timeline)
    paused(here, "b")
    refused = run(here)
    assert refused.outcome is Outcome.REFUSED
    assert "each namespace labelled team=shop is paused" in refused.message


def test_a_namespace_that_is_going_is_left_out(here: World) -> None:
    here.cluster.change(NAMESPACES, "", "a", lambda obj: obj["metadata"].update(
        deletionTimestamp="2026-01-01T00:00:00Z"))  # fmt: skip
    assert struck(run(here)) == ["b", "b"]


def test_the_name_of_a_namespace_is_a_label_of_it(here: World) -> None:
    assert struck(run(here, namespaces=Selector.parse("kubernetes.io/metadata.name in (b)"))) == [
        "b", "b"]  # fmt: skip


@pytest.mark.parametrize("text", ["!canary", "team in (shop, bank)"])
def test_system_namespaces_are_never_meant(here: World, text: str) -> None:
    assert "kube-system" not in struck(run(here, namespaces=Selector.parse(text)))


def test_what_no_choice_may_say() -> None:
    kill: Any = KILL.parameters
    assert complaints(kill(namespaces=TEAM)) == []
    [nobody] = complaints(kill())
    assert "namespaces: LABELS" in nobody.expected
    [kind] = complaints(kill(namespaces=TEAM, kinds=("Deployment",)))
    assert (kind.field, kind.expected) == ("kinds", "deployment, or !daemonset")
    from resilience.model.values import Reference

    [owner] = complaints(kill(namespaces=TEAM, owner=Reference.parse("deployment/web")))
    assert owner.field == "owner"
