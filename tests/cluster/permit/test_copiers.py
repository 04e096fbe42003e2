"""Annotations that make a controller copy an object into other namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.permit.acts_elsewhere import installs_into
from resilience.cluster.permit.copiers import MANY
from resilience.cluster.permit.door import Door, NotCovered, Permit

REFLECTOR = "reflector.v1.k8s.emberstack.com/reflection-"
AUTO, INTO = f"{REFLECTOR}auto-enabled", f"{REFLECTOR}auto-namespaces"
TO, MATCHING = (f"replicator.v1.mittwald.de/replicate-to{each}" for each in ("", "-matching"))
KUBED = "kubed.appscode.com/sync"


def secret(annotations: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"annotations": annotations}}


@pytest.mark.parametrize(
    ("annotations", "places"),
    [
        ({AUTO: "true", INTO: "bank"}, {"bank"}),
        ({INTO: "bank, lab"}, {"bank", "lab"}),
        ({INTO: "team-.*"}, {MANY.format(INTO)}),
        ({AUTO: "True"}, {MANY.format(AUTO)}),
        ({AUTO: "false"}, set()),
        ({f"{REFLECTOR}allowed": "true"}, set()),
        ({TO: "bank,lab-[0-9]+"}, {"bank", MANY.format(TO)}),
        ({MATCHING: "team=bank"}, {MANY.format(MATCHING)}),
        ({KUBED: ""}, {MANY.format(KUBED)}),
        ({KUBED: None}, set()),
        ({TO: ""}, set()),
        ({"a": "bank"}, set()),
        (None, set()),
        ("bank", set()),
    ],
)
def test_copies_go_where_the_annotation_says(annotations: Any, places: set[str]) -> None:
    assert installs_into(secret(annotations)) == places


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_the_door_asks_for_the_namespaces_of_the_copies(method: str) -> None:
    door = Door(peek=lambda *_: None, permits=(Permit(title="run", namespaces=frozenset({"a"})),))
    path = "/api/v1/namespaces/a/secrets" + ("/x" if method == "PATCH" else "")
    door.check(method, path, {}, secret({INTO: "a"}))
    with pytest.raises(NotCovered, match="does not cover namespace bank"):
        door.check(method, path, {}, secret({INTO: "bank"}))
