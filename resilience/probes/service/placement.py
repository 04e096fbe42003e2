"""What it takes to run a probe's prober where its keys `service`, `namespace` and `via` say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from resilience.kube.service_names import namespace_in
from resilience.model.step_reach import Reach, within
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


def asked(probe: Placed, namespace: str, host: str) -> Reach:
    """The namespace of the probed Service, or of what `host` names."""
    return within(probe.namespace or namespace) if probe.service else written_to(host)


def written_to(host: str) -> Reach:
    """The namespace in the name of a Service; for other hosts, the cluster has to be asked."""
    if inside := namespace_in(host):
        return within(inside)
    return Reach(hosts=frozenset({host} if host else ()))


def _may_be_inside(probe: Placed) -> bool:
    via = _via(probe)
    return via == "pod" or bool(probe.service and via == "auto")


def _via(probe: Placed) -> Via:
    """Several agents always run in Pods."""
    return "pod" if probe.agents > 1 else probe.via
