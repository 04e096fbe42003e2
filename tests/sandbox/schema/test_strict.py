"""Strict decoding: unknown fields, types, normal forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema import strict


def call(validation: str = "Strict") -> Call:
    return Call(user=Identity("u"), validation=validation)


def deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}


def pod(**container: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}


PREFIX = 'Deployment in version "v1" cannot be handled as a Deployment: '


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (deployment(replica=1), PREFIX + 'strict decoding error: unknown field "spec.replica"'),
        (
            deployment(replicas="3"),
            PREFIX + "json: cannot unmarshal string into Go struct field"
            " DeploymentSpec.spec.replicas of type int32",
        ),
        (
            deployment(replicas=True),
            PREFIX + "json: cannot unmarshal bool into Go struct field"
            " DeploymentSpec.spec.replicas of type int32",
        ),
        (
            deployment(paused=1),
            PREFIX + "json: cannot unmarshal number into Go struct field"
            " DeploymentSpec.spec.paused of type bool",
        ),
        (
            deployment(selector=[]),
            PREFIX + "json: cannot unmarshal array into Go struct field"
            " DeploymentSpec.spec.selector of type v1.LabelSelector",
        ),
        (
            deployment(replicas=3.5),
            PREFIX + "json: cannot unmarshal number 3.5 into Go struct field"
            " DeploymentSpec.spec.replicas of type int32",
        ),
    ],
)
def test_wrong_fields_are_named_as_the_real_server_names_them(body: Any, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        strict.check("V1Deployment", body, call())
    assert (caught.value.code, caught.value.message) == (400, message)


def test_unknown_fields_of_list_items_are_named_by_index() -> None:
    with pytest.raises(ApiError, match=r'unknown field "spec.containers\[0\].imagee"'):
        strict.check("V1Pod", pod(name="c", imagee="x"), call())


def test_warn_collects_and_ignore_is_silent_and_both_prune() -> None:
    for validation, warnings in (("Warn", ['unknown field "spec.replica"']), ("Ignore", [])):
        body, asked = deployment(replica=1), call(validation)
        strict.check("V1Deployment", body, asked)
        assert asked.warnings == warnings
        assert body["spec"] == {}


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_an_integer_beyond_32_bits_is_refused(number: int) -> None:
    with pytest.raises(ApiError):
        strict.check("V1Deployment", deployment(replicas=number), call())


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        (2, "2"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("100k", "100k"),
        ("1e3", "1e3"),
        ("512Ki", "512Ki"),
        ("0", "0"),
        ("1500m", "1500m"),
        ("500Ki", "500Ki"),
        ("12e6", "12e6"),
    ],
)
def test_quantities_are_stored_in_canonical_form(given: Any, stored: str) -> None:
    body = pod(name="c", resources={"requests": {"cpu": given}})
    strict.check("V1Pod", body, call())
    assert body["spec"]["containers"][0]["resources"]["requests"]["cpu"] == stored


@pytest.mark.parametrize("text", ["x", "1 Gi", "", "1Q", "--1", "9" * 200])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="quantities must match"):
        strict.check("V1Pod", pod(name="c", resources={"requests": {"cpu": text}}), call())


def test_nulls_and_empty_lists_are_left_out() -> None:
    body = pod(name="c", args=[], env=None, command=["x"])
    body["spec"]["nodeSelector"] = {}
    strict.check("V1Pod", body, call())
    assert body["spec"] == {"containers": [{"name": "c", "command": ["x"]}]}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "metadata",
                    "containers",
                    "name",
                    "labels",
                    "ports",
                    "status",
                    "resources",
                    "limits",
                    "cpu",
                    "creationTimestamp",
                    "x",
                ]
            ),
            inner,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "kind"]), values))
def test_any_json_is_either_normalised_or_refused(body: dict[str, Any]) -> None:
    if refused(body):
        return
    again = str(body)
    strict.check("V1Pod", body, call())
    assert str(body) == again


def refused(body: dict[str, Any]) -> bool:
    """Whether strict decoding answers 400; any other outcome is a bug and escapes."""
    try:
        strict.check("V1Pod", body, call("Ignore"))
    except ApiError as error:
        return error.code == 400
    return False
