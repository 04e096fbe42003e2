"""A field that cannot change in an object that exists: named with both values and the next step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.backup.objects.merge import merge_patch
from resilience.backup.restore.writes.fixed_fields import fixed, refuses_change
from resilience.cluster.errors import ApiError, Conflict, Forbidden, Invalid
from resilience.cluster.interface import CONFIGMAPS, Object, Resource

THERE = Conflict(409, 'configmaps "x" already exists', reason="AlreadyExists")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
STATEFUL_SET = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' and "
    "'minReadySeconds' are forbidden"
)
POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)"
)


def refused(field: str, message: str, *, code: int = 422, text: str = "") -> ApiError:
    status = {"details": {"causes": [{"field": field, "message": message}]}}
    return Invalid(code, text or f"it is invalid: {field}: {message}", status=status)


def told(live: Object, wanted: Object, problem: ApiError, kind: str = "ConfigMap") -> str:
    about = {"kind": kind, "apiVersion": "v1", "metadata": {"name": "x"}}
    return fixed(CONFIGMAPS, about | live, merge_patch(live, wanted), problem)


def test_both_values_and_the_ways_out() -> None:
    told_of = told({"data": {"a": "1"}}, {"data": {"a": "2"}}, refused("data", "is immutable"))
    assert told_of == (
        'data.a is "1" here and "2" in the snapshot. Delete it and restore it with --include '
        "configmaps/x, or --exclude configmaps/x leaves it as it is"
    )


def test_values_of_a_secret_are_not_shown() -> None:
    live, wanted = {"data": {"a": "MQ=="}, "type": "y"}, {"data": {"a": "Mg=="}, "type": "z"}
    problem = refused("data", "is immutable")
    assert told(live, wanted, problem, "Secret").startswith("data.a differs. ")
    assert told(live, wanted, refused("type", "no"), "Secret").startswith('type is "y" here')


@pytest.mark.parametrize(
    ("message", "live", "wanted", "fields"),
    [
        (STATEFUL_SET, {"replicas": 1, "serviceName": "a"}, {"replicas": 2, "serviceName": "b"},
         ["spec.serviceName"]),
        (STATEFUL_SET, {"templates": 1}, {"templates": 2}, ["spec.templates"]),
        (STATEFUL_SET, {"replicas": 1}, {"replicas": 2}, ["spec.replicas"]),
        (POD, {"containers": [{"image": "a", "env": 1}]}, {"containers": [{"image": "b"}]},
         ["spec.containers[0].env"]),
        ("is immutable after creation except resources.requests for bound claims",
         {"resources": {"requests": 1, "limits": 1}}, {"resources": {"requests": 2, "limits": 2}},
         ["spec.resources.limits"]),
        ("is immutable", {"names": ["a"]}, {"names": ["a", "b"]}, ["spec.names"]),
        ("is immutable", {"names": ["a", "b"]}, {"names": ["a", "c"]}, ["spec.names[1]"]),
    ],
)  # fmt: skip
def test_a_cause_for_a_whole_spec_is_about_the_fields_that_may_not_change(
    message: str, live: Any, wanted: Any, fields: list[str]
) -> None:
    text = told({"spec": live}, {"spec": wanted}, refused("spec", message))
    each = text.partition(". Delete")[0].split("; ")
    assert [one.partition(" is ")[0] for one in each] == fields


def test_a_cause_inside_a_changed_value_is_about_that_value() -> None:
    problem = refused("spec.clusterIPs[0]", "may not change once set")
    text = told({"spec": {"clusterIPs": ["a"], "other": 1}}, {"spec": {"clusterIPs": []}}, problem)
    assert text.startswith('spec.clusterIPs is ["a"] here and [] in the snapshot. ')


def test_a_cause_of_no_changed_field_is_told_in_the_servers_words() -> None:
    text = told({"spec": {"a": 1}}, {"spec": {"a": 2}}, refused("metadata.x", "is odd"))
    assert text.startswith("it is invalid: metadata.x: is odd. Delete it")


def test_many_fields_are_counted_and_long_values_cut() -> None:
    live = {"data": {key: "x" * 100 for key in "abcde"}}
    text = told(live, {"data": {}}, refused("data", "is immutable"))
    assert text.count(" is ") == 3
    assert "; 2 more fields. " in text
    assert "x" * 61 not in text


@pytest.mark.parametrize(
    ("kind", "api", "lost"),
    [
        ("PersistentVolumeClaim", "v1", "its data"),
        ("PersistentVolume", "v1", "its data"),
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1", "all custom resources"),
    ],
)
def test_nobody_is_told_to_delete_what_holds_data(kind: str, api: str, lost: str) -> None:
    live = {"kind": kind, "apiVersion": api, "metadata": {"name": "x"}, "spec": {"a": 1}}
    text = fixed(CONFIGMAPS, live, {"spec": {"a": 2}}, refused("spec.a", "is immutable"))
    assert "Delete it" not in text
    assert f"--exclude configmaps/x leaves it as it is; deleting it loses {lost}" in text


def test_the_pods_of_a_stateful_set_can_stay() -> None:
    live = {"kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "x"}, "a": 1}
    text = fixed(STATEFUL_SETS, live, {"a": 2}, refused("a", "is immutable"))
    assert "--cascade=orphan" in text
    assert "--include statefulsets.apps/x" in text


@pytest.mark.parametrize(
    ("of_patch", "of_create", "is_change"),
    [
        (refused("data", "is immutable"), THERE, True),
        (refused("data", "is immutable"), refused("nodePort", "is allocated"), True),
        (refused("nodePort", "is allocated"), refused("nodePort", "is allocated"), False),
        (refused("data", "no", text='webhook "w" denied the request: data: no'), THERE, False),
        (refused("data", "no", text="policy 'p' denied request: no"), THERE, False),
        (refused("data", "unknown field", code=400), THERE, False),
        (Invalid(422, "no causes"), THERE, False),
        (Forbidden(403, "no", status={"details": {"causes": [{"field": "a"}]}}), THERE, False),
    ],
)
def test_only_a_refused_change_is_a_fixed_field(
    of_patch: ApiError, of_create: ApiError, is_change: bool
) -> None:
    assert refuses_change(of_patch, of_create) is is_change


VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(0, 3) | some.sampled_from("ab"),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.sampled_from("xy"), inner),
    max_leaves=6,
)
OBJECTS = some.dictionaries(some.sampled_from(["spec", "data"]), VALUES)


@given(live=OBJECTS, wanted=OBJECTS, field=some.sampled_from(["spec", "data.x", "spec[0].y", "z"]))
def test_any_two_objects_have_a_text_with_a_next_step(
    live: Object, wanted: Object, field: str
) -> None:
    assert "--exclude configmaps/x" in told(live, wanted, refused(field, "other than x"))
