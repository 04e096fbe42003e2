"""Gives a Pod its address by rewriting its program's socket calls.

`bind` to a wildcard means the Pod's address, `bind` to 127.0.0.1 the Pod's own loopback twin (which
no other Pod reaches), and a connection to an address of the cluster comes from the Pod's address.
It works on Python's `socket.socket`, so it applies to cooperative Python programs and to nothing
that they `exec`.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from resilience.sandbox.host.ports import published
from resilience.sandbox.inside import asking, volume_paths
from resilience.sandbox.inside.launch import Network
from resilience.sandbox.inside.pod_names import Resolver

WILDCARD = ("", "0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "::1")
IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h: choose the source port at connect, when the whole four-tuple is known."""
IPV4_MAPPED = "::ffff:"
BROADCAST = "<broadcast>"

_bind = socket.socket.bind
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_sendto = socket.socket.sendto
_setsockopt = socket.socket.setsockopt


class Rewriter:
    """Maps the Pod's addresses to the host's."""

    def __init__(self, network: Network, resolver: Resolver) -> None:
        self._network = network
        self._resolver = resolver

    def local(self, address: tuple[Any, ...]) -> tuple[str, int]:
        """The real destination of a `bind` to `address`."""
        host, port = self._plain(address[0]), published(address[1], self._network.shift)
        if host in WILDCARD:
            return self._network.address, port
        if host in LOOPBACK:
            return self._network.loopback, port
        return host, port

    def remote(self, kind: int, address: tuple[Any, ...]) -> tuple[str, int]:
        """The real destination of a connection to `address`."""
        host, port = self._plain(address[0]), address[1]
        if host in LOOPBACK or host in WILDCARD:
            port = published(port, self._network.shift)
            return self._own(kind, port), port
        if self.inside(host):
            port = published(port, self._network.shift)
        return host, port

    def permitted(self, kind: int, target: tuple[str, int], port: int) -> tuple[str, int]:
        """`target`, or the black hole if a NetworkPolicy forbids the connection."""
        if not self.inside(target[0]) or target[0] == self._network.address:
            return target
        protocol = "TCP" if kind & 0xF == socket.SOCK_STREAM else "UDP"
        hole = asking.blackhole_for(self._network, target[0], port, protocol)
        return target if hole is None else (hole[0], hole[1])

    def source(self, target: str) -> str | None:
        """The source address of a connection to `target`; None leaves it to the kernel."""
        if target == self._network.loopback:
            return target
        return self._network.address if target.startswith("127.") else None

    def inside(self, host: str) -> bool:
        """Whether `host` is an address of this sandbox."""
        return host.split(".")[:2] == self._network.address.split(".")[:2]

    def _plain(self, host: str) -> str:
        host = host.removeprefix(IPV4_MAPPED)
        return host if host in WILDCARD else self._resolver.resolve(host)

    def _own(self, kind: int, port: int) -> str:
        """Which of the Pod's two addresses has a listener on `port`: the loopback twin first.

        A datagram to a port that neither has answers a client on the host's own 127.0.0.1, and goes
        there.
        """
        if _is_bound(kind, self._network.loopback, port):
            return self._network.loopback
        datagram = kind & 0xF == socket.SOCK_DGRAM
        if datagram and not _is_bound(kind, self._network.address, port):
            return "127.0.0.1"
        return self._network.address


def _is_bound(kind: int, address: str, port: int) -> bool:
    """Whether there is a listener: binding the port would fail.

    SO_REUSEADDR keeps closing connections from looking like one.
    """
    with socket.socket(socket.AF_INET, kind & 0xF) as test:
        if kind & 0xF == socket.SOCK_STREAM:
            test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _bind(test, (address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _is_internet(sock: socket.socket, address: Any) -> bool:
    families = (socket.AF_INET, socket.AF_INET6)
    return sock.family in families and isinstance(address, tuple) and address[0] != BROADCAST


def _local_address(sock: socket.socket, address: Any) -> Any:
    """A Unix socket's path is translated like the container's files; other families are left
    alone."""
    is_path = sock.family == socket.AF_UNIX
    return volume_paths.installed.socket_address(address) if is_path else address


def _for_family(sock: socket.socket, address: tuple[str, int]) -> tuple[Any, ...]:
    """An IPv4 address as a socket of either family takes it."""
    if sock.family == socket.AF_INET or ":" in address[0]:
        return address
    _setsockopt(sock, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return IPV4_MAPPED + address[0], address[1], 0, 0


def _bind_source(sock: socket.socket, source: str | None) -> None:
    """Bind an unbound socket to `source`, leaving the port to the kernel."""
    if source is None or sock.getsockname()[1] != 0:
        return
    if sock.getsockname()[0] not in WILDCARD:
        return
    _setsockopt(sock, socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    _bind(sock, _for_family(sock, (source, 0)))


def install(network: Network, resolver: Resolver) -> None:
    """Rewrite what this process binds, connects and sends from now on."""
    rewriter = Rewriter(network, resolver)

    def target(sock: socket.socket, address: Any) -> Any:
        if not _is_internet(sock, address):
            return _local_address(sock, address)
        found = rewriter.remote(sock.type, address)
        _bind_source(sock, rewriter.source(found[0]))
        return _for_family(sock, rewriter.permitted(sock.type, found, address[1]))

    def bind(self: socket.socket, address: Any) -> None:
        if _is_internet(self, address):
            address = _for_family(self, rewriter.local(address))
        else:
            address = _local_address(self, address)
        _bind(self, address)

    def connect(self: socket.socket, address: Any) -> None:
        _connect(self, target(self, address))

    def connect_ex(self: socket.socket, address: Any) -> int:
        return _connect_ex(self, target(self, address))

    def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        *flags, address = rest
        if flags:
            return _sendto(self, data, flags[0], target(self, address))
        return _sendto(self, data, target(self, address))

    for name, function in {
        "bind": bind,
        "connect": connect,
        "connect_ex": connect_ex,
        "sendto": sendto,
    }.items():
        setattr(socket.socket, name, function)
    socket.has_dualstack_ipv6 = lambda: False
