"""The rules of a container: its image, ports, environment, mounts, probes, hooks and resources.

Source: pkg/apis/core/validation/validation.go (`validateContainers` and what it calls).
"""

from __future__ import annotations

import re
from typing import Any

from resilience.sandbox.apiserver.validation import metadata_names
from resilience.sandbox.kube import quantity, refusals
from resilience.sandbox.kube.refusals import Cause

_PORT_NAME = re.compile(r"^[a-z0-9-]+$")
_ENV = re.compile(r"^[^=\x00-\x1f\x7f]+$")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PORT_TEXT = "must be between 1 and 65535, inclusive"
_POSITIVE = "must be greater than or equal to 0"


def container(
    value: dict[str, Any], where: str, volumes: set[str], causes: list[Cause], *, init: bool
) -> None:
    """Add the causes in one container at path `where`; `volumes` are the Pod's."""
    name = value.get("name", "")
    causes += [
        refusals.value_invalid(f"{where}.name", name, why)
        for why in (metadata_names.is_label(name) if name else ())
    ]
    image = value.get("image", "")
    if not image:
        causes.append(refusals.value_required(f"{where}.image"))
    elif image != image.strip():
        causes.append(
            refusals.value_invalid(
                f"{where}.image", image, "must not have leading or trailing whitespace"
            )
        )
    _ports(value, where, causes)
    _environment(value, where, causes)
    _mounts(value, where, volumes, causes)
    _probes(value, where, causes, init=init)
    for hook in ("postStart", "preStop"):
        handler = (value.get("lifecycle") or {}).get(hook)
        if handler is not None:
            _handler(handler, f"{where}.lifecycle.{hook}", causes)
    causes += resources(value.get("resources") or {}, f"{where}.resources")


def _environment(container: dict[str, Any], where: str, causes: list[Cause]) -> None:
    for at, env in enumerate(container.get("env") or ()):
        text = env.get("name", "")
        if text and not _ENV.match(text):
            causes.append(
                refusals.value_invalid(
                    f"{where}.env[{at}].name",
                    text,
                    "a valid environment variable name must consist only of printable ASCII"
                    " characters other than '='",
                )
            )
        if env.get("value") and env.get("valueFrom"):
            causes.append(
                refusals.value_invalid(
                    f"{where}.env[{at}].valueFrom",
                    "",
                    "may not be specified when `value` is not empty",
                )
            )


def _ports(container: dict[str, Any], where: str, causes: list[Cause]) -> None:
    seen: set[str] = set()
    for at, port in enumerate(container.get("ports") or ()):
        inner = f"{where}.ports[{at}]"
        number = port.get("containerPort")
        if number is not None and not 0 < number < 65536:
            causes.append(refusals.value_invalid(f"{inner}.containerPort", number, _PORT_TEXT))
        host = port.get("hostPort")
        if host and not 0 < host < 65536:
            causes.append(refusals.value_invalid(f"{inner}.hostPort", host, _PORT_TEXT))
        name = port.get("name")
        if name:
            causes += [
                refusals.value_invalid(f"{inner}.name", name, why) for why in port_name(name)
            ]
            if name in seen:
                causes.append(refusals.value_duplicate(f"{inner}.name", name))
            seen.add(name)


def port_name(name: str) -> list[str]:
    """What is wrong with an IANA service name."""
    found = []
    if len(name) > 15:
        found.append("must be no more than 15 characters")
    if not _PORT_NAME.match(name):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any(letter.isalpha() for letter in name):
        found.append("must contain at least one letter (a-z)")
    if "--" in name:
        found.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def _mounts(container: dict[str, Any], where: str, volumes: set[str], causes: list[Cause]) -> None:
    paths: set[str] = set()
    for at, mount in enumerate(container.get("volumeMounts") or ()):
        inner = f"{where}.volumeMounts[{at}]"
        if mount.get("name") and mount["name"] not in volumes:
            causes.append(refusals.value_not_found(f"{inner}.name", mount["name"]))
        path = mount.get("mountPath", "")
        if path and path in paths:
            causes.append(refusals.value_invalid(f"{inner}.mountPath", path, "must be unique"))
        paths.add(path)
        for field in ("subPath", "subPathExpr"):
            text = mount.get(field) or ""
            if text.startswith("/"):
                causes.append(
                    refusals.value_invalid(f"{inner}.{field}", text, "must be a relative path")
                )
            if ".." in text.split("/"):
                causes.append(
                    refusals.value_invalid(f"{inner}.{field}", text, "must not contain '..'")
                )


def _probes(container: dict[str, Any], where: str, causes: list[Cause], *, init: bool) -> None:
    sidecar = container.get("restartPolicy") == "Always"
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind) is None:
            continue
        if init and not sidecar:
            causes.append(
                refusals.value_forbidden(
                    f"{where}.{kind}",
                    "may not be set for init containers without restartPolicy=Always",
                )
            )
        _probe(container[kind], f"{where}.{kind}", kind, causes)


def _probe(probe: dict[str, Any], where: str, kind: str, causes: list[Cause]) -> None:
    _handler(probe, where, causes)
    for field in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        if probe.get(field, 0) < 0:
            causes.append(refusals.value_invalid(f"{where}.{field}", probe[field], _POSITIVE))
    if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        causes.append(
            refusals.value_invalid(
                f"{where}.successThreshold", probe["successThreshold"], "must be 1"
            )
        )


def _handler(handler: dict[str, Any], where: str, causes: list[Cause]) -> None:
    given = [field for field in _HANDLERS if handler.get(field) is not None]
    if not given:
        causes.append(refusals.value_required(where, "must specify a handler type"))
    causes += [
        refusals.value_forbidden(f"{where}.{extra}", "may not specify more than 1 handler type")
        for extra in given[1:]
    ]
    for field in ("httpGet", "tcpSocket", "grpc"):
        port = (handler.get(field) or {}).get("port")
        if field in given and isinstance(port, int) and not 0 < port < 65536:
            causes.append(refusals.value_invalid(f"{where}.{field}.port", port, _PORT_TEXT))
        elif field in given and isinstance(port, str):
            causes += [
                refusals.value_invalid(f"{where}.{field}.port", port, why)
                for why in port_name(port)
            ]
        elif field in given and port is None:
            causes.append(refusals.value_required(f"{where}.{field}.port"))
    if "exec" in given and not handler["exec"].get("command"):
        causes.append(refusals.value_required(f"{where}.exec.command"))


def resources(value: dict[str, Any], where: str) -> list[Cause]:
    """Causes in requests and limits: not negative, and no request above its limit."""
    causes = []
    limits, requests = value.get("limits") or {}, value.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, text in amounts.items():
            if quantity.parse(text) < 0:
                causes.append(refusals.value_invalid(f"{where}.{field}[{name}]", text, _POSITIVE))
    for name, text in requests.items():
        if name in limits and quantity.parse(text) > quantity.parse(limits[name]):
            causes.append(
                refusals.value_invalid(
                    f"{where}.requests",
                    text,
                    f"must be less than or equal to {name} limit of {limits[name]}",
                )
            )
    return causes
