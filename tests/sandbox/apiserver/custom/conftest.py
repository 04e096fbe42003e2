"""A conversion webhook on loopback, and definitions that name it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.sandbox.host import pki
from resilience.sandbox.images.agnhost import hooks
from tests.sandbox.apiserver.wire import Wire

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Obj = dict[str, Any]


class Webhook:
    """What the webhook was asked, and the `act` with which it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.authority = ""
        self.asked: list[Obj] = []
        self.act: Callable[[Obj], Obj] = hooks._conversion

    def __call__(self, review: Obj) -> Obj:
        self.asked.append(review["request"])
        return self.act(review)

    @property
    def conversion(self) -> Obj:
        """The `spec.conversion` that names it."""
        config = {"url": self.url, "caBundle": self.authority}
        return {
            "strategy": "Webhook",
            "webhook": {"clientConfig": config, "conversionReviewVersions": ["v1", "v1beta1"]},
        }


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    authority, certificate, key = (tmp_path / name for name in ("ca.crt", "tls.crt", "tls.key"))
    pki.write(authority, certificate, key, ["127.0.0.1"])
    flags = {"tls-cert-file": certificate, "tls-private-key-file": key}
    found = Webhook()
    server = hooks.server(("127.0.0.1", 0), flags, {"/crdconvert": found})
    found.url = f"https://127.0.0.1:{server.server_address[1]}/crdconvert"
    found.authority = base64.b64encode(authority.read_bytes()).decode()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def version(name: str, *fields: str, storage: bool = False, **more: Any) -> Obj:
    """One version with text fields at its root."""
    properties = {field: {"type": "string"} for field in fields}
    schema = {"type": "object", "properties": properties}
    return {"name": name, "served": True, "storage": storage,
            "schema": {"openAPIV3Schema": schema}, **more}  # fmt: skip


V1 = version("v1", "hostPort", storage=True, selectableFields=[{"jsonPath": ".hostPort"}])
V2 = version("v2", "host", "port", selectableFields=[{"jsonPath": ".host"}, {"jsonPath": ".port"}])


class Places:
    """The custom kind Place of stable.example.com, which agnhost's webhook knows."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.path = f"{CRDS}/places.stable.example.com"

    def define(self, *versions: Obj, conversion: Obj | None = None) -> None:
        names = {"plural": "places", "kind": "Place", "singular": "place"}
        spec: Obj = {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": list(versions),
        }
        if conversion is not None:
            spec["conversion"] = conversion
        body = {"metadata": {"name": "places.stable.example.com"}, "spec": spec}
        made = self.wire("POST", CRDS, body)
        assert made.status == 201, made.message

    def change(self, *versions: Obj, conversion: Obj | None = None) -> None:
        """Other versions, or another way to convert."""
        change: Obj = {"versions": list(versions)} if versions else {}
        if conversion is not None:
            change["conversion"] = conversion
        changed = self.wire.patch(self.path, {"spec": change})
        assert changed.status == 200, changed.message

    def at(self, version: str, name: str = "", query: str = "") -> str:
        """The path of the collection, or of one object, in a version."""
        path = f"/apis/stable.example.com/{version}/namespaces/NS/places"
        return path + (f"/{name}" if name else "") + query

    def make(self, version: str, name: str, **fields: str) -> Obj:
        body = {"apiVersion": f"stable.example.com/{version}", "kind": "Place",
                "metadata": {"name": name}, **fields}  # fmt: skip
        made = self.wire("POST", self.at(version), body)
        assert made.status == 201, made.message
        found: Obj = made.json
        return found

    def get(self, version: str, name: str) -> Obj:
        found = self.wire("GET", self.at(version, name))
        assert found.status == 200, found.message
        obj: Obj = found.json
        return obj


@pytest.fixture
def places(wire: Wire) -> Iterator[Places]:
    found = Places(wire)
    yield found
    wire.patch(found.path, {"spec": {"conversion": {"strategy": "None", "webhook": None}}})
    wire("DELETE", found.path)


@pytest.fixture
def converted(places: Places, webhook: Webhook) -> Places:
    """Places in v1, which is stored, and v2, with a webhook between them."""
    places.define(V1, V2, conversion=webhook.conversion)
    return places
