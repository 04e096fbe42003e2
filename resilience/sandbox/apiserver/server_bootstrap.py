"""What the API server itself creates in a fresh cluster: the default roles, and its own endpoint.

Source: the real server's post-start hooks (rbac/bootstrap-roles, and the kubernetes Service's
endpoint reconciler). The controllers create namespaces and the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.sandbox.kube.api import Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_RBAC = "rbac.authorization.k8s.io"
_BINDINGS = {
    "cluster-admin": ("system:masters",),
    "system:basic-user": ("system:authenticated",),
    "system:discovery": ("system:authenticated",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def roles(registry: Registry) -> None:
    """Create the default ClusterRoles and bindings."""
    cluster_roles = registry.resource("clusterroles", _RBAC)
    for name, rules in _read().items():
        metadata = {"name": name, "labels": dict(_LABELS)}
        registry.create(cluster_roles, {"metadata": metadata, "rules": rules})
    bindings = registry.resource("clusterrolebindings", _RBAC)
    for name, groups in _BINDINGS.items():
        subjects = [{"kind": "Group", "apiGroup": _RBAC, "name": group} for group in groups]
        reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
        metadata = {"name": name, "labels": dict(_LABELS)}
        registry.create(
            bindings, {"metadata": metadata, "roleRef": reference, "subjects": subjects}
        )


def _read() -> dict[str, list[Obj]]:
    """`cluster_roles.txt` as rules."""
    out: dict[str, list[Obj]] = {}
    rules: list[Obj] = []
    for line in (Path(__file__).parent / "cluster_roles.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            rules = out[line.rstrip(":")] = []
            continue
        verbs, groups, names, *only = (part.split() for part in line.split("|"))
        rule: dict[str, Any] = {"verbs": verbs}
        if only:
            rule["resourceNames"] = only[0]
        if groups:
            rule["apiGroups"] = ["" if group == "-" else group for group in groups]
            rule["resources"] = names
        else:
            rule["nonResourceURLs"] = names
        rules.append(rule)
    return out


def service_range(registry: Registry, network: str) -> None:
    """ServiceCIDR `kubernetes`: the range of Services' addresses."""
    resource = registry.resource("servicecidrs", "networking.k8s.io")
    spec = {"cidrs": [f"{network}.128.0/17"]}
    made = registry.create(resource, {"metadata": {"name": "kubernetes"}, "spec": spec})
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": made["metadata"]["creationTimestamp"],
    }
    registry.update(resource, {**made, "status": {"conditions": [ready]}}, "status")


def own_endpoint(registry: Registry, port: int) -> None:
    """The EndpointSlice and Endpoints behind the Service `kubernetes`: this server's listener."""
    metadata = {"name": "kubernetes", "namespace": "default"}
    registry.create(
        registry.resource("endpointslices", "discovery.k8s.io"),
        {
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        },
    )
    registry.create(
        registry.resource("endpoints"),
        {
            "metadata": {
                **metadata,
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [
                {
                    "addresses": [{"ip": "127.0.0.1"}],
                    "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
                }
            ],
        },
    )
