"""Changes that no undo reverts are not made; nothing is sent and nothing is journalled."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo import one_way
from resilience.cluster.interface import (
    CLAIMS,
    CONFIGMAPS,
    CRONJOBS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SECRETS,
    STATEFULSETS,
    Resource,
)
from resilience.verbs.context import ActionFailed
from tests.actions.undo.test_reverting import Acting, acting, merge, there

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions",
                "CustomResourceDefinition", False)  # fmt: skip
WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1"}

__all__ = ["acting"]


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def owned(*owners: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "ownerReferences": list(owners)}}


def versions(stored: str) -> dict[str, Any]:
    return spec(versions=[{"name": each, "storage": each == stored} for each in ("v1", "v2")])


def storage(size: str) -> dict[str, Any]:
    return spec(resources={"requests": {"storage": size}})


def keeping(policy: str, replicas: int) -> dict[str, Any]:
    return spec(replicas=replicas, volumeClaimTemplates=[{"metadata": {"name": "data"}}],
                persistentVolumeClaimRetentionPolicy={"whenScaled": policy})  # fmt: skip


def without_number(policy: str) -> dict[str, Any]:
    """One replica, by default."""
    made = keeping(policy, 1)
    del made["spec"]["replicas"]
    return made


@pytest.mark.parametrize(
    ("kind", "before", "after", "why"),
    [
        (CONFIGMAPS, {}, {"immutable": True}, "immutable until it is deleted"),
        (SECRETS, {"immutable": False}, {"immutable": True}, "immutable until it is deleted"),
        (CONFIGMAPS, {}, owned(OWNER), "garbage collector"),
        (WIDGETS, owned(), owned(OWNER), "garbage collector"),
        (CLAIMS, storage("1Gi"), storage("2048Mi"), "never shrinks"),
        (CLAIMS, spec(), spec(volumeName="pv-1"), "bound to its volume"),
        (JOBS, spec(), spec(ttlSecondsAfterFinished=0), "deleted once it has ended"),
        (JOBS, spec(ttlSecondsAfterFinished=9), spec(ttlSecondsAfterFinished=1), "deleted once"),
        (PODS, spec(), spec(activeDeadlineSeconds=1), "fails for good"),
        (PODS, spec(schedulingGates=[{"name": "a"}]), spec(), "never gets a gate"),
        (PODS, spec(), spec(tolerations=[{"operator": "Exists"}]), "never loses a toleration"),
        (CRONJOBS, spec(failedJobsHistoryLimit=3), spec(failedJobsHistoryLimit=0), "beyond"),
        (DEPLOYMENTS, spec(revisionHistoryLimit=10), spec(revisionHistoryLimit=0), "beyond"),
        (CRDS, versions("v1"), versions("v2"), "stored in the new version"),
        (STATEFULSETS, keeping("Delete", 3), keeping("Delete", 1), "deleted with their data"),
        (STATEFULSETS, keeping("Retain", 3), keeping("Delete", 1), "deleted with their data"),
        (STATEFULSETS, keeping("Delete", 3), keeping("Retain", 1), "deleted with their data"),
        (STATEFULSETS, without_number("Delete"), keeping("Delete", 0), "deleted with their data"),
    ],
)
def test_a_change_that_cannot_be_reverted_is_named(
    kind: Resource, before: Any, after: Any, why: str
) -> None:
    assert why in one_way.why(kind, before, after)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (CONFIGMAPS, {"immutable": True}, {"immutable": True}),
        (CONFIGMAPS, owned(OWNER), owned(OWNER)),
        (CONFIGMAPS, owned(OWNER), owned()),
        (CLAIMS, storage("1Gi"), storage("1024Mi")),
        (CLAIMS, spec(volumeName="pv-1"), spec(volumeName="pv-1")),
        (CLAIMS, spec(volumeName="pv-1"), spec()),
        (CLAIMS, spec(), storage("1Gi")),
        (CLAIMS, storage("1Gi"), spec()),
        (DEPLOYMENTS, keeping("Delete", 3), keeping("Delete", 1)),
        (JOBS, spec(ttlSecondsAfterFinished=1), spec(ttlSecondsAfterFinished=9)),
        (JOBS, spec(ttlSecondsAfterFinished=1), spec()),
        (PODS, spec(activeDeadlineSeconds=1), spec()),
        (WIDGETS, spec(), spec(ttlSecondsAfterFinished=0, activeDeadlineSeconds=1)),
        (CRDS, versions("v1"), versions("v1")),
        (STATEFULSETS, keeping("Retain", 3), keeping("Retain", 1)),
        (STATEFULSETS, keeping("Delete", 1), keeping("Delete", 3)),
        (STATEFULSETS, without_number("Delete"), keeping("Delete", 1)),
        (STATEFULSETS, keeping("Delete", 1), keeping("Retain", 1)),
    ],
)
def test_changes_that_an_undo_can_revert_are_not_one_way(
    kind: Resource, before: Any, after: Any
) -> None:
    assert one_way.why(kind, before, after) == ""


def test_it_is_refused_before_anything_is_sent_or_journalled(acting: Acting) -> None:
    body = {"metadata": {"name": "a", "namespace": "shop"}, "immutable": True}
    before = there(acting)
    with pytest.raises(ActionFailed, match="ConfigMap shop/a was not changed, because that could"):
        merge(acting, body)
    assert there(acting) == before
    assert acting.record is None


def test_what_is_to_stay_needs_no_way_back(acting: Acting) -> None:
    body = {"metadata": {"name": "a", "namespace": "shop"}, "immutable": True}
    merge(acting, body, text="")
    assert there(acting)["immutable"] is True
