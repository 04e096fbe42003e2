"""The Pod spec inside of a written object: a Pod's own, or that of a workload's template."""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube.api import Obj

TEMPLATES = frozenset(
    {("", "replicationcontrollers"), ("apps", "deployments"), ("apps", "replicasets"),
     ("apps", "statefulsets"), ("apps", "daemonsets"), ("batch", "jobs"), ("batch", "cronjobs"),
     ("", "podtemplates")}
)  # fmt: skip


def spec_in(request: Request) -> Obj | None:
    """None for a kind that creates no Pods, and if there is no spec to read."""
    if request.key == ("", "pods"):
        spec = request.obj.get("spec")
    else:
        spec = _template(request.obj) if request.key in TEMPLATES else None
    return spec if isinstance(spec, dict) else None


def _template(obj: Obj) -> Any:
    spec = obj.get("spec") or {}
    inner = ((spec.get("jobTemplate") or {}).get("spec") or spec).get("template")
    return (inner or obj.get("template") or {}).get("spec")
