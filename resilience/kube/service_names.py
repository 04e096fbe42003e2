"""Names under which Services and Pods are known inside of a cluster, and the namespace in each.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/. Pure.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator


def namespace_in(host: str) -> str:
    """The namespace in `NAME.NAMESPACE.svc`, `POD.NAME.NAMESPACE.svc.cluster.local` and the like;
    "" for any other host. For names that only a search list completes (`NAME.NAMESPACE`), see
    `searched_namespace`; for clusters whose domain has another name, `possible_services`."""
    labels = host.lower().rstrip(".").split(".")
    for at in range(2, len(labels)):
        if labels[at] in ("svc", "pod") and labels[at + 1 :][-1:] in ([], ["local"]):
            return labels[at - 1]
    return ""


def searched_namespace(host: str) -> str:
    """The namespace if a search list completes the name: `bank` of `db.bank` and of `db-0.db.bank`.

    It is a namespace only where one of that name exists: `example.com` has the same form. "" for
    one label, for absolute names (`example.com.`) and for addresses.
    """
    if host.endswith(".") or address(host) or namespace_in(host):
        return ""
    first, _, rest = host.lower().rpartition(".")
    return rest if first else ""


def possible_services(host: str) -> Iterator[tuple[str, str]]:
    """(Service, namespace) that a name may stand for, in a cluster with any domain; a namespace of
    that name has to exist. Of `a-b-c-d.NAMESPACE.pod` the first is no Service."""
    labels = host.lower().rstrip(".").split(".")
    for at in range(2, len(labels)):
        if labels[at] in ("svc", "pod"):
            yield labels[at - 2], labels[at - 1]
    if searched_namespace(host):
        yield labels[-2], labels[-1]


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address if a resolver takes the host for one: with or without brackets and zone, mapped
    into IPv6, or in one of the older forms (`10.1`, `0x0a000001`).
    """
    bare = host.strip("[]").partition("%")[0]
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return _by_inet_aton(bare)
    return getattr(found, "ipv4_mapped", None) or found


def _by_inet_aton(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
