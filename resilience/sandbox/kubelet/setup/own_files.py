"""/etc/hosts and /etc/resolv.conf of a Pod, as the kubelet writes them.

Source: managedHostsFileContent and nodeHostsFileContent in pkg/kubelet/kubelet_pods.go,
pkg/kubelet/network/dns. Names that a program looks up by its C library are answered by the
cluster's DNS regardless of resolv.conf: the file is for those that send queries of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resilience.sandbox.kube.api import Obj

_MANAGED = "# Kubernetes-managed hosts file.\n"
_OF_NODE = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)
NODE_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
"""The hosts file of a node."""
_DOMAIN = "cluster.local"
_MACHINES = "/etc/resolv.conf"


def image_root(directory: Path, image: str) -> str:
    """The directory of an image's files; empty if it has none besides its programs."""
    place = directory / "images" / image
    return str(place) if place.exists() else ""


def hosts(pod: Obj, address: str, hostname: str) -> str:
    """The hosts file of a Pod's containers."""
    spec = pod["spec"]
    aliases = _aliases(spec.get("hostAliases") or ())
    if spec.get("hostNetwork"):
        return _OF_NODE + NODE_HOSTS + aliases
    names = hostname
    if spec.get("subdomain"):
        namespace = pod["metadata"]["namespace"]
        names = f"{hostname}.{spec['subdomain']}.{namespace}.svc.{_DOMAIN}\t{hostname}"
    return f"{_MANAGED}{_LOCAL}{address}\t{names}\n{aliases}"


def _aliases(aliases: Any) -> str:
    if not aliases:
        return ""
    lines = (
        alias["ip"] + "".join(f"\t{name}" for name in alias.get("hostnames") or ()) + "\n"
        for alias in aliases
    )
    return "\n# Entries added by HostAliases.\n" + "".join(lines)


def resolv_conf(pod: Obj, server: str) -> str:
    """The resolver's configuration; `server` is the address of the cluster's DNS. Empty where it is
    the machine's own."""
    spec = pod["spec"]
    config = spec.get("dnsConfig") or {}
    policy = spec.get("dnsPolicy", "ClusterFirst")
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    if not config and policy == "Default":
        return ""
    servers, searches, options = _base(policy, pod["metadata"]["namespace"], server)
    servers += [one for one in config.get("nameservers") or () if one not in servers]
    searches += [one for one in config.get("searches") or () if one not in searches]
    options |= {one["name"]: one.get("value") for one in config.get("options") or ()}
    lines = [f"nameserver {server}" for server in servers]
    if searches:
        lines.insert(0, "search " + " ".join(searches))
    if options:
        words = (name if value is None else f"{name}:{value}" for name, value in options.items())
        lines.append("options " + " ".join(words))
    return "".join(f"{line}\n" for line in lines)


def _base(
    policy: str, namespace: str, server: str
) -> tuple[list[str], list[str], dict[str, str | None]]:
    """The settings of `dnsPolicy` before `dnsConfig` is added: servers, search list, options."""
    if policy == "None":
        return [], [], {}
    if policy == "Default":
        return *_of_machine(), {}
    own = [f"{namespace}.svc.{_DOMAIN}", f"svc.{_DOMAIN}", _DOMAIN]
    return [server], own, {"ndots": "5"}


def _of_machine() -> tuple[list[str], list[str]]:
    servers: list[str] = []
    searches: list[str] = []
    try:
        with open(_MACHINES) as file:
            lines = [line.split() for line in file]
    except OSError:
        return servers, searches
    for key, *words in filter(None, lines):
        if key == "nameserver":
            servers += words[:1]
        elif key == "search":
            searches = words
    return servers, searches
