"""Names inside a Pod: its own host name, `localhost`, Services and Pods by cluster DNS.

Queries go over a Unix socket to the data plane, which knows every Service; unknown names go to the
host's resolver, as a cluster's DNS forwards them. Only IPv4 answers are returned: the cluster has
no IPv6.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import socket
from typing import Any

from resilience.sandbox.inside.asking import ask
from resilience.sandbox.inside.launch import Network

CLUSTER_DOMAIN = "cluster.local"

_real_getaddrinfo = socket.getaddrinfo


class Resolver:
    """Answers like /etc/hosts and the cluster's DNS of one Pod."""

    def __init__(self, network: Network, hostname: str, hosts: str = "") -> None:
        self._network = network
        self._hostname = hostname
        self._hosts = _read_hosts(hosts)

    def lookup(self, name: str) -> list[str] | None:
        """IPv4 addresses of `name`, or None when neither the Pod nor the cluster knows it."""
        name = name.rstrip(".").lower()
        if name in ("localhost", "localhost.localdomain"):
            return ["127.0.0.1"]
        if name == self._hostname:
            return [self._network.address]
        return self._hosts.get(name) or self._ask(name)

    def records(self, kind: str, name: str, *, search: bool) -> list[tuple[str, str, str]] | None:
        """Owner, type and data of each record of cluster DNS; None if it cannot be reached."""
        how = "search" if search else "exact"
        network = self._network
        try:
            found = ask(network, "records", kind, name, network.namespace, self._address, how)
        except OSError:
            return None
        return None if found is False else [tuple(record) for record in found or ()]

    def _ask(self, name: str) -> list[str] | None:
        try:
            found: Any = ask(self._network, "name", name, self._network.namespace, self._address)
        except OSError:
            found = False
        if found is False:  # unreachable, or a NetworkPolicy drops the query
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if isinstance(found, str):  # an ExternalName: a name outside the cluster
            info = _real_getaddrinfo(found, None, socket.AF_INET, socket.SOCK_STREAM)
            return [str(entry[4][0]) for entry in info]
        addresses: list[str] | None = found
        return addresses

    @property
    def _address(self) -> str:
        return self._network.address

    def resolve(self, host: str) -> str:
        """One IPv4 address of `host`, a name or an address; gaierror when there is none."""
        if is_address(host):
            return host
        info = getaddrinfo(self, host, None, socket.AF_INET, socket.SOCK_STREAM)
        return str(info[0][4][0])


installed: Resolver | None = None
"""The resolver of this process, once it is in a Pod."""


def _read_hosts(text: str) -> dict[str, list[str]]:
    """IPv4 addresses by name, as in a hosts file; the first line of a name counts."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_address(address) and ":" not in address:
            for name in names:
                found.setdefault(name.lower(), [address])
    return found


def is_address(host: str) -> bool:
    """Whether `host` is an IP address and not a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def getaddrinfo(
    resolver: Resolver,
    host: str | bytes | None,
    port: str | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    """`socket.getaddrinfo` with the answers of the Pod."""
    name = host.decode() if isinstance(host, bytes) else host
    if not name or is_address(name):
        return _real_getaddrinfo(name or None, port, family or socket.AF_INET, type, proto, flags)
    found = resolver.lookup(name)
    if found is None:
        if name.rstrip(".").endswith(CLUSTER_DOMAIN):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return _real_getaddrinfo(name, port, family or socket.AF_INET, type, proto, flags)
    answers: list[Any] = []
    for address in found:
        answers += _real_getaddrinfo(address, port, socket.AF_INET, type, proto, flags)
    if not answers:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return answers


def install(resolver: Resolver, hostname: str) -> None:
    """Make every name lookup of Python use `resolver`."""
    global installed
    installed = resolver

    def by_name(host: str) -> str:
        return resolver.resolve(host or "0.0.0.0")

    def by_name_ex(host: str) -> tuple[str, list[str], list[str]]:
        info = getaddrinfo(resolver, host, None, socket.AF_INET, socket.SOCK_STREAM)
        return host, [], [answer[4][0] for answer in info]

    def by_address(address: str) -> tuple[str, list[str], list[str]]:
        # Reverse records are not served; querying the host's DNS for 127.x could take seconds.
        if address in ("", "0.0.0.0", resolver.resolve(hostname)):
            return hostname, [], [address]
        raise socket.herror(1, "Unknown host")

    def asked(*arguments: Any, **named: Any) -> list[Any]:
        return getaddrinfo(resolver, *arguments, **named)

    socket.getaddrinfo = asked
    socket.gethostbyname = by_name
    socket.gethostbyname_ex = by_name_ex
    socket.gethostbyaddr = by_address
    socket.gethostname = lambda: hostname
    _install_uname(hostname)


def _install_uname(hostname: str) -> None:
    real = os.uname()
    named = os.uname_result((real.sysname, hostname, real.release, real.version, real.machine))
    os.uname = lambda: named
    platform.node = lambda: hostname
