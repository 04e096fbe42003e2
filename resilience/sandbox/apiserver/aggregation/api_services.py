"""APIServices that refer to a Service: discovery, availability, and forwarded requests.

Source: k8s.io/kube-aggregator. A request is forwarded over TLS with the user's name in headers; if
its server is missing the answer is 503, and the group stays in discovery, which is how clients
notice. Groups of this server itself have no APIService here.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import web

from resilience.sandbox.apiserver.webhooks.hook_calls import Caller, HookUnreachable, trust
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError, Change, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

GROUP = "apiregistration.k8s.io"
TIMEOUT = 30.0
DISCOVERY_TIMEOUT = 5.0
_KEPT = ("Accept", "Content-Type", "User-Agent")


class ApiServices:
    """Follows the APIServices of one registry."""

    def __init__(self, registry: Registry, caller: Caller) -> None:
        self._registry = registry
        self._caller = caller
        self._resource = registry.resource("apiservices", GROUP)
        self._known: dict[tuple[str, str], Obj] = {}
        registry.subscribe(self._resource, self._changed)
        for plural, group in (("services", ""), ("endpointslices", "discovery.k8s.io")):
            registry.subscribe(registry.resource(plural, group), lambda change: self._judge_all())

    def groups(self) -> dict[str, list[str]]:
        """Versions by group, for discovery."""
        found: dict[str, list[str]] = {}
        for group, version in sorted(self._known):
            found.setdefault(group, []).append(version)
        return found

    def claims(self, group: str, version: str) -> bool:
        """Whether another server serves this group and version."""
        return (group, version) in self._known

    async def connect(self, request: web.BaseRequest, group: str, version: str,
                      user: Identity) -> web.Response:  # fmt: skip
        """Forward a request; ApiError 503."""
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        headers |= {"X-Remote-User": user.user, "X-Remote-Group": ",".join(user.groups)}
        status, media, body = await self._ask(
            group, version, request.method, request.raw_path, headers, await request.read(), TIMEOUT
        )
        return web.Response(body=body, status=status, headers={"Content-Type": media})

    async def resources(self, group: str, version: str) -> list[Obj] | None:
        """The resources that a server reports, in the form of aggregated discovery; None: no
        answer."""
        import json

        path = f"/apis/{group}/{version}"
        try:
            _, _, body = await self._ask(group, version, "GET", path, {}, b"", DISCOVERY_TIMEOUT)
            entries = json.loads(body)["resources"]
            return [_aggregated(entry, group, version) for entry in entries
                    if "/" not in entry["name"]]  # fmt: skip
        except (ApiError, ValueError, KeyError, TypeError):
            return None

    async def _ask(
        self,
        group: str,
        version: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        timeout: float,
    ) -> tuple[int, str, bytes]:
        import aiohttp
        from yarl import URL

        spec = self._known[group, version]["spec"]
        service = spec["service"]
        try:
            address, port = self._caller.endpoint(
                service["namespace"], service["name"], int(service.get("port") or 443), path
            )
            context = _any() if spec.get("insecureSkipTLSVerify") else trust(spec)
            async with asyncio.timeout(timeout):
                async with self._caller.session().request(
                    method,
                    URL(f"https://{address}:{port}{path}", encoded=True),
                    headers=headers,
                    data=body or None,
                    ssl=context,
                    server_hostname=f"{service['name']}.{service['namespace']}.svc",
                ) as answer:
                    media = answer.headers.get("Content-Type", "application/json")
                    return answer.status, media, await answer.read()
        except (HookUnreachable, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiError(503, "ServiceUnavailable", "service unavailable") from error

    # -- availability ----------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        spec = change.obj.get("spec") or {}
        key = (spec.get("group") or "", spec.get("version") or "")
        self._known.pop(key, None)
        if change.type != "DELETED" and spec.get("service"):
            self._known[key] = change.obj
            self._judge(change.obj)

    def _judge_all(self) -> None:
        for obj in list(self._known.values()):
            self._judge(obj)

    def _judge(self, obj: Obj) -> None:
        """Write the condition Available if it has changed."""
        status, reason, message = self._availability(obj["spec"]["service"])
        before: Obj = next(
            (entry for entry in (obj.get("status") or {}).get("conditions") or ()
             if entry["type"] == "Available"), {},
        )  # fmt: skip
        if (before.get("status"), before.get("reason")) == (status, reason):
            return
        condition = {
            "type": "Available", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": stamp(self._registry.clock.now()),
        }  # fmt: skip
        fresh = self._registry.find(self._resource, "", obj["metadata"]["name"])
        if fresh is not None:
            patched = {**fresh, "status": {"conditions": [condition]}}
            self._registry.update(self._resource, patched, "status")

    def _availability(self, service: Obj) -> tuple[str, str, str]:
        namespace, name = service["namespace"], service["name"]
        about = f'service/{name} in "{namespace}"'
        if self._registry.find(self._registry.resource("services"), namespace, name) is None:
            return "False", "ServiceNotFound", f"{about} is not present"
        try:
            self._caller.endpoint(namespace, name, int(service.get("port") or 443), "")
        except HookUnreachable:
            return "False", "MissingEndpoints", f"endpoints for {about} have no addresses"
        return "True", "Passed", "all checks passed"


def _aggregated(entry: Obj, group: str, version: str) -> dict[str, Any]:
    return {
        "resource": entry["name"],
        "responseKind": {"group": group, "version": version, "kind": entry["kind"]},
        "scope": "Namespaced" if entry.get("namespaced") else "Cluster",
        "singularResource": entry.get("singularName") or "",
        "verbs": entry.get("verbs") or [],
    }


def _any() -> ssl.SSLContext:
    """A TLS context for APIServices that request no verification."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
