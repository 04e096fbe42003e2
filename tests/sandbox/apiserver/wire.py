"""Raw HTTP over the server's unix socket: what a client sees, with nothing in between."""

from __future__ import annotations

import http.client
import json
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.sandbox.apiserver.live import ADMIN, Live


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def message(self) -> str:
        return str(self.json.get("message", ""))


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Wire:
    """One connection. `namespace` is this test's own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection = _Unix(path)
        self.namespace = ""

    @classmethod
    @contextmanager
    def to(cls, live: Live) -> Iterator[Wire]:
        wire = cls(str(live.config.api_socket))
        try:
            yield wire
        finally:
            wire._connection.close()

    def own_namespace(self, name: str) -> None:
        """Make a namespace from a test's name, with the ServiceAccount that Pods need."""
        short = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
        self.namespace = f"{short}-{zlib.crc32(name.encode()) % 10000}"
        self("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media: str = "application/json",
        token: str = ADMIN,
        **headers: str,
    ) -> Answer:
        """One request; `NS` in the path is this test's namespace."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Content-Type": media,
            **{key.replace("_", "-"): text for key, text in headers.items()},
        }
        if token:
            sent["Authorization"] = f"Bearer {token}"
        self._connection.request(method, self._path_of(path), data, sent)
        response = self._connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())

    def _path_of(self, path: str) -> str:
        """The word only: a continue token may hold these letters."""
        return re.sub(r"\bNS\b", self.namespace, path)

    def patch(self, path: str, body: Any, kind: str = "merge-patch", **headers: str) -> Answer:
        return self("PATCH", path, body, media=f"application/{kind}+json", **headers)

    @contextmanager
    def watch(self, path: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
        """A watch on a connection of its own; events as they come."""
        connection = _Unix(self._path)
        connection.request(
            "GET",
            self._path_of(path),
            None,
            {"Authorization": f"Bearer {ADMIN}", **headers},
        )
        response = connection.getresponse()
        try:
            yield (json.loads(line) for line in response)
        finally:
            connection.close()


def pod(name: str, **spec: Any) -> dict[str, Any]:
    """A small valid Pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.9"}], **spec},
    }


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    """A small valid Deployment of no Pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.9"}]},
            },
            **spec,
        },
    }


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
