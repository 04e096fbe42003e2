"""Strategic merge patch by the table of facts."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.patch import strategic
from resilience.sandbox.patch.strategic import StrategicError
from resilience.sandbox.schema.facts import builtin


def spec(target: Any, patch: Any) -> Any:
    return strategic.apply(builtin(), "V1PodSpec", target, patch)


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def test_containers_merge_by_name_and_keep_the_rest() -> None:
    target: Any = {"containers": [{"name": "a", "image": "1", "tty": True}, {"name": "b"}]}
    out = spec(target, {"containers": [{"name": "a", "image": "2"}, {"name": "c"}]})
    assert out["containers"][0] == {"name": "a", "image": "2", "tty": True}
    assert names(out["containers"]) == ["a", "c", "b"]
    assert target["containers"][0]["image"] == "1"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [("ac", "acbd"), ("c", "cabd"), ("da", "bda"), ("d", "abd"), ("ba", "bad"), ("xy", "xyabd")],
)
def test_a_strategic_merge_keeps_the_order_that_kubectl_gives(patch: str, expected: str) -> None:
    """As `kubectl patch --local` answers: what is new comes first, others keep the live order."""
    target = {"containers": [{"name": name} for name in "abd"]}
    out = spec(target, {"containers": [{"name": name} for name in patch]})
    assert "".join(names(out["containers"])) == expected


@pytest.mark.parametrize(("patch", "expected"), [("c", "cab"), ("bca", "bca"), ("b", "ab")])
def test_a_set_of_words_has_the_same_order(patch: str, expected: str) -> None:
    out = strategic.apply(
        builtin(), "V1ObjectMeta", {"finalizers": list("ab")}, {"finalizers": list(patch)}
    )
    assert "".join(out["finalizers"]) == expected


def test_an_atomic_list_is_replaced() -> None:
    target = {"containers": [{"name": "a", "args": ["x", "y"]}]}
    out = spec(target, {"containers": [{"name": "a", "args": ["z"]}]})
    assert out["containers"][0]["args"] == ["z"]


def test_delete_directive_removes_an_item() -> None:
    out = spec(
        {"containers": [{"name": "a"}, {"name": "b"}]},
        {"containers": [{"name": "a", "$patch": "delete"}]},
    )
    assert names(out["containers"]) == ["b"]


def test_replace_directive_replaces_a_list_or_a_map() -> None:
    out = spec(
        {"containers": [{"name": "a"}]}, {"containers": [{"name": "b"}, {"$patch": "replace"}]}
    )
    assert out["containers"] == [{"name": "b"}]
    out = spec({"nodeSelector": {"a": "b"}}, {"nodeSelector": {"c": "d", "$patch": "replace"}})
    assert out["nodeSelector"] == {"c": "d"}


def test_null_in_a_strategic_patch_deletes_the_field() -> None:
    assert spec({"nodeName": "n", "hostname": "h"}, {"nodeName": None}) == {"hostname": "h"}


def test_ports_merge_by_container_port() -> None:
    model = builtin()
    out = strategic.apply(
        model,
        "V1Container",
        {"ports": [{"containerPort": 80, "name": "a"}]},
        {"ports": [{"containerPort": 80, "name": "b"}, {"containerPort": 81}]},
    )
    assert out["ports"] == [{"containerPort": 80, "name": "b"}, {"containerPort": 81}]


def test_retain_keys_drops_the_other_members_of_a_union() -> None:
    out = strategic.apply(
        builtin(),
        "V1DeploymentSpec",
        {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
    )
    assert out["strategy"] == {"type": "Recreate"}


def test_finalizers_merge_as_a_set_and_can_be_dropped_one_by_one() -> None:
    target = {"metadata": {"finalizers": ["a", "b"]}}
    out = strategic.apply(builtin(), "V1Pod", target, {"metadata": {"finalizers": ["b", "c"]}})
    assert out["metadata"]["finalizers"] == ["a", "b", "c"]
    drop = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert strategic.apply(builtin(), "V1Pod", target, drop)["metadata"]["finalizers"] == ["b"]


def test_set_element_order_orders_the_named_items() -> None:
    out = spec(
        {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
        {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]},
    )
    assert names(out["containers"]) == ["c", "b", "a"]


def test_directives_never_reach_the_object() -> None:
    out = spec({}, {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a"}]})
    assert out == {"containers": [{"name": "a"}]}


def test_conditions_merge_by_type() -> None:
    out = strategic.apply(
        builtin(),
        "V1PodStatus",
        {"conditions": [{"type": "Ready", "status": "False"}]},
        {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "True"}]},
    )
    assert [entry["status"] for entry in out["conditions"]] == ["True", "True"]


def test_labels_merge_as_a_plain_map() -> None:
    out = strategic.apply(
        builtin(),
        "V1Pod",
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"a": None, "c": "3"}}},
    )
    assert out["metadata"]["labels"] == {"b": "2", "c": "3"}


@pytest.mark.parametrize(
    "patch", [[], "x", {"containers": [{"image": "x"}]}, {"$patch": "fly"}, {"$retainKeys": "x"}]
)
def test_a_malformed_patch_is_refused(patch: Any) -> None:
    with pytest.raises(StrategicError):
        spec({"containers": [{"name": "a"}]}, patch)
