"""What a drill's copy may differ in from its snapshot: the closed list of the proof. Pure.

A drill makes its copy harmless (`safety`, `publishing`). This list says the same from the other
side, with the value that each field must have now: a field that the drill should have rewritten and
did not, or rewrote to something else, is a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.backup.proof.compare import Terms
from resilience.backup.proof.diff import ABSENT
from resilience.backup.proof.may_differ import ANY, Entry
from resilience.backup.take.discover import discover, kind_name
from resilience.cluster.interface import Cluster, Object

_SUFFIX = ".drill.invalid"
_INGRESS = "Ingress.networking.k8s.io"
_POLICY = "NetworkPolicy.networking.k8s.io"
_GATEWAY = "gateway.networking.k8s.io"
_TEMPLATES = {
    "Pod": "spec",
    "Deployment.apps": "spec/template/spec",
    "StatefulSet.apps": "spec/template/spec",
    "DaemonSet.apps": "spec/template/spec",
    "ReplicaSet.apps": "spec/template/spec",
    "ReplicationController": "spec/template/spec",
    "Job.batch": "spec/template/spec",
    "CronJob.batch": "spec/jobTemplate/spec/template/spec",
}


def _gone(was: Any, now: Any) -> bool:
    return now is ABSENT


def _is(value: Any) -> Callable[[Any, Any], bool]:
    return lambda was, now: bool(now == value and type(now) is type(value))


def _renamed(was: Any, now: Any) -> bool:
    return bool(now == f"{was}{_SUFFIX}")


def _ingress(was: Any, now: Any) -> bool:
    return now is ABSENT or now in ("Ingress", ["Ingress"])


def _invalid(was: Any, now: Any) -> bool:
    text = now[0] if isinstance(now, list) and len(now) == 1 else now
    return isinstance(text, str) and (text.endswith(_SUFFIX) or f"any{_SUFFIX}`" in text)


def _has_address(service: Object) -> bool:
    return bool((service.get("spec") or {}).get("clusterIP") != "None")


_PUBLIC = "a public name belongs to the original"
_NODE = "a copy does not use its node's own network, ports or directories"
_WALL = "a copy's policies must not open the drill's wall"
_LABEL = "a GitOps controller would take the copy for its own"
_INSIDE = "a copy is reached from inside the cluster only"

_HOSTS: Mapping[str, tuple[str, ...]] = {
    _INGRESS: ("spec/rules/*/host", "spec/tls/*/hosts/*"),
    f"Gateway.{_GATEWAY}": ("spec/listeners/*/hostname",),
    f"HTTPRoute.{_GATEWAY}": ("spec/hostnames/*",),
    f"GRPCRoute.{_GATEWAY}": ("spec/hostnames/*",),
    f"TLSRoute.{_GATEWAY}": ("spec/hostnames/*",),
    "Route.route.openshift.io": ("spec/host",),
    "HTTPProxy.projectcontour.io": ("spec/virtualhost/fqdn",),
    "DNSEndpoint.externaldns.k8s.io": ("spec/endpoints/*/dnsName",),
    "Certificate.cert-manager.io": ("spec/dnsNames/*", "spec/commonName"),
}
_FOREIGN_VOLUMES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)
_TRACKED = (
    "*argoproj.io~1*",
    "*fluxcd.io~1*",
    "*weave.works~1*",
    "*cattle.io~1*",
    "*k14s.io~1*",
    "*configsync.gke.io~1*",
    "*applyset.kubernetes.io~1*",
    "*addonmanager.kubernetes.io~1*",
    "*config.k8s.io~1*",
    "*crossplane.io~1*",
    "*operators.coreos.com~1*",
    "app.kubernetes.io~1instance",
)
_NAMED = frozenset(_HOSTS) | {"IngressRoute.traefik.io", "IngressRoute.traefik.containo.us"}

ENTRIES: tuple[Entry, ...] = (
    Entry("CronJob.batch", "spec/suspend", "a copy's CronJobs do not run", now=_is(True)),
    Entry(_POLICY, "spec/egress", _WALL, now=_gone),
    Entry(_POLICY, "spec/policyTypes", _WALL, now=_ingress),
    Entry("Service", "spec/type", _INSIDE, now=_is("ClusterIP")),
    *(
        Entry("Service", f"spec/{field}", _INSIDE, now=_gone)
        for field in (
            "externalTrafficPolicy",
            "healthCheckNodePort",
            "loadBalancerIP",
            "loadBalancerClass",
            "loadBalancerSourceRanges",
            "allocateLoadBalancerNodePorts",
            "externalIPs",
            "ports/*/nodePort",
        )
    ),
    *(
        Entry("Service", f"spec/{field}", "the address belongs to the original", only=_has_address)
        for field in ("clusterIP", "clusterIPs")
    ),
    Entry(_INGRESS, "spec/ingressClassName", _PUBLIC, now=_is("resilience-drill")),
    Entry(f"Gateway.{_GATEWAY}", "spec/gatewayClassName", _PUBLIC, now=_is("resilience-drill")),
    Entry(f"Gateway.{_GATEWAY}", "spec/addresses", _PUBLIC, now=_gone),
    *(
        Entry(kind, field, _PUBLIC, now=_renamed)
        for kind, fields in _HOSTS.items()
        for field in fields
    ),
    *(
        Entry(
            f"{kind}.{_GATEWAY}", "spec/hostnames", "without one it would catch all", now=_invalid
        )
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute")
    ),
    Entry("Route.route.openshift.io", "spec/host", "one would be given to it", now=_invalid),
    *(
        Entry(kind, "spec/routes/*/match", _PUBLIC, now=_invalid)
        for kind in ("IngressRoute.traefik.io", "IngressRoute.traefik.containo.us")
    ),
    *(
        Entry(kind, f"{spec}/{field}", _NODE, now=_gone)
        for kind, spec in _TEMPLATES.items()
        for field in (
            "hostNetwork",
            "hostPID",
            "hostIPC",
            "containers/*/ports/*/hostPort",
            "initContainers/*/ports/*/hostPort",
        )
    ),
    *(
        Entry(kind, f"{spec}/volumes/*/{source}", _NODE, now=_gone)
        for kind, spec in _TEMPLATES.items()
        for source in _FOREIGN_VOLUMES
    ),
    *(
        Entry(kind, f"{spec}/volumes/*/emptyDir", _NODE, now=_is({}))
        for kind, spec in _TEMPLATES.items()
    ),
    *(
        Entry(ANY, f"{place}metadata/annotations/*dns*~1*", _PUBLIC, now=_gone)
        for place in ("", "spec/template/", "spec/jobTemplate/", "spec/jobTemplate/spec/template/")
    ),
    *(
        Entry(kind, "metadata/annotations/*~1*", "it may publish the copy", now=_gone)
        for kind in ("Service", _INGRESS)
    ),
    *(
        Entry(ANY, f"metadata/{part}/{name}", _LABEL, now=_gone)
        for part in ("labels", "annotations")
        for name in _TRACKED
    ),
)


def drill_terms(custom: Collection[str], names: Mapping[str, str]) -> Terms:
    """`custom`: patterns of custom resources that the plan restores; `names`: the plural name of
    each kind by its identity."""

    def absent(obj: Object) -> str:
        kind = identity(obj)
        if not obj["metadata"].get("namespace"):
            return "cluster-scoped: shared with the original"
        if kind == _POLICY and (obj.get("spec") or {}).get("policyTypes") == ["Egress"]:
            return _WALL
        if is_built_in(obj) or kind in _NAMED:
            return ""
        named = any(fnmatchcase(names.get(kind, kind), pattern) for pattern in custom)
        return "" if named else "a custom resource that the plan does not name"

    return Terms(entries=ENTRIES, absent=absent, foreign_owners=False)


def drill_terms_of(cluster: Cluster, custom: Collection[str]) -> Terms:
    """The same, with the names as a cluster serves them."""
    return drill_terms(custom, plural_names(cluster))


def plural_names(cluster: Cluster) -> dict[str, str]:
    """`widgets.example.com` by `Widget.example.com`."""
    return {
        identity({"apiVersion": kind.api_version, "kind": kind.kind}): kind_name(kind)
        for kind in discover(cluster).kinds
    }
