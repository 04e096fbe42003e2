"""Asks whether the API server would admit the Pods of a workload that a restore creates.

It admits a Deployment whose Pods a LimitRange, a PodSecurity label, a policy or a webhook refuses:
the restore succeeds, and nothing ever runs. A dry run of the Pod itself shows that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from resilience.backup.objects.related import Need, needs
from resilience.cluster.errors import ApiError, ClusterError, refused_by_rule
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube.objects import mapping

_NO_RIGHT = 'cannot create resource "pods"'
"""The identity of the restore may not create Pods; controllers may."""


def refusal(workload: Object, cluster: Cluster, coming: Collection[Need]) -> str:
    """The API server's reason, "" if it admits the Pods or if that cannot be asked. A refusal
    because of something that is restored first does not count."""
    template = _template(mapping(workload.get("spec")))
    if not mapping(template.get("spec")).get("containers"):
        return ""
    metadata = workload["metadata"]
    about = mapping(template.get("metadata"))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata.get("namespace", ""),
            "labels": about.get("labels") or {},
            "annotations": about.get("annotations") or {},
        },
        "spec": _with_claims(mapping(template["spec"]), workload),
    }
    try:
        cluster.create(PODS, pod, metadata.get("namespace", ""), dry_run=True)
    except ClusterError as error:
        reason = error.message if isinstance(error, ApiError) else str(error)
        if not refused_by_rule(error) or _NO_RIGHT in reason:
            return ""
        if any(need in coming and need.name in reason for need in needs(workload)):
            return ""
        return reason
    return ""


def _with_claims(pod: Mapping[str, Any], workload: Object) -> Mapping[str, Any]:
    """A StatefulSet's controller adds a volume for each of its claim templates; one of the same
    name in the template gives way (pkg/controller/statefulset, updateStorage)."""
    names = [str(name) for each in _list(mapping(workload.get("spec")), "volumeClaimTemplates")
             if (name := mapping(mapping(each).get("metadata")).get("name"))]  # fmt: skip
    if not names:
        return pod
    own = [each for each in _list(pod, "volumes") if mapping(each).get("name") not in names]
    name = workload["metadata"]["name"]
    added = [
        {"name": each, "persistentVolumeClaim": {"claimName": f"{each}-{name}-0"}} for each in names
    ]
    return {**pod, "volumes": [*own, *added]}


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    """Empty where the manifest has something else."""
    found = value.get(key)
    return found if isinstance(found, list) else []


def _template(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the Pods that a workload makes by itself; {} for none."""
    if spec.get("replicas") == 0:
        return {}
    if "jobTemplate" in spec:
        spec = mapping(mapping(spec["jobTemplate"]).get("spec"))
    return mapping(spec.get("template"))
