"""A HorizontalPodAutoscaler in its two versions: stored as v2, converted to v1 on request.

Source: pkg/apis/autoscaling/v1/conversion.go. Annotations hold, as JSON, what v1 cannot express. A
JSON patch is interpreted in v2.
"""

from __future__ import annotations

import json
from typing import Any

from resilience.sandbox.kube.api import Obj

V1, V2 = "autoscaling/v1", "autoscaling/v2"
_PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, BEHAVIOR = f"{_PREFIX}metrics", f"{_PREFIX}behavior"
CURRENT, CONDITIONS = f"{_PREFIX}current-metrics", f"{_PREFIX}conditions"
_PERCENTAGE = "targetCPUUtilizationPercentage"


def to_v1(obj: Obj) -> Obj:
    """A stored autoscaler as v1 shows it."""
    out = {**obj, "apiVersion": V1, "spec": {**(obj.get("spec") or {})}}
    notes = dict(obj["metadata"].get("annotations") or {})
    others = []
    for metric in out["spec"].pop("metrics", None) or []:
        percentage = _cpu(metric)
        if percentage is None:
            others.append(metric)
        else:
            out["spec"][_PERCENTAGE] = percentage
    behavior = out["spec"].pop("behavior", None)
    status = dict(obj.get("status") or {})
    aside = ((METRICS, others), (BEHAVIOR, behavior), (CURRENT, status.pop("currentMetrics", None)),
             (CONDITIONS, status.pop("conditions", None)))  # fmt: skip
    notes |= {name: json.dumps(value, separators=(",", ":")) for name, value in aside if value}
    if "status" in obj:
        out["status"] = {"currentReplicas": 0, **status}
    if notes:
        out["metadata"] = {**obj["metadata"], "annotations": notes}
    return out


def _cpu(metric: Obj) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get("target") or {}).get("averageUtilization")


def from_v1(obj: Obj) -> Obj:
    """A v1 autoscaler, or a patch's part of one, in its stored form."""
    out = {**obj, "apiVersion": V2}
    notes = dict((obj.get("metadata") or {}).get("annotations") or {})
    kept = {name: notes.pop(name) for name in (METRICS, BEHAVIOR, CURRENT, CONDITIONS)
            if name in notes}  # fmt: skip
    if kept:
        out["metadata"] = {k: v for k, v in obj["metadata"].items() if k != "annotations"}
        if notes:
            out["metadata"]["annotations"] = notes
    if not isinstance(obj.get("spec"), dict):
        return out
    spec = out["spec"] = {**obj["spec"]}
    metrics = _read(kept.get(METRICS)) or []
    if spec.get(_PERCENTAGE) is not None:
        target = {"type": "Utilization", "averageUtilization": spec[_PERCENTAGE]}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if metrics or _PERCENTAGE in spec:
        spec["metrics"] = metrics or None
    spec.pop(_PERCENTAGE, None)
    behavior = _read(kept.get(BEHAVIOR))
    if behavior:
        spec["behavior"] = behavior
    return out


def _read(text: str | None) -> Any:
    """The content of an annotation; nothing if it is not JSON."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
