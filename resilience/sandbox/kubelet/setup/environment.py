"""A container's environment: `envFrom`, `env`, references and `$(NAME)` expansion.

A missing and non-optional reference raises `ConfigError`, which becomes
`CreateContainerConfigError` with the real kubelet's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.setup import downward_api
from resilience.sandbox.kubelet.setup.references import References, data_of

_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")


class ConfigError(Exception):
    """The container cannot be configured yet; the kubelet tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The Pod's surroundings as far as the environment may show them."""

    address: str
    host_address: str
    allocatable: dict[str, str]
    api_address: str
    services: Mapping[str, str]
    """Variables of the namespace's Services."""


def expand(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` if NAME is known; `$$` is a literal dollar; everything else stays."""

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        return known.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


async def build(
    pod: Obj, container: Obj, references: References, around: Surroundings
) -> dict[str, str]:
    """The variables of `container`, in order, later ones replacing earlier ones."""
    namespace = pod["metadata"]["namespace"]
    found = {**around.services, **_cluster(around)}
    for source in container.get("envFrom") or []:
        for kind, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if kind in source:
                data = await _all(references, plural, namespace, source[kind])
                prefix = source.get("prefix", "")
                whose = f"{_TITLE[plural]} {namespace}/{source[kind]['name']}"
                for key, content in data.items():
                    found[prefix + key] = _text(whose, key, content)
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            value = await _value(pod, container, references, around, entry["valueFrom"])
            if value is not None:
                found[entry["name"]] = value
        else:
            found[entry["name"]] = expand(entry.get("value") or "", found)
    return _checked(found)


def _checked(found: dict[str, str]) -> dict[str, str]:
    """A variable cannot hold a NUL: it would end there."""
    for name, value in found.items():
        if "\0" in name or "\0" in value:
            raise ConfigError(f"environment variable {name!r} contains a NUL character")
    return found


def _cluster(around: Surroundings) -> dict[str, str]:
    host, port = around.api_address, "443"
    tcp = f"tcp://{host}:{port}"
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
        "KUBERNETES_PORT": tcp,
        "KUBERNETES_PORT_443_TCP": tcp,
        "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
        "KUBERNETES_PORT_443_TCP_PORT": port,
        "KUBERNETES_PORT_443_TCP_ADDR": host,
    }


_SINGULAR = {"configmaps": "configmap", "secrets": "secret"}
_TITLE = {"configmaps": "ConfigMap", "secrets": "Secret"}


async def _all(
    references: References, plural: str, namespace: str, reference: Obj
) -> dict[str, bytes]:
    """The entries that can be variables: of a ConfigMap `data`, not `binaryData`."""
    obj = await references.find(plural, namespace, reference["name"])
    if obj is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{_SINGULAR[plural]} "{reference["name"]}" not found')
    return data_of({**obj, "binaryData": None})


def _text(whose: str, key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"key {key} of {whose} is no UTF-8 text and cannot be an environment variable"
        ) from error


async def _value(
    pod: Obj, container: Obj, references: References, around: Surroundings, source: Obj
) -> str | None:
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        return _found(lambda: downward_api.field(pod, path, around.address, around.host_address))
    if "resourceFieldRef" in source:
        reference = source["resourceFieldRef"]
        return _found(lambda: downward_api.resource(container, reference, around.allocatable))
    kind, plural = (
        ("configMapKeyRef", "configmaps") if "configMapKeyRef" in source
        else ("secretKeyRef", "secrets")
    )  # fmt: skip
    reference = source[kind]
    namespace = pod["metadata"]["namespace"]
    data = await _all(references, plural, namespace, reference)
    whose, key = f"{_TITLE[plural]} {namespace}/{reference['name']}", reference["key"]
    if key in data:
        return _text(whose, key, data[key])
    if reference.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {key} in {whose}")


def _found(lookup: Callable[[], str]) -> str:
    try:
        return lookup()
    except (LookupError, ValueError) as error:
        raise ConfigError(str(error)) from error
