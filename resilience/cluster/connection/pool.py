"""The pool of connections to an API server, and how its certificate is checked."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import urllib3

from resilience.cluster.access.access import Access
from resilience.cluster.errors import Unreachable

CONNECTIONS = 32
"""Connections kept open; more may be in use at once. Each view uses one."""

_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A host that stopped answering is detected after 20 s, not after the read timeout.
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


def manager(access: Access, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    """The connections to an API server, by its kubeconfig."""
    options: dict[str, Any] = {"maxsize": CONNECTIONS, "socket_options": _KEEPALIVE}
    if tls is not None:
        options["ssl_context"] = tls
        if access.server_name:
            options["server_hostname"] = access.server_name
            options["assert_hostname"] = access.server_name if access.verify else False
        elif not access.verify:
            options["assert_hostname"] = False
    manager = (
        urllib3.ProxyManager(access.proxy, **options)
        if access.proxy
        else urllib3.PoolManager(**options)
    )
    if not access.verify:
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _Unverified}
    return manager


class _Unverified(urllib3.HTTPSConnectionPool):
    """`insecure-skip-tls-verify` is the user's own choice: like kubectl, we do not warn with each
    connection."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


def ssl_context(access: Access) -> ssl.SSLContext:
    """How its certificate is checked; `Unreachable` where the kubeconfig's own cannot be used."""
    try:
        context = ssl.create_default_context(
            cafile=access.ca_file or None if not access.ca_data else None,
            cadata=access.ca_data or None,
        )
        if access.certificate:
            context.load_cert_chain(*access.certificate)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"context {access.context!r}: its certificates cannot be used: {error}"
        ) from error
    # Clusters have private authorities, often without key identifiers; Go's client accepts them as
    # well.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
