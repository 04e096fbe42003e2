"""The helper Pod that mounts a claim, and what is read off Pods around it. Pure."""

from __future__ import annotations

from typing import Any

from resilience.cluster.interface import Object

IMAGE = "python:3.12-alpine"
MOUNT = "/volume"
_PREFIX = "resilience-volume-"


def helper(claim: str, namespace: str, *, node: str, writing: bool, image: str = IMAGE) -> Object:
    """The helper Pod: no rights, no token, nothing but the claim."""
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 86400,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "helper",
                "image": image,
                "command": ["python", "-c", "import time; time.sleep(86400)"],
                "volumeMounts": [{"name": "it", "mountPath": MOUNT, "readOnly": not writing}],
            }
        ],
        "volumes": [
            {
                "name": "it",
                "persistentVolumeClaim": {"claimName": claim, "readOnly": not writing},
            }
        ],
    }
    if node:
        spec["affinity"] = {"nodeAffinity": _only(node)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": (_PREFIX + claim)[:253],
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "pytest-resilience",
                "velero.io/exclude-from-backup": "true",
            },
        },
        "spec": spec,
    }


def _only(node: str) -> dict[str, Any]:
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def uses(pod: Object, claim: str) -> bool:
    """Whether a Pod that has not ended mounts a claim."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    claims = (
        (each.get("persistentVolumeClaim") or {}).get("claimName")
        for each in (pod.get("spec") or {}).get("volumes") or ()
    )
    return claim in claims


def why(status: dict[str, Any]) -> str:
    """What its conditions say of a Pod that does not run."""
    said = [each["message"] for each in status.get("conditions") or () if each.get("message")]
    return "; ".join(said) or "no reason given"
