"""The kinds of drivers, and how a target's table `driver` becomes one. Every key is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from resilience.cluster.capabilities.machine_driver import MachineDriver
from resilience.machines.docker import Docker
from resilience.machines.ec2 import Ec2
from resilience.machines.libvirt import Libvirt
from resilience.machines.redfish import Redfish
from resilience.machines.ssh import Ssh
from resilience.model.nearest import did_you_mean

KINDS: Mapping[str, Any] = {each.kind: each for each in (Docker, Ec2, Libvirt, Redfish, Ssh)}

_SHAPES: Mapping[str, tuple[type, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
    "Mapping[str, str]": (dict, 'a table of texts such as {worker-1 = "NAME"}'),
}


def parse(table: Mapping[str, Any]) -> MachineDriver:
    """The driver of `{kind = "ec2", ...}`. ValueError says what was expected."""
    body = dict(table)
    kind = body.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS) if kind else ""
        raise ValueError(f"kind = {kind!r}{hint or '; expected ' + ', '.join(KINDS)}")
    return _built(KINDS[kind], body)


def settings_of(kind: Any) -> list[dataclasses.Field[Any]]:
    """The keys that a target may give to a kind."""
    return [field for field in dataclasses.fields(kind) if field.init]


def _built(settings: Any, body: Mapping[str, Any]) -> MachineDriver:
    known = {field.name: field for field in settings_of(settings)}
    for key, value in body.items():
        if key not in known:
            hint = did_you_mean(key, known) or f"; expected {', '.join(known)}"
            raise ValueError(f"unknown key {key!r} of kind {settings.kind}{hint}")
        shape, words = _SHAPES[str(known[key].type)]
        texts = not isinstance(value, dict) or all(isinstance(v, str) for v in value.values())
        if type(value) is not shape or not texts:
            raise ValueError(f"{key} = {value!r}; expected {words}")
    for name, field in known.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in body:
            raise ValueError(f"kind {settings.kind} needs `{name}`")
    built: MachineDriver = settings(**body)
    return built
