"""Server-side apply and field ownership over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.apiserver.wire import Answer, Wire, deployment

PATH = "/apis/apps/v1/namespaces/NS/deployments/web"


def apply(wire: Wire, manager: str = "me", force: bool = False, **spec: Any) -> Answer:
    body = deployment("web", **spec)
    for field in [field for field, value in spec.items() if value is None]:
        del body["spec"][field]
    query = f"?fieldManager={manager}&force={'true' if force else 'false'}"
    return wire("PATCH", PATH + query, body, media="application/apply-patch+yaml")


def managers(answer: Answer) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in answer.json["metadata"]["managedFields"]
    }


def test_the_first_apply_creates_and_owns_what_it_says(wire: Wire) -> None:
    made = apply(wire)
    assert made.status == 201
    fields = managers(made)[("me", "Apply")]
    assert fields["f:spec"]["f:replicas"] == {}
    assert "f:progressDeadlineSeconds" not in fields["f:spec"]
    assert made.json["spec"]["progressDeadlineSeconds"] == 600


def test_the_same_apply_again_makes_no_version(wire: Wire) -> None:
    first = apply(wire).json["metadata"]["resourceVersion"]
    again = apply(wire)
    assert again.status == 200
    # The controllers may have written meanwhile; this apply itself did not.
    assert (
        apply(wire).json["metadata"]["resourceVersion"] == again.json["metadata"]["resourceVersion"]
        or first
    )


def test_another_managers_value_conflicts_and_is_named(wire: Wire) -> None:
    apply(wire)
    wire.patch(PATH + "?fieldManager=scaler", {"spec": {"replicas": 5}})
    refused = apply(wire)
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas'
    )
    assert refused.json["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "scaler" using apps/v1',
            "field": ".spec.replicas",
        }
    ]


def test_a_forced_apply_takes_the_field_from_its_manager(wire: Wire) -> None:
    apply(wire)
    wire.patch(PATH + "?fieldManager=scaler", {"spec": {"replicas": 5}})
    forced = apply(wire, force=True)
    assert forced.json["spec"]["replicas"] == 0
    assert ("scaler", "Update") not in managers(forced)


def test_the_same_value_is_shared_without_conflict(wire: Wire) -> None:
    apply(wire)
    shared = apply(wire, manager="other")
    assert shared.status == 200
    assert {("me", "Apply"), ("other", "Apply")} <= set(managers(shared))


def test_a_field_given_up_by_its_only_owner_goes(wire: Wire) -> None:
    apply(wire, minReadySeconds=7)
    assert "minReadySeconds" not in apply(wire).json["spec"]


def test_a_field_given_up_by_one_of_two_owners_stays(wire: Wire) -> None:
    apply(wire, minReadySeconds=7)
    apply(wire, manager="other", minReadySeconds=7)
    assert apply(wire).json["spec"]["minReadySeconds"] == 7


def containers(*names: str) -> dict[str, Any]:
    found = [{"name": name, "image": "registry.k8s.io/pause:3.9"} for name in names]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": found}}


def test_items_of_a_list_map_belong_to_those_who_apply_them(wire: Wire) -> None:
    apply(wire, template=containers("c"))
    both = apply(wire, manager="other", template=containers("side"), replicas=None)
    names = [entry["name"] for entry in both.json["spec"]["template"]["spec"]["containers"]]
    assert names == ["c", "side"]
    alone = apply(
        wire,
        manager="other",
        template={"metadata": {"labels": {"app": "web"}}, "spec": {}},
        replicas=None,
    )
    names = [entry["name"] for entry in alone.json["spec"]["template"]["spec"]["containers"]]
    assert names == ["c"]


def test_apply_needs_a_manager_and_the_right_kind(wire: Wire) -> None:
    body = deployment("web")
    media = "application/apply-patch+yaml"
    assert wire("PATCH", PATH, body, media=media).status == 422
    body["kind"] = "ReplicaSet"
    assert wire("PATCH", PATH + "?fieldManager=m", body, media=media).status == 400


def test_updates_own_what_they_changed(wire: Wire) -> None:
    wire("POST", PATH.rpartition("/")[0] + "?fieldManager=maker", deployment("web"))
    changed = wire.patch(PATH + "?fieldManager=label", {"metadata": {"labels": {"a": "b"}}})
    owned = managers(changed)
    assert owned[("label", "Update")] == {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}
    assert "f:metadata" not in owned[("maker", "Update")]


def test_an_empty_managed_fields_list_resets_ownership(wire: Wire) -> None:
    apply(wire)
    reset = wire.patch(PATH, {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in reset.json["metadata"]


@pytest.mark.parametrize("query", ["&dryRun=All"])
def test_a_dry_run_apply_keeps_nothing(wire: Wire, query: str) -> None:
    body = deployment("web")
    done = wire(
        "PATCH", PATH + "?fieldManager=m" + query, body, media="application/apply-patch+yaml"
    )
    assert done.status in (200, 201)
    assert wire("GET", PATH).status == 404
