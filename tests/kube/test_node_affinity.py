"""Which nodes a Pod's selector and required affinity admit."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.kube.node_affinity import admits
from resilience.kube.objects import Object

NODE: Object = {"metadata": {"name": "n1", "labels": {"zone": "a", "cpus": "8"}}}


def rule(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def pod(*terms: dict[str, Any], **spec: Any) -> Object:
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"spec": {"affinity": {"nodeAffinity": wanted}, **spec}}


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ([rule("zone", "In", "a", "b")], True),
        ([rule("zone", "In", "b")], False),
        ([rule("zone", "NotIn", "a")], False),
        ([rule("disk", "NotIn", "hdd")], True),
        ([rule("zone", "Exists")], True),
        ([rule("zone", "DoesNotExist")], False),
        ([rule("cpus", "Gt", "7")], True),
        ([rule("cpus", "Gt", "8")], False),
        ([rule("cpus", "Lt", "9")], True),
        ([rule("cpus", "Lt", "8")], False),
        ([rule("zone", "Gt", "1")], False),
        ([rule("disk", "Lt", "1")], False),
        ([rule("cpus", "Gt", "1", "2")], False),
        ([rule("cpus", "Near", "8")], False),
        ([rule("zone", "In", "a"), rule("cpus", "In", "4")], False),
        ([], False),
    ],
)
def test_all_conditions_of_a_term_have_to_hold(rules: list[Any], admitted: bool) -> None:
    assert admits(pod({"matchExpressions": rules}), NODE) is admitted


def test_one_term_of_several_is_enough() -> None:
    wrong, right = ({"matchExpressions": [rule("zone", "In", zone)]} for zone in "ba")
    assert admits(pod(wrong, right), NODE)
    assert not admits(pod(wrong, wrong), NODE)
    assert not admits(pod(), NODE), "no term admits no node"


def test_a_node_can_be_meant_by_its_name_too() -> None:
    named = {"matchFields": [rule("metadata.name", "In", "n1")]}
    assert admits(pod(named), NODE)
    both = {**named, "matchExpressions": [rule("zone", "In", "b")]}
    assert not admits(pod(both), NODE)
    assert not admits(pod({"matchFields": [rule("metadata.name", "In", "n2")]}), NODE)


def test_the_selector_counts_beside_the_affinity() -> None:
    right = {"matchExpressions": [rule("zone", "In", "a")]}
    assert admits(pod(right, nodeSelector={"cpus": "8"}), NODE)
    assert not admits(pod(right, nodeSelector={"cpus": "4"}), NODE)
    assert admits({"spec": {"affinity": {}}}, NODE)
