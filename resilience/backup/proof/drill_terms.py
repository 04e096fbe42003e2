"""The fields in which a drill's copy may differ from its snapshot: the closed list of the proof.
Pure.

A drill makes its copy harmless (`safety`, `publishing`). This list states the same from the other
side, with the value that each field must have now. A field of an entry with `must` that the drill
did not rewrite, or rewrote to something else, is a difference (`not_rewritten`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.objects.json_pointer import escaped
from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.backup.proof.compare import Terms
from resilience.backup.proof.diff import ABSENT, Difference, Path
from resilience.backup.proof.may_differ import ANY, AllowedDifference
from resilience.backup.take.discover import discover
from resilience.cluster.interface import Cluster, Object

_SUFFIX = ".drill.invalid"
_LONGEST_HOST = 253 - len(_SUFFIX)
_FINALIZERS = {
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "batch.kubernetes.io/job-tracking",
}
_NO_CLASS = "resilience-drill"
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
    if now is ABSENT:
        return True
    known = isinstance(was, str) and was and not was.endswith(_SUFFIX)
    if known and len(str(was)) > _LONGEST_HOST:
        return bool(now == f"any{_SUFFIX}")
    return bool(now == f"{was}{_SUFFIX}" if known else not now or str(now).endswith(_SUFFIX))


def _released(was: Any, now: Any) -> bool:
    """A finalizer, or all of them."""
    held = now if isinstance(now, list) else [] if now is ABSENT else [now]
    return set(held) <= _FINALIZERS


def _inside(was: Any, now: Any) -> bool:
    return now is ABSENT or now in ("ClusterIP", "ExternalName")


def _ingress(was: Any, now: Any) -> bool:
    return now is ABSENT or now in ("Ingress", ["Ingress"])


def _invalid(was: Any, now: Any) -> bool:
    text = now[0] if isinstance(now, list) and len(now) == 1 else now
    return isinstance(text, str) and (text.endswith(_SUFFIX) or f"any{_SUFFIX}`" in text)


def _has_address(service: Object) -> bool:
    return bool((service.get("spec") or {}).get("clusterIP") != "None")


_PUBLIC = "a public name belongs to the original"
_NODE = "a copy does not use its node's own network, ports or directories"
_YIELDS = "a copy never evicts the original's Pods by its priority"
_WALL = "a copy's policies must not open the drill's wall"
_LEADS_OUT = "it leads out of the copy: another network, or copies in other namespaces"
_HELD = "a finalizer's controller would clean up for the copy what the original still uses"
_ELSEWHERE = frozenset({"Endpoints", "EndpointSlice.discovery.k8s.io"})
_UNGRANTED = "the drill's account does not hold what it grants, which the plan accepts"
_RIGHTS = frozenset(f"{kind}.rbac.authorization.k8s.io" for kind in ("Role", "RoleBinding"))
_COLLECTED = "a program elsewhere would take the copy for the original"
_GRAFANA = ("dashboard", "datasource", "alert", "notifier", "plugin")
_LABEL = "a GitOps controller would treat the copy as its own"
_INSIDE = "a copy is reached from inside the cluster only"

_HOSTS: Mapping[str, tuple[str, ...]] = {
    "Service": ("spec/externalName",),
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

ENTRIES: tuple[AllowedDifference, ...] = (
    *(
        AllowedDifference(ANY, f"{place}metadata/finalizers", _HELD, now=_released, must=True)
        for place in (
            "",
            "spec/template/",
            "spec/jobTemplate/",
            "spec/jobTemplate/spec/template/",
            "spec/volumeClaimTemplates/*/",
        )
    ),
    AllowedDifference(
        "CronJob.batch", "spec/suspend", "a copy's CronJobs do not run", now=_is(True), must=True
    ),
    AllowedDifference(_POLICY, "spec/egress", _WALL, now=_gone, must=True),
    AllowedDifference(_POLICY, "spec/policyTypes", _WALL, now=_ingress, must=True),
    AllowedDifference("Service", "spec/type", _INSIDE, now=_inside, must=True),
    *(
        AllowedDifference("Service", f"spec/{field}", _INSIDE, now=_gone, must=True)
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
        AllowedDifference(
            "Service", f"spec/{field}", "the address belongs to the original", only=_has_address
        )
        for field in ("clusterIP", "clusterIPs")
    ),
    AllowedDifference(_INGRESS, "spec/ingressClassName", _PUBLIC, now=_is(_NO_CLASS), must=True),
    AllowedDifference(
        f"Gateway.{_GATEWAY}", "spec/gatewayClassName", _PUBLIC, now=_is(_NO_CLASS), must=True
    ),
    AllowedDifference(f"Gateway.{_GATEWAY}", "spec/addresses", _PUBLIC, now=_gone, must=True),
    *(
        AllowedDifference(kind, field, _PUBLIC, now=_renamed, must=True)
        for kind, fields in _HOSTS.items()
        for field in fields
    ),
    *(
        AllowedDifference(
            f"{kind}.{_GATEWAY}",
            "spec/hostnames",
            "without a host it would match all requests",
            now=_invalid,
        )
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute")
    ),
    AllowedDifference(
        "Route.route.openshift.io", "spec/host", "it would be assigned one", now=_invalid
    ),
    *(
        AllowedDifference(kind, "spec/routes/*/match", _PUBLIC, now=_invalid, must=True)
        for kind in ("IngressRoute.traefik.io", "IngressRoute.traefik.containo.us")
    ),
    *(
        AllowedDifference(kind, f"{spec}/{field}", _NODE, now=_gone, must=True)
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
        AllowedDifference(kind, f"{spec}/{field}", _YIELDS, now=_gone, must=True)
        for kind, spec in _TEMPLATES.items()
        if kind != "Pod"
        for field in ("priorityClassName", "priority", "preemptionPolicy")
    ),
    AllowedDifference("Pod", "spec/priorityClassName", _YIELDS),  # or the cluster's default class
    *(
        AllowedDifference(kind, f"{spec}/volumes/*/{source}", _NODE, now=_gone, must=True)
        for kind, spec in _TEMPLATES.items()
        for source in _FOREIGN_VOLUMES
    ),
    *(
        AllowedDifference(kind, f"{spec}/volumes/*/emptyDir", _NODE, now=_is({}))
        for kind, spec in _TEMPLATES.items()
    ),
    *(
        AllowedDifference(
            ANY, f"{place}metadata/annotations/*dns*~1*", _PUBLIC, now=_gone, must=True
        )
        for place in ("", "spec/template/", "spec/jobTemplate/", "spec/jobTemplate/spec/template/")
    ),
    *(
        AllowedDifference(
            ANY, f"{place}metadata/annotations/{domain}~1*", _LEADS_OUT, now=_gone, must=True
        )
        for place in ("", "spec/template/", "spec/jobTemplate/", "spec/jobTemplate/spec/template/")
        for domain in (
            "k8s.v1.cni.cncf.io",
            "v1.multus-cni.io",
            "cni.projectcalico.org",
            "reflector.v1.k8s.emberstack.com",
            "replicator.v1.mittwald.de",
            "kubed.appscode.com",
        )
    ),
    *(
        AllowedDifference(kind, "metadata/annotations/*~1*", "it may publish the copy", now=_gone)
        for kind in ("Service", _INGRESS)
    ),
    *(
        AllowedDifference(ANY, f"metadata/{part}/{name}", _LABEL, now=_gone)
        for part in ("labels", "annotations")
        for name in _TRACKED
    ),
    *(
        AllowedDifference(ANY, f"metadata/labels/{name}", _COLLECTED, now=_gone, must=True)
        for name in (
            "mirror.linkerd.io~1exported",
            "istio.io~1global",
            "solo.io~1service-scope",
            *(f"grafana_{each}{end}" for each in _GRAFANA for end in ("", "s")),
        )
    ),
)


def not_rewritten(recorded: Object, live: Object) -> Iterator[Difference]:
    """Fields of the live copy with another value than a drill must set."""
    kind = identity(recorded)
    for entry in ENTRIES:
        if not entry.must or entry.now is None or entry.kind not in (ANY, kind):
            continue
        for parts, value in _values(live, tuple(entry.field.split("/"))):
            was = next((each for _, each in _values(recorded, parts)), ABSENT)
            if not entry.now(was, value):
                shown = "absent" if value is ABSENT else str(value)
                yield Difference("/" + "/".join(parts), f"harmful: {entry.why}", shown)


def _values(value: Any, field: Path, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What is at a path of globs; ABSENT for a plain last name that a mapping lacks."""
    if not field:
        yield at, value
    elif isinstance(value, dict):
        named = [key for key in value if fnmatchcase(escaped(str(key)), field[0])]
        for key in named:
            yield from _values(value[key], field[1:], (*at, escaped(str(key))))
        if not named and len(field) == 1 and not set(field[0]) & set("*?["):
            yield (*at, field[0]), ABSENT
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if fnmatchcase(str(number), field[0]):
                yield from _values(item, field[1:], (*at, str(number)))


def drill_terms(
    custom: Collection[str], names: Mapping[str, str], ungranted: Collection[str] = ()
) -> Terms:
    """`custom`: patterns of custom resources that the plan restores; `names`: the plural name of
    each kind by its identity; `ungranted`: Roles and bindings (`Role NAMESPACE/NAME`) that the plan
    accepts to be missing, because the drill's account may not grant them."""

    def absent(obj: Object) -> str:
        kind, metadata = identity(obj), obj["metadata"]
        if kind in _RIGHTS:
            title = f"{obj['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
            return _UNGRANTED if title in ungranted else ""
        if not obj["metadata"].get("namespace"):
            return "cluster-scoped: shared with the original"
        if kind == _POLICY and (obj.get("spec") or {}).get("policyTypes") == ["Egress"]:
            return _WALL
        if kind in _ELSEWHERE:
            return "addresses written by hand lead out of the copy"
        if is_built_in(obj) or kind in _NAMED:
            return ""
        named = any(fnmatchcase(names.get(kind, kind), pattern) for pattern in custom)
        return "" if named else "a custom resource that the plan does not name"

    return Terms(entries=ENTRIES, absent=absent, foreign_owners=False, demands=not_rewritten)


def drill_terms_of(
    cluster: Cluster, custom: Collection[str], ungranted: Collection[str] = ()
) -> Terms:
    """The same, with the names as a cluster serves them."""
    return drill_terms(custom, plural_names(cluster), ungranted)


def plural_names(cluster: Cluster) -> dict[str, str]:
    """`widgets.example.com` by `Widget.example.com`."""
    return {
        identity({"apiVersion": kind.api_version, "kind": kind.kind}): kind.full_name
        for kind in discover(cluster).kinds
    }
