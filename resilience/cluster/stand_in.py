"""Settings that a helper copies from the Pod that it acts for.

It must be schedulable where that Pod is (tolerations, node selector, required node affinity), pull
images where that Pod can (pull secrets), and see a volume's files as that Pod does (user, groups,
SELinux labels). Nothing else: no service account, no environment, no priority.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from resilience.kube import objects

Spec = Mapping[str, Any]

_USER = ("runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "supplementalGroups",
         "seLinuxOptions")  # fmt: skip
_SHARED = ("seLinuxOptions",)
_NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Empty: it stands in for no Pod."""

    tolerations: Sequence[Spec] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: Spec = field(default_factory=dict)
    pull_secrets: Sequence[Spec] = ()
    security: Spec = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Spec, container: str = "") -> Self:
        """`spec` is a Pod's, or a template's. `container` is the relevant one; its security
        context takes precedence over the Pod's, as in Kubernetes."""
        containers: Sequence[Spec] = spec.get("containers") or ()
        own: Spec = next((each for each in containers if each.get("name") == container), {})
        security = {**(spec.get("securityContext") or {}), **(own.get("securityContext") or {})}
        affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        )
        return cls(
            tolerations=tuple(spec.get("tolerations") or ()),
            node_selector=dict(spec.get("nodeSelector") or {}),
            node_affinity=dict(affinity or {}),
            pull_secrets=tuple(spec.get("imagePullSecrets") or ()),
            security={key: security[key] for key in _USER if security.get(key) is not None},
        )

    @classmethod
    def of_any(cls, pods: Sequence[Mapping[str, Any]]) -> Self:
        """From the first Pod that is not a helper and has not ended: where a Pod of the
        namespace runs, and what pulls its image, suits a helper as well. The user is not taken
        over."""
        for pod in pods:
            if not (objects.is_ours(dict(pod)) or objects.is_finished(dict(pod))):
                return replace(cls.of(pod.get("spec") or {}), security={})
        return cls()

    def placement(self, node: str) -> dict[str, Any]:
        """Fields of a Pod's spec. A `node` that was chosen for it must not be closed to it by
        rules that only keep new Pods away: the volume to mount exists only there."""
        tolerations = [dict(each) for each in self.tolerations]
        spec: dict[str, Any] = {}
        if node:
            tolerations.append({"operator": "Exists", "effect": "NoSchedule"})
            spec["affinity"] = {"nodeAffinity": _required(_only(node))}
        else:
            if self.node_selector:
                spec["nodeSelector"] = dict(self.node_selector)
            if self.node_affinity:
                spec["affinity"] = {"nodeAffinity": _required(self.node_affinity)}
        if tolerations:
            spec["tolerations"] = tolerations
        if self.pull_secrets:
            spec["imagePullSecrets"] = [dict(each) for each in self.pull_secrets]
        return spec

    def user(self) -> dict[str, Any]:
        """Pod security of a helper that runs as that Pod does, and never as root."""
        if self.security.get("runAsUser"):
            return dict(self.security)
        return {"runAsGroup": _NOBODY, **self.security, "runAsUser": _NOBODY}

    def sharing(self) -> dict[str, Any]:
        """The same for root: only what makes a volume's files reachable."""
        return {key: self.security[key] for key in _SHARED if key in self.security}


NOBODY = StandIn()


def _only(node: str) -> dict[str, Any]:
    field_ = {"key": "metadata.name", "operator": "In", "values": [node]}
    return {"nodeSelectorTerms": [{"matchFields": [field_]}]}


def _required(terms: Spec) -> dict[str, Any]:
    return {"requiredDuringSchedulingIgnoredDuringExecution": dict(terms)}
