"""The worst that a manifest of Chaos Mesh may choose, by mode and selector."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from resilience.actions.network.chaos_mesh_choice import choices
from resilience.cluster.interface import Object


def body(spec: str, kind: str = "NetworkChaos") -> Object:
    return {"kind": kind, "metadata": {"namespace": "shop"}, "spec": yaml.safe_load(spec)}


def pod(name: str = "web-1", namespace: str = "shop", **spec: Any) -> Object:
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": {"app": "web", "tier": "front"},
        "annotations": {"team": "a"},
    }
    return {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}} | spec


@pytest.mark.parametrize(
    ("mode", "most"),
    [
        ("mode: all", 10),
        ("mode: one", 1),
        ("{mode: one, value: ''}", 1),
        ("{mode: fixed, value: '3'}", 3),
        ("{mode: fixed, value: '30'}", 10),
        ("{mode: fixed-percent, value: '39'}", 3),
        ("{mode: random-max-percent, value: '40'}", 4),
        ("{mode: fixed, value: x}", 10),
        ("{mode: fixed, value: \u0663}", 10),
        ("mode: unheard-of", 10),
    ],
)
def test_each_mode_takes_so_many_of_ten(mode: str, most: int) -> None:
    [choice] = choices(body(mode))
    assert choice.most(10) == most


def test_no_mode_takes_what_is_not_there() -> None:
    [choice] = choices(body("mode: one"))
    assert choice.most(0) == 0


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("{}", True),
        ("{labelSelectors: {app: web}}", True),
        ("{labelSelectors: {app: db}}", False),
        ("{expressionSelectors: [{key: tier, operator: In, values: [front]}]}", True),
        ("{expressionSelectors: [{key: tier, operator: NotIn, values: [front]}]}", False),
        ("{annotationSelectors: {team: a}}", True),
        ("{annotationSelectors: {team: b}}", False),
        ("{nodes: [n1]}", True),
        ("{nodes: [n2]}", False),
        ("{pods: {shop: [web-1]}}", True),
        ("{pods: {shop: [web-1]}, labelSelectors: {app: db}}", True),
        ("{pods: {shop: [web-2]}, labelSelectors: {app: web}}", False),
        ("{pods: {lab: [web-1]}}", False),
        ("{fieldSelectors: {metadata.name: other}}", True),
    ],
)
def test_a_selector_takes_what_it_may_mean(selector: str, selected: bool) -> None:
    [choice] = choices(body(f"{{mode: all, selector: {selector}}}"))
    assert choice.may_select(pod()) is selected
    assert choice.may_select(pod(status={"phase": "Succeeded"})) is False


@pytest.mark.parametrize("selector", ["{annotationSelectors: {team: a}}", "{nodes: [n1]}"])
def test_a_pod_without_annotations_or_a_node_does_not_match_them(selector: str) -> None:
    [choice] = choices(body(f"{{mode: all, selector: {selector}}}"))
    bare = {"metadata": {"name": "a", "namespace": "shop", "annotations": None}}
    assert choice.may_select(bare) is False


@pytest.mark.parametrize(
    ("selector", "namespaces"),
    [
        ("{}", ["shop"]),
        ("{namespaces: []}", ["shop"]),
        ("{namespaces: [b, a]}", ["a", "b"]),
        ("{namespaces: a}", ["shop"]),
        ("{pods: {b: [x], a: [y]}, namespaces: [c]}", ["a", "b"]),
    ],
)
def test_it_selects_in_its_own_namespace_unless_it_names_others(
    selector: str, namespaces: list[str]
) -> None:
    [choice] = choices(body(f"{{mode: all, selector: {selector}}}"))
    assert choice.namespaces == namespaces


@pytest.mark.parametrize(
    ("spec", "whole"),
    [
        ("{mode: all, selector: {labelSelectors: {app: web}}}", True),
        ("{mode: all, selector: {fieldSelectors: {spec.nodeName: a}}}", False),
        ("{mode: one, selector: {}}", False),
    ],
)
def test_only_all_of_a_selector_that_is_understood_is_known(spec: str, whole: bool) -> None:
    [choice] = choices(body(spec))
    assert choice.is_whole is whole


def test_the_far_end_and_each_template_choose_as_well() -> None:
    spec = "{mode: one, selector: {}, target: {mode: all, selector: {namespaces: [db]}}}"
    assert [each.namespaces for each in choices(body(spec))] == [["shop"], ["db"]]
    spec = "{templates: [{networkChaos: {mode: one}}, {podChaos: {mode: fixed, value: '2'}}]}"
    assert [each.most(9) for each in choices(body(spec, "Workflow"))] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Schedule", "{podChaos: {mode: one, selector: {}}}"),
        ("Workflow", "{templates: [{schedule: {schedule: '@hourly', podChaos: {mode: one}}}]}"),
    ],
)
def test_a_schedule_chooses_again_until_all_were_hit(kind: str, spec: str) -> None:
    [choice] = choices(body(spec, kind))
    assert choice.most(9) == 9
    assert not choice.is_whole


@pytest.mark.parametrize("spec", ["null", "[]", "text", "{mode: one, selector: text}"])
def test_what_is_no_choice_is_none(spec: str) -> None:
    assert list(choices(body(spec))) == []
