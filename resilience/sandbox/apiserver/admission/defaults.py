"""Defaults of all other kinds, and the table that maps kinds to functions.

Sources: pkg/apis/{core,networking,rbac,storage,scheduling,discovery,apiextensions}/v1/defaults.go.
Applied to every create and update, as decoding does in the real server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.sandbox.apiserver.admission import pod_defaults
from resilience.sandbox.apiserver.admission.pod_defaults import Spec, default, mappings
from resilience.sandbox.apiserver.admission.workload_defaults import WORKLOADS, spec_of

_RBAC = "rbac.authorization.k8s.io"
_AFFINITY_SECONDS = 10800


def namespace(obj: Spec) -> None:
    obj["metadata"].setdefault("labels", {})
    labels = obj["metadata"]["labels"]
    if isinstance(labels, dict):
        labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    default(obj, status={})
    if isinstance(obj["status"], dict):
        default(obj["status"], phase="Active")


def secret(obj: Spec) -> None:
    default(obj, type="Opaque")
    plain = obj.pop("stringData", None)
    if isinstance(plain, dict):
        from base64 import b64encode

        data = obj.setdefault("data", {})
        if isinstance(data, dict):
            for key, value in plain.items():
                data[key] = b64encode(str(value).encode(errors="replace")).decode()


def service(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, sessionAffinity="None", type="ClusterIP")
    kind = spec["type"]
    if spec["sessionAffinity"] == "ClientIP":
        default(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": _AFFINITY_SECONDS}})
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in mappings(spec.get("ports")):
        default(port, protocol="TCP")
        if port.get("targetPort") in (None, 0, "") and "port" in port:
            port["targetPort"] = port["port"]
    if kind in ("NodePort", "LoadBalancer"):
        default(spec, externalTrafficPolicy="Cluster")
    if kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        default(spec, internalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        default(spec, allocateLoadBalancerNodePorts=True)
    default(obj, status={})
    if isinstance(obj["status"], dict):
        default(obj["status"], loadBalancer={})


def endpoints(obj: Spec) -> None:
    for subset in mappings(obj.get("subsets")):
        for port in mappings(subset.get("ports")):
            default(port, protocol="TCP")


def endpoint_slice(obj: Spec) -> None:
    for port in mappings(obj.get("ports")):
        default(port, name="", protocol="TCP")


def persistent_volume(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if isinstance(spec.get("hostPath"), dict):
        default(spec["hostPath"], type="")
    default(obj, status={})
    if isinstance(obj["status"], dict):
        default(obj["status"], phase="Pending")


def persistent_volume_claim(obj: Spec) -> None:
    default(spec_of(obj), volumeMode="Filesystem")
    default(obj, status={})
    if isinstance(obj["status"], dict):
        default(obj["status"], phase="Pending")


def storage_class(obj: Spec) -> None:
    default(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def priority_class(obj: Spec) -> None:
    default(obj, preemptionPolicy="PreemptLowerPriority")


def network_policy(obj: Spec) -> None:
    """Policy types follow from the rules that are present; ports are TCP."""
    spec = spec_of(obj)
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress"] + (["Egress"] if spec.get("egress") else [])
    for rule in [*mappings(spec.get("ingress")), *mappings(spec.get("egress"))]:
        for port in mappings(rule.get("ports")):
            default(port, protocol="TCP")


def role_binding(obj: Spec) -> None:
    reference = obj.get("roleRef")
    if isinstance(reference, dict) and not reference.get("apiGroup"):
        reference["apiGroup"] = _RBAC
    for subject in mappings(obj.get("subjects")):
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = _RBAC


def limit_range(obj: Spec) -> None:
    """For containers: `default` is taken from `max`, and `defaultRequest` from `default`, else from
    `min`."""
    for item in mappings(spec_of(obj).get("limits")):
        if item.get("type") != "Container":
            continue
        for target, source in (
            ("default", "max"),
            ("defaultRequest", "default"),
            ("defaultRequest", "min"),
        ):
            given = item.get(source)
            if isinstance(given, dict) and given:
                filled = item.setdefault(target, {})
                if isinstance(filled, dict):
                    for name, amount in given.items():
                        filled.setdefault(name, amount)


def custom_resource_definition(obj: Spec) -> None:
    spec = spec_of(obj)
    names = spec.get("names")
    if isinstance(names, dict) and isinstance(names.get("kind"), str):
        default(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")
    default(spec, conversion={"strategy": "None"})


def event(obj: Spec) -> None:
    """Fields that Go writes even if they are empty."""
    for field, value in (
        ("eventTime", None),
        ("firstTimestamp", None),
        ("lastTimestamp", None),
        ("reportingComponent", ""),
        ("reportingInstance", ""),
        ("source", {}),
    ):
        obj.setdefault(field, value)


STATUS: dict[tuple[str, str], Spec] = {
    ("apps", "statefulsets"): {"replicas": 0, "availableReplicas": 0},
    ("apps", "replicasets"): {"replicas": 0},
    ("", "replicationcontrollers"): {"replicas": 0},
    ("apps", "daemonsets"): {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    ("policy", "poddisruptionbudgets"): {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    ("autoscaling", "horizontalpodautoscalers"): {"desiredReplicas": 0, "currentMetrics": None},
}
"""The status of a new object, for kinds whose zeros Go writes."""


def pod(obj: Spec) -> None:
    pod_defaults.pod(obj)
    default(obj, status={})
    if isinstance(obj["status"], dict):
        default(obj["status"], phase="Pending")


def pod_template(obj: Spec) -> None:
    pod_defaults.template(obj)


_TABLE: dict[tuple[str, str], Callable[[Any], None]] = {
    **WORKLOADS,
    ("", "pods"): pod,
    ("", "podtemplates"): pod_template,
    ("", "namespaces"): namespace,
    ("", "events"): event,
    ("", "secrets"): secret,
    ("", "services"): service,
    ("", "endpoints"): endpoints,
    ("", "persistentvolumes"): persistent_volume,
    ("", "persistentvolumeclaims"): persistent_volume_claim,
    ("", "limitranges"): limit_range,
    ("discovery.k8s.io", "endpointslices"): endpoint_slice,
    ("storage.k8s.io", "storageclasses"): storage_class,
    ("scheduling.k8s.io", "priorityclasses"): priority_class,
    ("networking.k8s.io", "networkpolicies"): network_policy,
    (_RBAC, "rolebindings"): role_binding,
    (_RBAC, "clusterrolebindings"): role_binding,
    ("apiextensions.k8s.io", "customresourcedefinitions"): custom_resource_definition,
}


def apply(key: tuple[str, str], obj: Spec) -> None:
    """Fill the defaults of a resource's object in place."""
    function = _TABLE.get(key)
    if function is not None:
        function(obj)
