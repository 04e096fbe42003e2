"""What it takes to run a probe's prober where its keys `service`, `namespace` and `via` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from resilience.kube.service_names import address, namespace_in
from resilience.model.step_reach import Host, Reach, union, within
from resilience.model.verb import Right
from resilience.probes.prober.launch import (
    Via,
    incluster_helpers,
    incluster_reach,
    incluster_rights,
)


class Placed(Protocol):
    """A probe with these keys; without a Service, `auto` is beside the test."""

    @property
    def service(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def via(self) -> Via: ...
    @property
    def agents(self) -> int: ...


def rights(probe: Placed, namespace: str, own: Sequence[Right] = ()) -> Sequence[Right]:
    """To find the Service, the probe's `own`, and to run its prober in a Pod where that may be."""
    where = probe.namespace or namespace
    found = service_right(probe.service, where)
    inside = incluster_rights(where, probe.agents) if _may_be_inside(probe) else ()
    return [*found, *own, *inside]


def service_right(service: str, namespace: str) -> Sequence[Right]:
    """To find the Service, if there is one."""
    right = Right(verb="get", group="", resource="services", namespace=namespace)
    return [right] if service else []


def helpers(probe: Placed, namespace: str, cluster: Any, *, asks: bool = False) -> Sequence[Any]:
    """The Pod of its prober, if there will be one; `asks`: it needs this package."""
    via, where = _via(probe), probe.namespace or namespace
    return incluster_helpers(via, where, cluster, service=bool(probe.service), asks=asks)


def reach(probe: Placed, namespace: str) -> Reach:
    """Where the Pod and the Secret of its prober go."""
    if not _may_be_inside(probe):
        return Reach()
    return incluster_reach(_via(probe), probe.namespace or namespace)


def asked(probe: Placed, namespace: str, host: str, port: int | str = 0) -> Reach:
    """What the probed Service leads to, or what `host` names."""
    where = probe.namespace or namespace
    return of_service(probe.service, where) if probe.service else written_to(host, where, port)


def of_service(service: str, namespace: str) -> Reach:
    """The Service's namespace, and wherever the Service leads to in this cluster."""
    return within(namespace) | Reach(hosts=frozenset({Host(f"{service}.{namespace}.svc")}))


def written_to(host: str, namespace: str, port: int | str = 0) -> Reach:
    """The namespace in the name of a Service; what else it leads to, the cluster has to be asked.
    One label is a Service of the namespace in which the prober may be."""
    if not host:
        return Reach()
    number = port if isinstance(port, int) else 0
    hosts = {Host(host, number)}
    if "." not in host and not address(host):
        hosts.add(Host(f"{host}.{namespace}.svc", number))
    return within(namespace_in(host)) | Reach(hosts=frozenset(hosts))


def named_to(headers: Mapping[str, str], namespace: str, *names: str) -> Reach:
    """Of requests that name another host than the one they are sent to: routes go by it."""
    told = [value for key, value in headers.items() if key.lower() in ("host", ":authority")]
    hosts = (urlsplit(f"//{each}").hostname or "" for each in (*told, *filter(None, names)))
    return union(written_to(each, namespace) for each in hosts)


def port_of(url: SplitResult) -> int:
    """The port, or its scheme's."""
    return url.port or (443 if url.scheme == "https" else 80)


def _may_be_inside(probe: Placed) -> bool:
    via = _via(probe)
    return via == "pod" or bool(probe.service and via == "auto")


def _via(probe: Placed) -> Via:
    """Several agents always run in Pods."""
    return "pod" if probe.agents > 1 else probe.via
