"""Strategic merge patches do what the API server does with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.modifier_file import rules
from resilience.backup.modify.strategic_patch import PatchRefused, strategic
from resilience.sandbox.patch.strategic import apply
from resilience.sandbox.schema.facts import builtin
from tests.backup.modify.test_modifiers import written

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "finalizers": ["a"]},
    "spec": {"replicas": 2, "template": {"spec": {
        "containers": [
            {"name": "main", "image": "web:1", "env": [{"name": "A", "value": "1"}],
             "ports": [{"containerPort": 80}]},
            {"name": "side", "image": "side:1"},
        ],
        "tolerations": [{"key": "x"}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    }}},
}  # fmt: skip


def of_pods(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": fields}}}


def pods(patch: Any) -> dict[str, Any]:
    kept = copy.deepcopy(WEB)
    found: dict[str, Any] = strategic(WEB, patch)["spec"]["template"]["spec"]
    assert kept == WEB
    return found


def test_one_container_is_changed_and_the_others_stay() -> None:
    found = pods(of_pods(containers=[{"name": "side", "image": "side:2"}]))
    assert [each["image"] for each in found["containers"]] == ["web:1", "side:2"]


def test_a_list_without_a_key_is_replaced() -> None:
    assert pods(of_pods(tolerations=[{"key": "y"}]))["tolerations"] == [{"key": "y"}]


def test_patch_directives_delete_and_replace_items() -> None:
    found = pods(of_pods(containers=[{"name": "side", "$patch": "delete"}]))
    assert [each["name"] for each in found["containers"]] == ["main"]
    found = pods(of_pods(volumes=[{"name": "data", "$retainKeys": ["name", "hostPath"],
                                   "hostPath": {"path": "/d"}}]))  # fmt: skip
    assert found["volumes"] == [{"name": "data", "hostPath": {"path": "/d"}}]
    assert strategic(WEB, {"spec": {"$patch": "replace", "a": 1}})["spec"] == {"a": 1}


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        (of_pods(containers=[{"image": "x"}]), "/spec/template/spec/containers: an item without"),
        ({"spec": {"$patch": "drop"}}, "/spec: .* expected replace, delete or merge"),
        ({"spec": {"$retainKeys": "a"}}, "/spec: .* expected a list of fields"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(patch: Any, told: str) -> None:
    with pytest.raises(PatchRefused, match=told):
        strategic(WEB, patch)


def test_a_rule_applies_it_and_refuses_a_custom_resource(tmp_path: Path) -> None:
    data = '{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "web:2"}]}}}}'
    (one,) = rules(written(tmp_path, {
        "conditions": {"groupResource": "*"},
        "strategicPatches": [{"patchData": data}],
    }))  # fmt: skip
    web = copy.deepcopy(WEB)
    assert list(one.change("deployments.apps", web)) == ["/spec"]
    images = [each["image"] for each in web["spec"]["template"]["spec"]["containers"]]
    assert images == ["web:2", "side:1"]
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    with pytest.raises(BadRequest, match=r"Widget w: a custom resource .* write mergePatches"):
        list(one.change("widgets.example.com", widget))


_NAMES = some.sampled_from(["main", "side", "new"])
_ENV = some.lists(
    some.fixed_dictionaries({"name": some.sampled_from("AB")}, optional={"value": some.just("2")}),
    max_size=2, unique_by=lambda each: str(each["name"]),
)  # fmt: skip
_CONTAINERS = some.lists(
    some.fixed_dictionaries({"name": _NAMES}, optional={
        "image": some.sampled_from(["x:1", None]),
        "env": _ENV,
        "ports": some.just([{"containerPort": 80, "name": "http"}]),
        "args": some.just(["a"]),
        "volumeMounts": some.just([{"mountPath": "/d", "name": "data"}]),
    }),
    max_size=3, unique_by=lambda each: str(each["name"]),
)  # fmt: skip
PATCHES = some.fixed_dictionaries({}, optional={
    "metadata": some.fixed_dictionaries({}, optional={
        "finalizers": some.lists(some.sampled_from("ab"), max_size=2, unique=True),
        "$deleteFromPrimitiveList/finalizers": some.just(["a"]),
        "labels": some.just({"a": "b"})}),
    "spec": some.fixed_dictionaries({}, optional={
        "replicas": some.sampled_from([1, None]),
        "template": some.fixed_dictionaries({"spec": some.fixed_dictionaries({}, optional={
            "containers": _CONTAINERS,
            "tolerations": some.just([{"key": "z"}]),
            "imagePullSecrets": some.just([{"name": "login"}]),
            "nodeSelector": some.just({"a": "b"}),
        })})}),
})  # fmt: skip


@given(patch=PATCHES)
def test_it_agrees_with_the_sandbox_s_api_server(patch: dict[str, Any]) -> None:
    """Which reads every field's strategy from the API's own tables."""
    theirs = apply(builtin(), "V1Deployment", copy.deepcopy(WEB),
                   copy.deepcopy(patch))  # fmt: skip
    assert strategic(WEB, patch) == theirs
