"""ResourceQuota at admission: refuses what would exceed it, and charges what is admitted.

Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go. Usage is counted by the
same function as in the controller; the controller corrects it when objects are deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.admission.pod_defaults import mappings
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import quantity, refusals
from resilience.sandbox.kube.api import Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_CHANGING = frozenset({("", "services"), ("", "persistentvolumeclaims")})
"""Kinds whose updates may use more, beside Pods that are resized."""
_COMPUTE = ("cpu", "memory", "ephemeral-storage")


class Quotas:
    """Bound to one registry, whose quotas it charges."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._resource = registry.resource("resourcequotas")

    def admit(self, request: Request) -> None:
        """ApiError 403 if a quota of the namespace would be exceeded."""
        namespace = request.namespace
        if not namespace or (request.old is not None and not _may_grow(request)):
            return
        quotas = self._registry.list(self._resource, namespace)
        if not quotas or request.key == ("", "resourcequotas"):
            return
        from resilience.sandbox.controllers.lifecycle.quota_usage import in_scope, usage_of

        now = self._registry.clock.now()
        delta = usage_of(request.resource, request.obj, now)
        for name, amount in (
            usage_of(request.resource, request.old, now) if request.old else {}
        ).items():
            delta[name] = delta.get(name, Fraction(0)) - amount
        charged = []
        for quota in quotas:
            if in_scope(quota, request.resource, request.obj):
                _constrained(request, quota)
                used = _checked(request, quota, delta)
                if used:
                    charged.append((quota, used))
        if not request.call.dry_run:
            for quota, used in charged:
                self._charge(quota, used)

    def _charge(self, quota: Obj, used: Mapping[str, str]) -> None:
        before = quota.get("status") or {}
        status = {
            "hard": before.get("hard") or quota["spec"].get("hard") or {},
            "used": {**(before.get("used") or {}), **used},
        }
        self._registry.update(self._resource, {**quota, "status": status}, "status")


def _may_grow(request: Request) -> bool:
    return request.key in _CHANGING or request.subresource == "resize"


def _constrained(request: Request, quota: Obj) -> None:
    """A quota on cpu or memory requires every container to state its needs, unless the Pod states
    its own."""
    if request.key != ("", "pods") or request.obj["spec"].get("resources"):
        return
    missing = []
    for name in sorted((quota.get("spec") or {}).get("hard") or {}):
        field, _, what = name.rpartition(".")
        if what not in _COMPUTE or field not in ("", "requests", "limits"):
            continue
        spec = request.obj["spec"]
        lacking = [
            str(container.get("name", ""))
            for group in ("containers", "initContainers")
            for container in mappings(spec.get(group))
            if what not in ((container.get("resources") or {}).get(field or "requests") or {})
        ]
        if lacking:
            missing.append(f"{name} for: {','.join(sorted(lacking))}")
    if missing:
        raise refusals.forbidden(
            request.resource,
            request.name,
            f"failed quota: {quota['metadata']['name']}: must specify {'; '.join(missing)}",
        )


def _checked(request: Request, quota: Obj, delta: Mapping[str, Fraction]) -> dict[str, str]:
    """New usage of the names that this request changes; ApiError 403 if it exceeds a limit."""
    status = quota.get("status") or {}
    hard, held = quota["spec"].get("hard") or {}, status.get("used") or {}
    over, used = [], {}
    for name in sorted(hard):
        if not delta.get(name):
            continue
        binary = str(hard[name]).endswith("i") or str(held.get(name, "")).endswith("i")
        total = quantity.parse(held.get(name, 0)) + delta[name]
        if delta[name] > 0 and total > quantity.parse(hard[name]):
            over.append(name)
        used[name] = quantity.text(total, binary=binary)
    if over:

        def listed(values: Mapping[str, Any]) -> str:
            return ",".join(f"{name}={values[name]}" for name in over)

        asked = {
            name: quantity.text(delta[name], binary=str(hard[name]).endswith("i")) for name in over
        }
        raise refusals.forbidden(
            request.resource,
            request.name,
            f"exceeded quota: {quota['metadata']['name']}, requested: {listed(asked)}, used:"
            f" {listed({name: held.get(name, '0') for name in over})}, limited: {listed(hard)}",
        )
    return used
