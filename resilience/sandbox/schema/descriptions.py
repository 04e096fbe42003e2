"""The descriptions of kinds and fields, as `kubectl explain` prints them.

The texts are read out of the installed kubernetes client, whose models carry them, one model at a
time and only when a schema is requested. A model that the client lacks has no description.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

METADATA = (
    "Standard object's metadata. More info:"
    " https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should"
    " convert recognized schemas to the latest internal value, and may reject unrecognized values."
    " More info: https://git.k8s.io/community/contributors/devel/sig-architecture/"
    "api-conventions.md#resources"
)
KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may"
    " infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase."
    " More info: https://git.k8s.io/community/contributors/devel/sig-architecture/"
    "api-conventions.md#types-kinds"
)
_HEAD = re.compile(r'^class \w+\(BaseModel\):\n    """\n    (.*)$', re.M)
_FIELD = re.compile(r'^    (\w+): .*\bdescription=("(?:[^"\\\n]|\\.)*")', re.M)
_NAMES = re.compile(r"attribute_map: ClassVar\[Dict\[str, str\]\] = (\{.*?\n    \})", re.S)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Described:
    """A model's own text, "" if it has none, and those of its fields by JSON name."""

    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@cache
def described(model: str) -> Described:
    """The texts of one model."""
    folder = _folder()
    path = folder / f"{_WORD.sub('_', model).lower()}.py" if folder else None
    if path is None or not path.exists():
        return Described()
    return parsed(path.read_text())


def parsed(source: str) -> Described:
    """The texts in the source of one model."""
    head, names = _HEAD.search(source), _NAMES.search(source)
    known = dict(ast.literal_eval(names[1])) if names else {}
    fields = {
        known[attribute]: str(ast.literal_eval(text))
        for attribute, text in _FIELD.findall(source)
        if attribute in known
    }
    if known.get("metadata") == "metadata":
        fields.setdefault("metadata", METADATA)
    return Described(head[1].strip() if head else "", fields)


@cache
def _folder() -> Path | None:
    """Where the installed client's models lie, found without importing it."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "client" / "models"
