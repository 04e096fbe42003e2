"""Objects that Pods refer to: ConfigMaps, Secrets, claims. They are read when needed, and nothing
is cached."""

from __future__ import annotations

import asyncio
from typing import Any

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.wire.api_client import Client

RETRY = 0.5


class References:
    """Reads of one API server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, plural: str, namespace: str, name: str) -> Obj | None:
        """A core object, None when absent; other refusals are raised."""
        where = f"namespaces/{namespace}/" if namespace else ""
        try:
            return await self._request("GET", f"/api/v1/{where}{plural}/{name}")
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _request(self, method: str, path: str, body: Obj | None = None) -> Obj:
        """Retry while the API server is overloaded, failing or unreachable: a kubelet has time."""
        while True:
            try:
                return await self._client.request(method, path, body)
            except ApiError as error:
                if error.code < 429:
                    raise
            except (ConnectionError, FileNotFoundError):
                pass
            await asyncio.sleep(RETRY)

    async def token(self, pod: Obj, spec: Obj) -> str:
        """A token of the Pod's ServiceAccount, by the spec of a TokenRequest."""
        meta = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": spec,
        }
        return str((await self._request("POST", path, request))["status"]["token"])


def data_of(obj: Obj) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret as bytes."""
    import base64

    if obj.get("kind") == "Secret" or "type" in obj:
        return {key: base64.b64decode(text) for key, text in (obj.get("data") or {}).items()}
    found: dict[str, Any] = obj.get("data") or {}
    binary = {key: base64.b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}
    return {**{key: text.encode() for key, text in found.items()}, **binary}
