"""The table of facts as values: which kinds exist, and each model's fields.

`facts.json` is generated (see `generate.py`); nothing here knows a kind by name. Strict validation,
the strategic patch, server-side apply, OpenAPI and discovery all read these values.
Field types: "string", "integer", "int64", "number", "boolean", "time", "bytes", "quantity",
"intstr", "object" (anything), a model's name, and "[]" or "{}" before any of these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from resilience.sandbox.kube.api import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRule:
    """How one list (or atomic map) field merges.

    `kind` is atomic, set, map or struct (server-side apply); `keys` the map's keys; `strategy` and
    `merge_key` are the strategic patch's words, "" where it replaces the whole.
    """

    kind: str
    keys: tuple[str, ...]
    strategy: tuple[str, ...]
    merge_key: str


@dataclass(frozen=True)
class Model:
    """One struct: its fields by JSON name with their types."""

    name: str
    fields: Mapping[str, str]
    required: frozenset[str]
    lists: Mapping[str, ListRule]
    enums: Mapping[str, tuple[str, ...]]
    atomic: bool


MICRO_TIMES = frozenset(
    {
        ("CoreV1Event", "eventTime"),
        ("EventsV1Event", "eventTime"),
        ("CoreV1EventSeries", "lastObservedTime"),
        ("EventsV1EventSeries", "lastObservedTime"),
        ("V1LeaseSpec", "acquireTime"),
        ("V1LeaseSpec", "renewTime"),
    }
)
"""The fields that are a `metav1.MicroTime`; every other time has whole seconds."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One served resource with its discovery facts; `model` is None for custom resources."""

    resource: Resource
    model: str
    subresources: frozenset[str]
    singular: str
    short: tuple[str, ...]
    categories: tuple[str, ...]
    stored: bool = True


class Facts:
    """All models and built-in kinds."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._raw = data["models"]
        self._models: dict[str, Model] = {}
        self._data = data

    def model(self, name: str) -> Model:
        """KeyError for a name that no served kind uses."""
        known = self._models.get(name)
        if known is None:
            known = self._models[name] = _model(name, self._raw[name])
        return known

    def find(self, name: str) -> Model | None:
        """None for a name that no served kind uses: scalars, lists, free-form values."""
        known = self._models.get(name)
        return known if known is not None or name not in self._raw else self.model(name)

    def names(self) -> list[str]:
        """Every model's name, sorted."""
        return sorted(self._raw)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Every built-in resource, sorted by group, version and plural."""
        return tuple(_kind(entry) for entry in self._data["resources"])


def _model(name: str, raw: Mapping[str, Any]) -> Model:
    return Model(
        name=name,
        fields=raw["fields"],
        required=frozenset(raw["required"]),
        lists={
            field: ListRule(
                kind=kind,
                keys=tuple(keys.split(",")) if keys else (),
                strategy=tuple(strategy.split(",")) if strategy else (),
                merge_key=merge_key,
            )
            for field, (kind, keys, strategy, merge_key) in raw.get("lists", {}).items()
        },
        enums={field: tuple(values) for field, values in raw.get("enums", {}).items()},
        atomic=raw.get("atomic", False),
    )


def _kind(entry: Mapping[str, Any]) -> Kind:
    return Kind(
        resource=Resource(
            entry["group"], entry["version"], entry["plural"], entry["kind"], entry["namespaced"]
        ),
        model=entry["model"],
        subresources=frozenset(entry["subresources"]),
        singular=entry["singular"],
        short=tuple(entry["short"]),
        categories=tuple(entry["categories"]),
        stored=entry["stored"],
    )


@cache
def builtin() -> Facts:
    """The generated facts, read once per process."""
    return Facts(json.loads((Path(__file__).parent / "facts.json").read_bytes()))


@cache
def numbers() -> dict[str, dict[str, tuple[tuple[int, ...], bool]]]:
    """Per model and field: its number (behind those of embedded messages), and if optional."""
    out: dict[str, dict[str, tuple[tuple[int, ...], bool]]] = {}
    path = Path(__file__).parent / "protobuf.txt"
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        model, *entries = line.split()
        fields = out[model] = {}
        for entry in entries:
            name, _, number = entry.partition("=")
            parts = tuple(int(part) for part in number.rstrip("*").split("."))
            fields[name] = (parts, number.endswith("*"))
    return out


def is_pointer(model: str, field: str) -> bool:
    """Whether Go holds this field by pointer, so that absent and empty are two things."""
    known = numbers().get(model, {}).get(field)
    return known is not None and known[1]
