"""Rules that make a restored copy harmless; they are applied before anything is created.

A duplicate that sends mail, consumes a queue, claims a public name or opens its own wall is the
real danger of a drill. Each rule returns the pointers that it changed, which the report lists.
Kinds that no rule knows (custom resources) are left out unless the plan names them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from resilience.backup.drills import publishing
from resilience.backup.modify.pod_specs import pod_specs
from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.cluster.interface import Object

_NETWORK_POLICY = "NetworkPolicy.networking.k8s.io"
_POLICY_WORDS = ("polic", "egress", "firewall", "networkset", "serviceentr", "sidecar")

_OF_KUBERNETES = (
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "batch.kubernetes.io/job-tracking",
)
"""Finalizers that kube-controller-manager itself removes."""

_ADDRESSES = frozenset({"Endpoints", "EndpointSlice.discovery.k8s.io"})

_VOLUMES_OF_ITS_OWN = frozenset(
    {
        "configMap",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


def suspended(obj: Object) -> Iterator[str]:
    """Suspend CronJobs: they would do their work a second time."""
    spec = obj.get("spec")
    if identity(obj) == "CronJob.batch" and isinstance(spec, dict) and not spec.get("suspend"):
        spec["suspend"] = True
        yield "/spec/suspend"


def ingress_only(obj: Object) -> Iterator[str]:
    """Remove what policies allow: NetworkPolicies are additive, so the wall cannot block what a
    restored policy allows."""
    spec = obj.get("spec") or {}
    if identity(obj) != _NETWORK_POLICY:
        return
    if "egress" in spec:
        del spec["egress"]
        yield "/spec/egress"
    if spec.get("policyTypes") != ["Ingress"]:
        spec["policyTypes"] = ["Ingress"]
        yield "/spec/policyTypes"


def off_the_node(obj: Object) -> Iterator[str]:
    """No policy applies to a Pod in its node's own network; host ports belong to the original."""
    for pointer, spec in pod_specs(obj.get("spec"), "/spec"):
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.pop(key, False):
                yield f"{pointer}/{key}"
        for part in ("containers", "initContainers", "ephemeralContainers"):
            for number, container in enumerate(spec.get(part) or ()):
                for index, port in enumerate(container.get("ports") or ()):
                    if port.pop("hostPort", None):
                        yield f"{pointer}/{part}/{number}/ports/{index}/hostPort"


def without_priority(obj: Object) -> Iterator[str]:
    """Remove the priority class: on a full cluster the scheduler would evict Pods of lower priority
    to make room for the copy, those of the original among them."""
    for pointer, spec in pod_specs(obj.get("spec"), "/spec"):
        for key in ("priorityClassName", "priority", "preemptionPolicy"):
            if spec.pop(key, None) is not None:
                yield f"{pointer}/{key}"


def own_volumes(obj: Object) -> Iterator[str]:
    """Replace directories of the node, shares and disks named in a Pod: they hold the original's
    own data."""
    for pointer, spec in pod_specs(obj.get("spec"), "/spec"):
        for number, volume in enumerate(spec.get("volumes") or ()):
            sources = volume.keys() - {"name"}
            if sources and not sources <= _VOLUMES_OF_ITS_OWN:
                spec["volumes"][number] = {"name": volume["name"], "emptyDir": {}}
                yield f"{pointer}/volumes/{number}"


def unheld(obj: Object) -> Iterator[str]:
    """Remove finalizers: their controller could clean up what belongs to the original, or ignore
    the copy, so that the scratch namespace could never be deleted."""
    for pointer, metadata in publishing.all_metadata(obj, ""):
        held = metadata.get("finalizers") or []
        kept = [each for each in held if each in _OF_KUBERNETES]
        if kept != held:
            metadata["finalizers"] = kept
            yield f"{pointer}/metadata/finalizers"
        if not kept:
            metadata.pop("finalizers", None)


RULES: Mapping[str, Callable[[Object], Iterator[str]]] = {
    "unheld": unheld,
    "suspended": suspended,
    "ingress only": ingress_only,
    "off the node": off_the_node,
    "without priority": without_priority,
    "own volumes": own_volumes,
    **publishing.RULES,
}


def opens_walls(obj: Object) -> bool:
    """Whether a kind controls traffic, as far as its name shows."""
    kind = identity(obj)
    return kind != _NETWORK_POLICY and any(word in kind.lower() for word in _POLICY_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmless:
    """For `RestoreRequest.adjust`. `custom` are patterns of custom resources that the plan names,
    `names` the plural name (`widgets.example.com`) of each kind by its identity."""

    custom: Collection[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, obj: Object) -> str | Mapping[str, list[str]]:
        """Apply all rules; a reason when the object must not be created at all."""
        reason = self.outside(obj) or self.unknown(obj) or unpublishable(obj) or leads_out(obj)
        if reason:
            return reason
        touched = {name: list(rule(obj)) for name, rule in RULES.items()}
        return {name: pointers for name, pointers in touched.items() if pointers}

    def outside(self, obj: Object) -> str:
        """Refuse everything outside the scratch namespace, since it belongs to the original."""
        if identity(obj) == "Namespace":
            return "the scratch namespace already exists"
        if not obj["metadata"].get("namespace"):
            return "cluster-scoped objects are shared with the original"
        return ""

    def unknown(self, obj: Object) -> str:
        """The effect of a controller on a copy of a custom resource cannot be known."""
        if is_built_in(obj):
            return ""
        if opens_walls(obj):
            return f"a {obj['kind']} could open the drill's wall"
        if identity(obj) in publishing.KNOWN:
            return ""
        name = self.names.get(identity(obj), identity(obj))
        if any(fnmatchcase(name, pattern) for pattern in self.custom):
            return ""
        return f"custom resource; `drill: {{custom: [{name}]}}` restores it too"


def unpublishable(obj: Object) -> str:
    """Whether a policy only allows egress, so that nothing would be left of it."""
    spec = obj.get("spec") or {}
    if identity(obj) == _NETWORK_POLICY and spec.get("policyTypes") == ["Egress"]:
        return "it only allows egress, which the drill's wall forbids"
    return ""


def leads_out(obj: Object) -> str:
    """Whether addresses were written by hand: a check of the copy would reach them and wrongly
    pass."""
    if identity(obj) in _ADDRESSES:
        return "it leads to addresses outside the copy"
    return ""


harmless = Harmless()
