"""Calls to webhooks: over TLS, to a Service's ready endpoint or to a URL, with a timeout.

The caller is the API server's loop, which keeps serving meanwhile: a webhook may itself call the
API server before it answers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.sandbox.host.ports import needed_shift, published
from resilience.sandbox.kube.api import Obj

if TYPE_CHECKING:
    import aiohttp

    from resilience.sandbox.apiserver.registry.registry import Registry


class HookUnreachable(Exception):
    """The webhook gave no usable answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a webhook: its URL, its name in the certificate, and its title."""

    url: str
    server_name: str | None
    title: str


class Caller:
    """One client session, created on first use."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._session: aiohttp.ClientSession | None = None
        self._shift = needed_shift()

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, config: Mapping[str, Any], question: Obj, timeout: float) -> Any:
        """The JSON answer of a `clientConfig`; HookUnreachable."""
        import aiohttp

        place = self._place(config, timeout)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(timeout):
                async with self.session().post(
                    place.url,
                    data=json.dumps(question).encode(),
                    headers=headers,
                    ssl=trust(config),
                    server_hostname=place.server_name,
                ) as response:
                    body = await response.read()
        except TimeoutError as error:
            raise HookUnreachable(f'Post "{place.title}": context deadline exceeded') from error
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise HookUnreachable(f'Post "{place.title}": {_said(error)}') from error
        if response.status >= 300:
            text = body.decode(errors="replace").strip()
            raise HookUnreachable(f"an error on the server ({json.dumps(text)})")
        try:
            return json.loads(body)
        except ValueError as error:
            raise HookUnreachable(f"the answer is not JSON: {error}") from error

    def _place(self, config: Mapping[str, Any], timeout: float) -> Place:
        query = f"?timeout={timeout:g}s"
        if config.get("url"):
            return Place(config["url"] + query, None, config["url"] + query)
        service = config.get("service") or {}
        namespace, name = service.get("namespace", ""), service.get("name", "")
        port, path = int(service.get("port") or 443), service.get("path") or "/"
        host = f"{name}.{namespace}.svc"
        title = f"https://{host}:{port}{path}{query}"
        address, number = self.endpoint(namespace, name, port, title)
        return Place(f"https://{address}:{number}{path}{query}", host, title)

    def endpoint(self, namespace: str, name: str, port: int, title: str) -> tuple[str, int]:
        """Address and port of a ready endpoint; HookUnreachable."""
        registry = self._registry
        service = registry.find(registry.resource("services"), namespace, name)
        if service is None:
            raise HookUnreachable(f'Post "{title}": service "{name}" not found')
        declared = [p for p in service["spec"].get("ports") or () if p["port"] == port]
        wanted = declared[0].get("name", "") if declared else None
        found = [
            (endpoint["addresses"][0], offered["port"])
            for piece in registry.list(registry.resource("endpointslices", "discovery.k8s.io"),
                                       namespace)
            if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
            for offered in piece.get("ports") or ()
            if (offered.get("name") or "") == wanted
            for endpoint in piece.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
        ]  # fmt: skip
        if not found:
            why = f'no endpoints available for service "{name}"'
            raise HookUnreachable(f'Post "{title}": {why}')
        address, number = random.choice(found)
        return address, published(int(number), self._shift)

    def session(self) -> aiohttp.ClientSession:
        """The session, made now if there is none."""
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session


def _said(error: Exception) -> str:
    """The words of Go's HTTP client for the usual errors."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = error.certificate_error
        if "hostname mismatch" in str(why).lower() or "ip address mismatch" in str(why).lower():
            return f"tls: failed to verify certificate: x509: {getattr(why, 'verify_message', why)}"
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {error.host}: no such host"
    connector = aiohttp.ClientConnectorError
    if isinstance(error, connector) and isinstance(error.os_error, ConnectionRefusedError):
        return f"dial tcp {error.host}:{error.port}: connect: connection refused"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    return str(error)


def trust(config: Mapping[str, Any]) -> ssl.SSLContext:
    """The authority that must have signed a webhook's certificate."""
    bundle = config.get("caBundle")
    if not bundle:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    except (ssl.SSLError, ValueError) as error:
        raise HookUnreachable(f"unable to load root certificates: {error}") from error
