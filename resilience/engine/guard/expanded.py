"""What a reach means in one cluster: the namespaces behind patterns, labels and hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, SERVICES, Cluster, Object
from resilience.cluster.permit.selected_namespaces import is_meant, selected
from resilience.engine.guard import consent_words as words
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.kube.service_names import address, searched_namespace
from resilience.model.step_reach import Reach
from resilience.verbs.context import Refused

_PATTERN = set("*?[")
_OWN = ("127.0.0.1", "::1", "0.0.0.0", "::")
"""Of the machine or the Pod that asks. The rest of 127.0.0.0/8 has Pods on the sandbox."""


def expanded(cluster: Cluster, reach: Reach) -> Reach:
    """The same with the names of namespaces instead of patterns, labels and hosts, as they are in
    this cluster now. Refused where that cannot be known.
    """
    if reach.hosts:
        inside = frozenset(name for host in reach.hosts for name in _reached(cluster, host))
        reach = replace(reach, hosts=frozenset(), namespaces=reach.namespaces | inside)
    if reach.selected:
        more = frozenset(name for text in reach.selected for name in _meant(cluster, text, reach))
        reach = replace(reach, selected=frozenset(), namespaces=reach.namespaces | more)
    patterns = [name for name in reach.namespaces if _PATTERN & set(name)]
    if not patterns:
        return reach
    there = [objects.name(each) for each in cluster.list(NAMESPACES)]
    fitting = {name for name in there if any(fnmatchcase(name, each) for each in patterns)}
    return replace(reach, namespaces=frozenset(fitting | (reach.namespaces - set(patterns))))


def _meant(cluster: Cluster, text: str, reach: Reach) -> list[str]:
    """The namespaces with these labels, in the cluster or in a manifest of the run."""
    selector = Selector.parse(text)
    try:
        there = selected(cluster, selector)
    except Forbidden as error:
        raise Refused(words.cannot_select(text, error)) from error
    made = [body for body in reach.objects
            if body["kind"] == "Namespace" and is_meant(body, selector)]  # fmt: skip
    return [objects.name(each) for each in (*there, *made)]


def _reached(cluster: Cluster, host: str) -> set[str]:
    """Namespaces of the Services and Pods that a request to `host` may reach."""
    try:
        if found := address(host):
            return set() if str(found) in _OWN else _of_address(cluster, str(found))
        if name := searched_namespace(host):
            cluster.get(NAMESPACES, name)
            return {name}
    except NotFound:
        return set()
    except Forbidden as error:
        raise Refused(words.unknown_host(host, error)) from error
    return set()


def _of_address(cluster: Cluster, wanted: str) -> set[str]:
    return {
        objects.namespace(obj)
        for kind in (SERVICES, PODS)
        for obj in cluster.list(kind)
        if wanted in _addresses(obj)
    }


def _addresses(obj: Object) -> Iterator[str]:
    """Of a Service: in the cluster, external, of its load balancer; of a Pod: its own."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    yield from spec.get("clusterIPs") or [spec.get("clusterIP")]
    yield from spec.get("externalIPs") or ()
    yield from (each.get("ip") for each in status.get("podIPs") or [{"ip": status.get("podIP")}])
    for each in (status.get("loadBalancer") or {}).get("ingress") or ():
        yield from (each.get("ip"), each.get("hostname"))
