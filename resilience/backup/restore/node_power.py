"""Which objects of a manifest or a snapshot act on nodes, and so on what runs there for others.

A Pod that is privileged, shares its node's processes, memory or network, writes to its files or
reaches a socket of it rules the node. In the node's network it reaches what listens on the node
itself, and no NetworkPolicy applies to it; a host port alone only publishes a port of the Pod. A
system priority evicts other namespaces' Pods to make room. A Service with `externalIPs` takes
traffic for these addresses on every node (CVE-2020-8554). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.backup.modify.pod_specs import pod_specs
from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.cluster.interface import Object
from resilience.kube.objects import mapping

_POWERS = frozenset(
    {
        "ALL",
        "BPF",
        "DAC_READ_SEARCH",
        "MAC_ADMIN",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_TIME",
    }
)
"""Capabilities that reach the node itself; runtimes read them in any case, with or without CAP_."""

_SOCKETS = ("/run", "/var/run")
"""Where sockets of a node are: a read-only mount does not keep anyone from using them."""


def rules_nodes(body: Object) -> bool:
    """Whether it does any of that."""
    if not is_built_in(body):
        return False
    spec = body.get("spec")
    if identity(body) == "Service":
        return bool(mapping(spec).get("externalIPs"))
    return any(
        any(each.get(key) for key in ("hostPID", "hostIPC", "hostNetwork"))
        or str(each.get("priorityClassName")).startswith("system-")
        or _is_privileged(each)
        or _reaches_files(each)
        for _, each in pod_specs(spec)
    )


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainers", "containers"):
        yield from _mappings(spec.get(key))


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Those in a list; a snapshot may hold any type in any place."""
    yield from (each for each in _listed(value) if isinstance(each, Mapping))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_privileged(spec: Mapping[str, Any]) -> bool:
    contexts = [mapping(each.get("securityContext")) for each in (spec, *_containers(spec))]
    added = {
        str(name).upper().removeprefix("CAP_")
        for each in contexts
        for name in _listed(mapping(each.get("capabilities")).get("add"))
    }
    return bool(added & _POWERS) or any(
        each.get("privileged") or mapping(each.get("windowsOptions")).get("hostProcess")
        for each in contexts
    )


def _reaches_files(spec: Mapping[str, Any]) -> bool:
    host = {
        str(each.get("name")): mapping(each["hostPath"])
        for each in _mappings(spec.get("volumes"))
        if each.get("hostPath")
    }
    mounts = (mount for each in _containers(spec) for mount in _mappings(each.get("volumeMounts")))
    return any(
        not mount.get("readOnly") or _has_sockets(host[str(mount.get("name"))])
        for mount in mounts
        if str(mount.get("name")) in host
    )


def _has_sockets(source: Mapping[str, Any]) -> bool:
    path = f"/{str(source.get('path') or '').strip('/')}".rstrip("/") + "/"
    near = any(path.startswith(f"{each}/") or f"{each}/".startswith(path) for each in _SOCKETS)
    return near or source.get("type") == "Socket"
