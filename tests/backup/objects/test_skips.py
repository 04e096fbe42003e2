"""What a restore leaves out, and what looks much like it and comes back."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.objects import skips


def thing(api: str, kind: str, **more: Any) -> Any:
    about = {"name": "x", **more.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": about, **more}


def owned(kind: str, api: str = "apps/v1", **more: Any) -> Any:
    return {"ownerReferences": [{"apiVersion": api, "kind": kind, "name": "o", **more}]}


def job(*conditions: tuple[str, str]) -> Any:
    found = [{"type": kind, "status": status} for kind, status in conditions]
    return thing("batch/v1", "Job", status={"conditions": found})


MANAGED = {"labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}}
CHANGED = {"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "t"}}
SLICED = {"labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}
MIRRORED = {"labels": {"endpointslice.kubernetes.io/managed-by":
                       "endpointslicemirroring-controller.k8s.io"}}  # fmt: skip
BY_PEOPLE = {"labels": {"endpointslice.kubernetes.io/managed-by": "staff",
                        "endpoints.kubernetes.io/managed-by": "cluster-admins"}}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "obj", "left_out"),
    [
        ("regrown", thing("apps/v1", "ReplicaSet", metadata=owned("Deployment", controller=True)),
         "recreated by Deployment o"),
        ("regrown", thing("apps/v1", "ReplicaSet", metadata=owned("Deployment")), ""),
        ("regrown", thing("apps/v1", "ReplicaSet",
                          metadata=owned("Rollout", "argoproj.io/v1", controller=True)), ""),
        ("regrown", thing("apps/v1", "ReplicaSet"), ""),
        ("finished", job(("Complete", "True")), "ended: Complete"),
        ("finished", job(("Failed", "True")), "ended: Failed"),
        ("finished", job(("Failed", "False")), ""),
        ("finished", job(("Suspended", "True")), ""),
        ("finished", job(), ""),
        ("finished", thing("batch/v1", "Job"), ""),
        ("finished", thing("batch/v1", "Job", status={}), ""),
        ("finished", thing("v1", "Pod", status={"phase": "Succeeded"}), "ended: Succeeded"),
        ("finished", thing("v1", "Pod", status={"phase": "Running"}), ""),
        ("finished", thing("v1", "PersistentVolumeClaim", status={"phase": "Failed"}), ""),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=MANAGED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=CHANGED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("v1", "Endpoints"), ""),
        ("managed_endpoints", thing("v1", "Service", metadata=MANAGED), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=SLICED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=MIRRORED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=BY_PEOPLE),
         ""),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=BY_PEOPLE), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice"), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=MANAGED), ""),
        ("automatic", thing("apiregistration.k8s.io/v1", "APIService", metadata={
            "labels": {"kube-aggregator.kubernetes.io/automanaged": "true"}}),
         "managed by the API server itself"),
        ("automatic", thing("apiregistration.k8s.io/v1", "APIService"), ""),
        ("automatic", thing("v1", "ConfigMap", metadata={
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}), ""),
        ("provisioned_volume", thing("v1", "PersistentVolume", spec={
            "persistentVolumeReclaimPolicy": "Retain"}), ""),
        ("provisioned_volume", thing("v1", "PersistentVolume", spec={
            "persistentVolumeReclaimPolicy": "Delete"}), "provisioned again for its claim"),
        ("provisioned_volume", thing("v1", "PersistentVolume"), "provisioned again for its claim"),
        ("provisioned_volume", thing("v1", "PersistentVolumeClaim"), ""),
    ],
)  # fmt: skip
def test_each_clause_of_a_rule_counts(rule: str, obj: Any, left_out: str) -> None:
    assert getattr(skips, rule)(obj) == left_out
