"""A value of the run that someone else has asked for since."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest

from resilience.actions.undo.changed_fields import ABSENT, Change, Step
from resilience.actions.undo.claimed import LAST_APPLIED, by_others, is_declared
from resilience.cluster.interface import CONFIGMAPS, Object
from resilience.verbs.context import ChangedSince
from tests.actions.undo.test_reverting import Acting, acting, merge, paint, undo

__all__ = ["acting"]  # the fixture of the writes

IMAGE: tuple[Step, ...] = ("spec", "containers", {"name": "web"}, "image")
SET = Change(path=IMAGE, was="web:1", set="web:2")
OWNED: dict[str, Any] = {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}}}}}


def entry(manager: str, fields: Any = OWNED) -> Object:
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields}


def there(*managers: Object, image: str = "web:2", applied: Any = None) -> Object:
    """An object with this image; `applied` is the image of the last `kubectl apply`."""
    spec = {"containers": [{"name": "web", "image": image}]}
    notes = {}
    if applied is not None:
        body = {"spec": {"containers": [{"name": "web", "image": applied}]}}
        notes[LAST_APPLIED] = applied if applied == "no JSON" else json.dumps(body)
    return {"metadata": {"annotations": notes, "managedFields": list(managers)}, "spec": spec}


def who(obj: Object, change: Change = SET, subresource: str = "", **more: Any) -> str:
    return by_others(obj, change.data() | more, subresource=subresource)


def test_whoever_owns_the_field_beside_the_run_has_asked_for_it_since() -> None:
    assert who(there(entry("pytest-resilience"), entry("cd"), entry("argo"))) == "argo, cd"
    assert who(there(entry("pytest-resilience"))) == ""
    assert who(there()) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:args": {}}}}},
        {"f:spec": {"f:containers": {'k:{"name":"sidecar"}': {"f:image": {}}}}},
        {"f:spec": {"f:containers": {}}},
        {"f:status": {}},
        None,
    ],
)
def test_who_owns_something_else_has_not(fields: Any) -> None:
    assert who(there(entry("cd", fields))) == ""


def test_a_value_that_is_no_longer_the_runs_is_judged_elsewhere() -> None:
    assert who(there(entry("cd"), image="web:3", applied="web:3")) == ""


def test_a_subresource_need_not_take_a_field_from_its_managers() -> None:
    assert who(there(entry("cd")), subresource="scale") == ""
    assert who(there(entry("cd"), applied="web:2"), subresource="scale") == "kubectl apply"


@pytest.mark.parametrize(
    ("applied", "told"),
    [("web:2", "kubectl apply"), ("web:1", ""), ("no JSON", ""), (None, "")],
)
def test_kubectl_apply_of_what_is_there_shows_in_its_annotation(applied: Any, told: str) -> None:
    assert who(there(applied=applied)) == told
    assert is_declared(there(applied=applied), SET) is bool(told)


def test_what_was_declared_before_the_run_is_no_news() -> None:
    assert who(there(applied="web:2"), declared=True) == ""


@pytest.mark.parametrize("value", [ABSENT, {}, ["a"]])
def test_only_single_values_are_claimed(value: Any) -> None:
    path: tuple[Step, ...] = ("spec", "args")
    change = Change(path=path, was="x", set=value)
    obj = there(entry("cd", {"f:spec": {"f:args": {}}}))
    obj["spec"] |= {} if value is ABSENT else {"args": value}
    assert who(obj, change) == ""
    body = {"spec": obj["spec"]}
    obj["metadata"]["annotations"][LAST_APPLIED] = json.dumps(body)
    assert not is_declared(obj, change)


# ----- what an undo makes of it

BY_CD = {"manager": "cd", "fieldsV1": {"f:data": {"f:colour": {}}}}


def declare(acting: Acting, colour: str) -> None:
    """`kubectl apply` of this colour."""
    text = json.dumps({"data": {"colour": colour}})
    acting.cluster.change(
        CONFIGMAPS,
        "shop",
        "a",
        lambda obj: obj["metadata"].update(annotations={LAST_APPLIED: text}),
    )


def own(acting: Acting) -> None:
    acting.cluster.change(
        CONFIGMAPS, "shop", "a", lambda obj: obj["metadata"].update(managedFields=[BY_CD])
    )


def colour(acting: Acting) -> str:
    return str(acting.cluster.have(CONFIGMAPS, "a", "shop")["data"]["colour"])


def test_a_release_of_the_runs_own_value_is_kept_and_told(acting: Acting) -> None:
    paint(acting)
    own(acting)
    said = 'data.colour is "blue", as this run set it, and cd asked for the same since'
    with pytest.raises(ChangedSince, match=said):
        undo(acting)
    assert colour(acting) == "blue"
    undo(acting, force=True)
    assert colour(acting) == "red"


def test_what_others_did_not_ask_for_is_reverted_beside_it(acting: Acting) -> None:
    merge(acting, {"metadata": {"name": "a", "namespace": "shop"},
                   "data": {"colour": "blue", "size": "9"}})  # fmt: skip
    own(acting)
    with pytest.raises(ChangedSince, match="cd asked for the same"):
        undo(acting)
    assert acting.cluster.have(CONFIGMAPS, "a", "shop")["data"] == {"colour": "blue"}


@pytest.mark.parametrize(("before", "kept"), [("blue", False), ("red", True)])
def test_what_kubectl_had_applied_before_the_run_is_reverted(
    acting: Acting, before: str, kept: bool
) -> None:
    """The live value differed from the manifest: nobody has asked for anything since."""
    declare(acting, before)
    paint(acting)
    declare(acting, "blue")
    with pytest.raises(ChangedSince) if kept else nullcontext():
        undo(acting)
    assert colour(acting) == ("blue" if kept else "red")
