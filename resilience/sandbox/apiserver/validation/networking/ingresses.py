"""The rules of Ingresses (pkg/apis/networking/validation, ValidateIngressSpec)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from resilience.sandbox.apiserver.validation import container_rules, metadata_names
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_ENDS = ("/..", "/.")
_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def check(obj: Obj, old: Obj | None) -> list[Cause]:
    """Everything that is wrong; an update of what was wrong before stays possible."""
    causes = [*_spec(obj.get("spec") or {})]
    known = [*_spec(old.get("spec") or {})] if old is not None else []
    return [cause for cause in causes if cause not in known]


def _spec(spec: Obj) -> Iterator[Cause]:
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        why = "either `defaultBackend` or `rules` must be specified"
        yield refusals.value_invalid("spec", rules, why)
    if backend is not None:
        yield from _backend(backend, "spec.defaultBackend")
    for at, rule in enumerate(rules):
        where = f"spec.rules[{at}]"
        yield from _host(rule.get("host") or "", f"{where}.host")
        if rule.get("http") is not None:
            yield from _paths(rule["http"].get("paths") or [], f"{where}.http.paths")


def _host(host: str, where: str) -> Iterator[Cause]:
    if not host:
        return
    try:
        ipaddress.ip_address(host)
        yield refusals.value_invalid(where, host, "must be a DNS name, not an IP address")
    except ValueError:
        pass  # As it should be.
    inner = host.removeprefix("*.")
    if "*" in inner:
        why = (
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain"
        )
        yield refusals.value_invalid(where, host, why)
        return
    for why in metadata_names.is_subdomain(inner):
        yield refusals.value_invalid(where, host, why)


def _paths(paths: list[Obj], where: str) -> Iterator[Cause]:
    if not paths:
        yield refusals.value_required(where)
    for at, entry in enumerate(paths):
        inner = f"{where}[{at}]"
        if not entry.get("pathType"):
            yield refusals.value_required(f"{inner}.pathType", "pathType must be specified")
            continue
        yield from _path(entry, inner)
        yield from _backend(entry.get("backend") or {}, f"{inner}.backend")


def _path(entry: Obj, where: str) -> Iterator[Cause]:
    path, kind = entry.get("path") or "", entry["pathType"]
    if kind not in _TYPES:
        yield refusals.value_unsupported(f"{where}.pathType", kind, _TYPES)
        return
    own = kind == "ImplementationSpecific"
    if not path.startswith("/") and (path or not own):
        yield refusals.value_invalid(f"{where}.path", path, "must be an absolute path")
    if own:
        return
    for text in _SEQUENCES:
        if text in path:
            yield refusals.value_invalid(f"{where}.path", path, f"must not contain '{text}'")
    for text in _ENDS:
        if path.endswith(text):
            yield refusals.value_invalid(f"{where}.path", path, f"cannot end with '{text}'")


def _backend(backend: Obj, where: str) -> Iterator[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        why = "cannot set both resource and service backends"
        yield refusals.value_invalid(where, "", why)
    elif service is not None:
        yield from _service(service, where)
    elif resource is None:
        yield refusals.value_invalid(where, "", "resource or service backend is required")


def _service(service: Obj, where: str) -> Iterator[Cause]:
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        yield refusals.value_required(f"{where}.service.name")
    else:
        for why in metadata_names.is_label_1035(name):
            yield refusals.value_invalid(f"{where}.service.name", name, why)
    word, number = port.get("name") or "", port.get("number") or 0
    if word and number:
        yield refusals.value_invalid(where, "", "cannot set both port name & port number")
    elif not word and not number:
        yield refusals.value_required(where, "port name or number is required")
    elif number and not 0 < number < 65536:
        why = "must be between 1 and 65535, inclusive"
        yield refusals.value_invalid(f"{where}.service.port.number", number, why)
    elif word:
        for why in container_rules.port_name(word):
            yield refusals.value_invalid(f"{where}.service.port.name", word, why)
