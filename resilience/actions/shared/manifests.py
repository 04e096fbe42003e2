"""Reads manifests as kubectl does: several documents, `List` kinds, JSON as well. Each object knows
the line where it begins. Nothing is substituted in them.

`go_yaml` defines the meaning of scalars. A text that begins with `{` is tried as JSON first, as in
kubectl, even if YAML could not read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience.cluster.interface import Object
from resilience.model.place import Place
from resilience.verbs.context import ActionFailed

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object as written, and its place. `node` is what PyYAML parsed it from; None for JSON."""

    body: Object
    place: Place
    node: Any = field(default=None, repr=False, compare=False)

    @property
    def title(self) -> str:
        """`Deployment checkout`."""
        return f"{self.body['kind']} {self.body['metadata']['name']}"


def read(path: Path) -> list[Manifest]:
    """All objects of a file, in order; for a folder, of all its YAML and JSON files, sorted by
    name."""
    built = next((each for each in KUSTOMIZATIONS if (path / each).exists()), "")
    if path.is_dir() and built:
        raise ActionFailed(
            f"{path} holds a {built}, which kubectl has to build first: `kubectl kustomize {path} >"
            " manifest.yaml`, then apply that file"
        )
    files = (
        sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml", ".json"))
        if path.is_dir()
        else [path]
    )
    found = [manifest for file in files for manifest in _file(file)]
    if not found:
        raise ActionFailed(f"{path} holds no object")
    return found


def _file(path: Path) -> Iterator[Manifest]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ActionFailed(f"{path} cannot be read: {error}") from error
    try:
        yield from documents(text, str(path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        column = error.problem_mark.column + 1 if error.problem_mark else 1
        raise ActionFailed(f"{path}:{line}:{column}: {error.problem}{_template(text)}") from error
    except yaml.YAMLError as error:
        raise ActionFailed(f"{path}: {error}") from error


def _template(text: str) -> str:
    """Advice for a Helm template, which is not YAML yet."""
    if "{{" not in text:
        return ""
    return "; it looks like a template: render it first, with `helm template CHART > manifest.yaml`"


def documents(text: str, file: str, *, generated: bool = False) -> Iterator[Manifest]:
    """The objects of one text; `file` is only for places. `generated` is for readers that never
    look for the object: one with generateName gets the name `PREFIX*`."""
    from resilience.actions.shared import go_yaml

    if (found := _json(text)) is not None:
        for value, where in found:
            yield from _objects(value, Place(file, *where), generated=generated)
        return
    loader = go_yaml.loader()(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            place = Place(file, node.start_mark.line + 1, node.start_mark.column + 1)
            yield from _objects(go_yaml.value(node, text), place, node, generated=generated)
    finally:
        loader.dispose()


def _json(text: str) -> list[tuple[Any, tuple[int, int]]] | None:
    """Concatenated JSON values, each with line and column; None when the text is not JSON."""
    found, at = [], _next(text, 0)
    if text[at : at + 1] != "{":
        return None
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            return None
        line = text.count("\n", 0, at)
        found.append((value, (line + 1, at - text.rfind("\n", 0, at))))
        at = _next(text, end)
    return found


def _next(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip("\ufeff \t\r\n"))


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _objects(
    value: Any, place: Place, node: Any = None, *, generated: bool = False
) -> Iterator[Manifest]:
    if value is None:
        return
    if not isinstance(value, dict) or not value.get("apiVersion") or not value.get("kind"):
        raise ActionFailed(f"{place}: not a Kubernetes object; expected apiVersion, kind, metadata")
    if str(value["kind"]).endswith("List") and isinstance(value.get("items"), list):
        for item, of_item in zip(value["items"], _items(node, len(value["items"])), strict=True):
            mark = getattr(of_item, "start_mark", None)
            at = Place(place.file, mark.line + 1, mark.column + 1) if mark else place
            yield from _objects(item, at, of_item, generated=generated)
        return
    metadata = value.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(
        isinstance(metadata.get(each) or {}, dict) for each in ("labels", "annotations")
    ):
        raise ActionFailed(
            f"{place}: {value['kind']}: metadata, labels and annotations have to be mappings"
        )
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if generated and not name and isinstance(prefix, str) and prefix:
        name = metadata["name"] = f"{prefix}*"
    if not isinstance(name, str) or not name:
        raise ActionFailed(
            f"{place}: {value['kind']} without metadata.name; generateName is not "
            "supported, because such an object could not be found again"
        )
    yield Manifest(body=value, place=place, node=node)


def _items(node: Any, count: int) -> list[Any]:
    """The nodes of a List's items; None for each item if they cannot be told apart."""
    found = [value for key, value in getattr(node, "value", ()) if key.value == "items"]
    items = list(getattr(found[-1], "value", ())) if found else []
    return items if len(items) == count else [None] * count
