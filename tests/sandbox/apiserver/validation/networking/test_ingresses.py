"""Which Ingresses the API server refuses."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.validation.networking import ingresses

SERVICE: dict[str, Any] = {"service": {"name": "web", "port": {"number": 80}}}
PATHS = "spec.rules[0].http.paths"
BACKEND = f"{PATHS}[0].backend"


def found(spec: dict[str, Any], old: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    before = None if old is None else {"spec": old}
    return [(each.field, each.message) for each in ingresses.check({"spec": spec}, before)]


def rule(path: str | None = "/", kind: str = "Prefix", host: str = "", **backend: Any) -> Any:
    entry = {"pathType": kind, "backend": backend or SERVICE} | ({"path": path} if path else {})
    return {"rules": [{"host": host, "http": {"paths": [entry]}}]}


def port(**port: Any) -> Any:
    return rule(service={"name": "web", "port": port})


@pytest.mark.parametrize(
    "spec",
    [
        {"defaultBackend": SERVICE},
        {"defaultBackend": {"resource": {"kind": "Bucket", "name": "b"}}},
        {"rules": [{"host": "a.b"}]},
        rule(host="*.a.b"),
        rule("/a/b", "Exact"),
        rule(None, "ImplementationSpecific"),
        rule("/a//b", "ImplementationSpecific"),
        port(name="http"),
        port(number=65535),
    ],
)
def test_a_usual_one_is_accepted(spec: dict[str, Any]) -> None:
    assert found(spec) == []


@pytest.mark.parametrize(
    ("spec", "field", "why"),
    [
        ({}, "spec", "either `defaultBackend` or `rules` must be specified"),
        ({"defaultBackend": {}}, "spec.defaultBackend", "resource or service backend is required"),
        (rule(host="10.0.0.1"), "spec.rules[0].host", "not an IP address"),
        (rule(host="a_b"), "spec.rules[0].host", "RFC 1123 subdomain"),
        (rule(host="a.*.b"), "spec.rules[0].host", "must start with '*.'"),
        (rule(host="*.a_b"), "spec.rules[0].host", "RFC 1123 subdomain"),
        ({"rules": [{"http": {"paths": []}}]}, PATHS, "Required value"),
        (rule("a"), f"{PATHS}[0].path", "must be an absolute path"),
        (rule(None), f"{PATHS}[0].path", "must be an absolute path"),
        (rule("a", "ImplementationSpecific"), f"{PATHS}[0].path", "must be an absolute path"),
        (rule("/a//b"), f"{PATHS}[0].path", "must not contain '//'"),
        (rule("/a%2Fb"), f"{PATHS}[0].path", "must not contain '%2F'"),
        (rule("/a/.."), f"{PATHS}[0].path", "cannot end with '/..'"),
        (rule("/", ""), f"{PATHS}[0].pathType", "pathType must be specified"),
        (rule("/", "Regex"), f"{PATHS}[0].pathType", "Unsupported value"),
        (rule(**SERVICE, resource={}), BACKEND, "cannot set both resource and service backends"),
        (rule(service={"port": {"number": 1}}), f"{BACKEND}.service.name", "Required value"),
        (
            rule(service={"name": "1web", "port": {"number": 1}}),
            f"{BACKEND}.service.name", "DNS-1035",
        ),
        (port(name="http", number=80), BACKEND, "cannot set both port name & port number"),
        (port(), BACKEND, "port name or number is required"),
        (port(number=65536), f"{BACKEND}.service.port.number", "between 1 and 65535"),
        (port(name="-a"), f"{BACKEND}.service.port.name", "must not begin or end with a hyphen"),
    ],
)  # fmt: skip
def test_what_routes_nothing_is_refused(spec: dict[str, Any], field: str, why: str) -> None:
    [(where, message)] = found(spec)
    assert (where, why in message) == (field, True), message


def test_what_was_wrong_before_may_stay() -> None:
    assert found(rule("a"), rule("a")) == []
    assert len(found(rule("b"), rule("a"))) == 1
