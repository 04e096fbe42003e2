"""Each rule tells of what it is for, and of nothing beside it."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilience.audit.base.finding import Finding
from resilience.audit.base.rule import Level
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.kube.objects import Object
from resilience.language import load
from resilience.verbs.catalogue import catalogue
from tests.audit.objects import budget, deployment, inventory, scaler, service
from tests.audit.rules.cases import CASES, Case, claim, mounted, pinned_to, tls, volume, webhook

RULES = {rule.id: rule for rule in builtin()}
NAMES = [f"{case.rule}-{number}" for number, case in enumerate(CASES)]


def findings(rule: str, objects: tuple[Object, ...], *, live: bool) -> list[Finding]:
    audit = examine(inventory(*objects, live=live), [RULES[rule]])
    assert audit.skipped == {}
    return list(audit.findings)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_rule_tells_of_what_it_is_for(case: Case) -> None:
    found = findings(case.rule, case.bad, live=case.live)
    assert [each.object for each in found] == [case.subject]
    assert found[0].text


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_rule_does_not_tell_of_its_like(case: Case) -> None:
    assert findings(case.rule, case.good, live=case.live) == []


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_a_person_needs(rule: Any) -> None:
    sentences = [each for each in rule.reason.split(". ") if each]
    assert len(sentences) == 2
    assert rule.reason.endswith(".")
    assert rule.remedy.endswith(".") or rule.remedy.endswith("`.") or "..." in rule.remedy
    assert rule.link.startswith("https://kubernetes.io/docs/")
    assert rule.source.endswith(".go")


PROVEN = [case for case in CASES if findings(case.rule, case.bad, live=case.live)[0].proof]


@pytest.mark.parametrize("case", PROVEN, ids=lambda case: case.rule)
def test_every_proof_is_a_scenario_by_our_own_schema(case: Case) -> None:
    proof = findings(case.rule, case.bad, live=case.live)[0].proof
    text = f"scenario: it is proven\nnamespace: shop\n{proof}\n"
    loaded = load(Path("proof.scenario.yaml"), text.encode(), catalogue(), os.environ)
    assert loaded.problems == ()
    assert len(loaded.scenarios) == 1
    assert loaded.scenarios[0].when


def test_most_rules_name_a_scenario() -> None:
    """The rest are facts that reading shows completely: an owner, a certificate's date."""
    unproven = set(RULES) - {case.rule for case in PROVEN}
    assert unproven == {
        "api-goes-away",
        "budget-selects-nothing",
        "certificate-ends",
        "image-not-pullable",
        "ingress-without-service",
        "no-backup-plan",
        "no-default-deny",
        "no-owner",
        "orphaned-claim",
        "orphaned-settings",
        "policy-selects-nothing",
        "request-over-limit",
        "scaler-without-target",
        "selector-mismatch",
    }


def proof(rule: str, *objects: Object, live: bool = False) -> str:
    return findings(rule, objects, live=live)[0].proof


def test_a_proof_is_about_the_object_of_its_finding() -> None:
    """Not about the first that comes along: names of others must not be in it."""
    other = deployment("other", volumes=mounted("else"))
    pinned = volume(local={"path": "/d"}, nodeAffinity=pinned_to("n7"))
    text = proof(
        "claim-on-one-node", pinned, claim("data"), other, deployment(volumes=mounted("data"))
    )
    assert "node: n7" in text
    assert "deployment/web" in text
    assert "other" not in text
    two = webhook("Fail")
    two["webhooks"].insert(0, {"name": "a.example.com", "failurePolicy": "Ignore"})
    assert "deployment/web" in proof("webhook-blocks", two, service(), deployment(replicas=1))
    quota = proof("no-quota", deployment(kind="DaemonSet"), deployment("big"), deployment("small"))
    assert "scale: {workload: deployment/big, replicas: 100}" in quota
    assert "kill: {owner: daemonset/web" in quota


def test_the_level_says_how_bad_this_one_is() -> None:
    assert findings("certificate-ends", (tls(-1),), live=False)[0].level is Level.ERROR
    assert findings("certificate-ends", (tls(3),), live=False)[0].level is Level.WARNING
    lacking = deployment(serviceAccountName="web")
    assert findings("missing-reference", (lacking,), live=True)[0].level is Level.ERROR
    assert findings("missing-reference", (lacking,), live=False)[0].level is Level.WARNING


def test_the_text_says_what_was_seen() -> None:
    lone = findings("single-replica", (deployment(replicas=1),), live=False)
    scaled = findings("single-replica", (deployment(), scaler(least=1)), live=False)
    assert (lone[0].text, scaled[0].text) == ("1 replica", "its autoscaler goes down to 1 Pod")
    most = findings("budget-blocks", (deployment(), budget(minAvailable=3)), live=False)
    assert most[0].text == "minAvailable: 3 of 3 allows no eviction"
    ended, soon = (findings("certificate-ends", (tls(days),), live=False)[0] for days in (-1, 3))
    assert ended.text.startswith("tls.crt ended at 2026-02-28")
    assert soon.text.startswith("tls.crt ends in 3 days, at 2026-03-04")


JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just([]), st.just({}),
    st.just([None]), st.just({"a": 1}), st.floats(allow_nan=False),
)  # fmt: skip


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = [(key, each) for key, each in value.items()]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [
        found for key, each in inner for found in ((*before, key), *paths(each, (*before, key)))
    ]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_manifest_makes_a_rule_fail(data: st.DataObject) -> None:
    """A live API server checks types; a file may hold anything anywhere."""
    case = data.draw(st.sampled_from(CASES))
    objects = copy.deepcopy(list(case.bad))
    obj = data.draw(st.sampled_from(objects))
    kept = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}
    path = data.draw(st.sampled_from([each for each in paths(obj) if each not in kept]))
    inner: Any = obj
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(JUNK)
    audit = examine(inventory(*objects, live=case.live), list(RULES.values()))
    assert [each for each in audit.skipped.items() if "it failed" in each[1]] == []
