"""Whether a Pod tolerates a taint (k8s.io/api core/v1 toleration.go, ToleratesTaint). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.kube.objects import Object

CORDON: Mapping[str, Any] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
"""What a cordon is to the scheduler: a Pod that tolerates it may be put on a cordoned node."""


def tolerates(pod: Object, taint: Mapping[str, Any]) -> bool:
    """Tolerates it permanently: a toleration with tolerationSeconds does not count."""
    listed = (pod.get("spec") or {}).get("tolerations") or ()
    return any(_one(each, taint) and each.get("tolerationSeconds") is None for each in listed)


def _one(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    same = (toleration.get("value") or "") == (taint.get("value") or "")
    return bool(toleration.get("key") == taint["key"] and same)
