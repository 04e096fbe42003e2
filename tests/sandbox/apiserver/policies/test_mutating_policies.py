"""MutatingAdmissionPolicy: changes that are merged, patched, repeated, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.schema import cel
from tests.sandbox.apiserver.policies.conftest import Bind, User


def merged(expression: str) -> dict[str, Any]:
    return {
        "reinvocationPolicy": "Never",
        "mutations": [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
        ],
    }


def patched(expression: str) -> dict[str, Any]:
    return {
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }


LABEL = "Object{metadata: Object.metadata{labels: {'team': 'a'}}}"


def maps(user: User, **about: Any) -> dict[str, Any]:
    return user.create("configmaps", data={"k": "v"}, metadata=about)


def test_an_apply_configuration_is_merged(user: User, bind: Bind) -> None:
    bind("mutating", **merged(LABEL))
    made = maps(user, labels={"own": "b"})
    assert made["metadata"]["labels"] == {"own": "b", "team": "a"}
    assert made["data"] == {"k": "v"}


def test_containers_are_merged_by_their_names_and_completed(user: User, bind: Bind) -> None:
    sidecar = "Object.spec.containers{name: 'sidecar', image: 'i'}"
    bind(
        "mutating",
        plural="pods",
        **merged(f"Object{{spec: Object.spec{{containers: [{sidecar}]}}}}"),
    )
    spec = user.create("pods", spec={"containers": [{"name": "c", "image": "j"}]})["spec"]
    assert [each["name"] for each in spec["containers"]] == ["c", "sidecar"]
    assert spec["containers"][1]["terminationMessagePolicy"] == "File"


def test_a_json_patch_is_applied(user: User, bind: Bind) -> None:
    bind("mutating", **patched(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'},"
        " JSONPatch{op: 'remove', path: '/data/k'}]"
    ))  # fmt: skip
    made = maps(user, labels={"own": "b"})
    assert made["metadata"]["labels"] == {"own": "b", "a/b": "c"}
    assert not made.get("data")


def test_one_policy_sees_what_another_changed(user: User, bind: Bind) -> None:
    counted = "Object{metadata: Object.metadata{annotations: {'n': string(size(object.data))}}}"
    bind("mutating", name="a", **{**merged(counted), "reinvocationPolicy": "IfNeeded"})
    bind("mutating", name="b", **merged("Object{data: {'more': 'x'}}"))
    assert maps(user)["metadata"]["annotations"] == {"n": "2"}


def test_conditions_and_variables_are_those_of_validating_policies(user: User, bind: Bind) -> None:
    bind(
        "mutating",
        **merged("Object{data: {'who': variables.who}}"),
        variables=[{"name": "who", "expression": "request.userInfo.username"}],
        matchConditions=[{"name": "c", "expression": "object.metadata.name != 'free'"}],
    )
    assert maps(user)["data"]["who"] == "alice"
    assert "who" not in maps(user, name="free")["data"]


@pytest.mark.parametrize(("failure", "denied"), [("Fail", True), ("Ignore", False)])
def test_an_error_counts_by_the_failure_policy(
    user: User, bind: Bind, failure: str, denied: bool
) -> None:
    bind("mutating", failurePolicy=failure, **merged("Object{data: {'x': object.data.missing}}"))
    if not denied:
        assert maps(user)["data"] == {"k": "v"}
        return
    with pytest.raises(ApiError, match="no such key: missing") as caught:
        maps(user)
    assert caught.value.code == 422
    assert "MutatingAdmissionPolicy 'p' with binding 'p-b' denied request" in caught.value.message


def test_the_identity_of_an_object_cannot_be_changed(user: User, bind: Bind) -> None:
    bind("mutating", **patched("[JSONPatch{op: 'replace', path: '/metadata/name', value: 'y'}]"))
    with pytest.raises(ApiError, match="may not be changed"):
        maps(user)


def test_a_validating_policy_judges_the_changed_object(user: User, bind: Bind) -> None:
    bind("mutating", **merged(LABEL))
    bind(name="v", validations=[{"expression": "!has(object.metadata.labels)"}])
    with pytest.raises(ApiError, match="failed expression"):
        maps(user)


def test_what_does_not_compile_is_refused_when_it_is_written(bind: Bind) -> None:
    with pytest.raises(ApiError, match=r"spec.mutations\[0\].applyConfiguration.expression"):
        bind("mutating", **merged("Object{spec: nosuch}"))
    with pytest.raises(ApiError, match="must evaluate to list"):
        bind("mutating", **patched("{'op': 'add'}"))


def test_without_cel_an_object_is_not_stored_unchanged(
    user: User, bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind("mutating", **merged(LABEL))
    monkeypatch.setattr(cel, "is_installed", lambda: False)
    with pytest.raises(ApiError, match=r"pytest-resilience\[cel\]"):
        maps(user)
