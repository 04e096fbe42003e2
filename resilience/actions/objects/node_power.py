"""Which objects of a manifest act on nodes, and so on what runs there for others.

A Pod that is privileged, shares its node's processes or memory, writes to its files or reaches a
socket of it rules the node. A system priority evicts other namespaces' Pods to make room. A Service
with `externalIPs` takes traffic for these addresses on every node (CVE-2020-8554). Pure.
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
        each.get("hostPID")
        or each.get("hostIPC")
        or str(each.get("priorityClassName")).startswith("system-")
        or _is_privileged(each)
        or _reaches_files(each)
        for _, each in pod_specs(spec)
    )


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainers", "containers"):
        yield from (each for each in spec.get(key) or () if isinstance(each, Mapping))


def _is_privileged(spec: Mapping[str, Any]) -> bool:
    contexts = [mapping(each.get("securityContext")) for each in (spec, *_containers(spec))]
    added = {
        str(name).upper().removeprefix("CAP_")
        for each in contexts
        for name in mapping(each.get("capabilities")).get("add") or ()
    }
    return bool(added & _POWERS) or any(
        each.get("privileged") or mapping(each.get("windowsOptions")).get("hostProcess")
        for each in contexts
    )


def _reaches_files(spec: Mapping[str, Any]) -> bool:
    host = {
        each.get("name"): mapping(each["hostPath"])
        for each in spec.get("volumes") or ()
        if isinstance(each, Mapping) and each.get("hostPath")
    }
    mounts = (mount for each in _containers(spec) for mount in each.get("volumeMounts") or ())
    return any(
        not mount.get("readOnly") or _has_sockets(host[mount.get("name")])
        for mount in mounts
        if isinstance(mount, Mapping) and mount.get("name") in host
    )


def _has_sockets(source: Mapping[str, Any]) -> bool:
    path = f"/{str(source.get('path') or '').strip('/')}".rstrip("/") + "/"
    near = any(path.startswith(f"{each}/") or f"{each}/".startswith(path) for each in _SOCKETS)
    return near or source.get("type") == "Socket"
