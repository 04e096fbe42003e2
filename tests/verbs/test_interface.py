"""The interface for third-party verbs is pinned: a name that goes breaks someone's verb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import resilience.verbs as verbs

ROOT = Path(__file__).parents[2]
PINNED = [
    "ActionContext",
    "ActionFailed",
    "ApiError",
    "Availability",
    "BUDGETS",
    "Blocked",
    "CONFIGMAPS",
    "CheckContext",
    "Cluster",
    "ClusterError",
    "Complaint",
    "Conflict",
    "DAEMONSETS",
    "DEPLOYMENTS",
    "Duration",
    "ENDPOINTSLICES",
    "EVENTS",
    "Family",
    "Fate",
    "FlowContext",
    "Forbidden",
    "Invalid",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "NODES",
    "NotFound",
    "NotMet",
    "NotTrusted",
    "NothingToDo",
    "Object",
    "PODS",
    "Phase",
    "ProbeContext",
    "REPLICASETS",
    "Rate",
    "Reference",
    "Refused",
    "Residue",
    "Resource",
    "Right",
    "RunningProbe",
    "SECRETS",
    "SERVICES",
    "STATEFULSETS",
    "Selector",
    "Share",
    "Size",
    "Throttled",
    "UndoContext",
    "Unreachable",
    "Verb",
    "View",
    "WatchEvent",
    "parameter",
]


def test_the_public_names_are_those_that_were_promised() -> None:
    assert sorted(verbs.__all__) == sorted(PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(verbs, name) is not None


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        verbs.nothing  # noqa: B018


def test_the_how_to_imports_only_the_public_interface() -> None:
    page = (ROOT / "docs/how-to/write-a-verb.md").read_text()
    assert set(re.findall(r"^from (resilience[\w.]*) import", page, re.M)) == {"resilience.verbs"}
