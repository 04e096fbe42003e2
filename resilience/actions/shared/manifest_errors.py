"""The API server's errors about a manifest, each with its line.

The server names fields ("spec.template.spec.containers[0].imgae"); here each field gets its place
in the file, and an unknown field gets the most similar known one, from the server's own OpenAPI. An
error without a line gets the line of its object. Sources: the API server's strict decoder
(sigs.k8s.io/json) and `details.causes` of its validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resilience.actions.shared.manifests import Manifest
from resilience.cluster.errors import ApiError, ClusterError
from resilience.cluster.interface import Cluster
from resilience.cluster.requests.request import Request
from resilience.model.nearest import did_you_mean
from resilience.model.place import Place

_UNKNOWN = re.compile(r'unknown field "([^"]+)"')
_DUPLICATE = re.compile(r'duplicate field "([^"]+)"')
_WRONG_TYPE = re.compile(r"cannot unmarshal (\w+) into Go struct field (\S+) of type (\S+)")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def refusal(manifest: Manifest, error: ApiError, cluster: Cluster) -> str:
    """The error for people, one phrase for each field that can be placed."""
    found = list(_phrases(manifest, error, cluster))
    return "; ".join(found) if found else f"{manifest.place}: {error}"


def _phrases(manifest: Manifest, error: ApiError, cluster: Cluster) -> Iterator[str]:
    text = error.message
    for field in _UNKNOWN.findall(text):
        if place := locate(manifest, field):
            yield f"{place}: unknown field `{field}`{_meant(field, manifest, cluster)}"
    for field in _DUPLICATE.findall(text):
        if place := locate(manifest, field):
            yield f"{place}: the field `{field}` is given twice"
    for found in _WRONG_TYPE.finditer(text):
        kind, wanted, field = found[1], found[3], found[2].partition(".")[2]
        if place := locate(manifest, field):
            yield f"{place}: {manifest.title}: `{field}` is a {kind}; expected {wanted}"
    causes = [cause for cause in error.causes if cause.get("field")]
    places = [locate(manifest, str(cause["field"])) for cause in causes]
    if causes and all(places):
        for cause, place in zip(causes, places, strict=True):
            yield f"{place}: {manifest.title}: {cause['field']}: {cause.get('message', '')}"


def twice(manifest: Manifest) -> Iterator[str]:
    """Keys that one mapping has twice. As in kubectl, the last of them counts."""
    from yaml import MappingNode, SequenceNode

    waiting, been = [manifest.node], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in been:  # an alias
            continue
        been.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += node.value
        if not isinstance(node, MappingNode):
            continue
        seen: set[str] = set()
        for key, value in node.value:
            waiting.append(value)
            if key.value in seen:
                mark = key.start_mark
                place = Place(manifest.place.file, mark.line + 1, mark.column + 1)
                yield f"{place}: the key `{key.value}` is given twice; the last one counts"
            seen.add(str(key.value))


def locate(manifest: Manifest, field: str) -> Place | None:
    """The place of that field, or of the deepest part of its path that the file contains; None if
    it contains none."""
    from yaml import MappingNode, SequenceNode

    node, mark = manifest.node, None
    for found in _STEP.finditer(field):
        name, index = found[1], found[2]
        if isinstance(node, MappingNode) and name:
            pair = next((each for each in node.value if each[0].value == name), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, SequenceNode) and index and int(index) < len(node.value):
            node = node.value[int(index)]
            mark = node.start_mark
        else:
            break
    return Place(manifest.place.file, mark.line + 1, mark.column + 1) if mark else None


def _meant(field: str, manifest: Manifest, cluster: Cluster) -> str:
    names = [found[1] for found in _STEP.finditer(field) if found[1]]
    path, last = names[:-1], names[-1]
    try:
        known = _properties(manifest, path, cluster)
    except (
        ClusterError,
        KeyError,
        TypeError,
        AttributeError,
    ):  # a missing schema only costs the hint
        return ""
    return did_you_mean(last, known)


def _properties(manifest: Manifest, path: Iterable[str], cluster: Cluster) -> Iterable[str]:
    """The fields that the server knows at that path of the object."""
    version, kind = str(manifest.body["apiVersion"]), str(manifest.body["kind"])
    served = cluster.send(Request("GET", "/openapi/v3"))["paths"]
    where = served[f"apis/{version}" if "/" in version else f"api/{version}"]["serverRelativeURL"]
    document = cluster.send(Request("GET", str(where).partition("?")[0]))
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "version": number, "kind": kind}
    node = next(each for each in schemas.values()
                if wanted in (each.get("x-kubernetes-group-version-kind") or ()))  # fmt: skip
    for name in path:
        node = _resolved(_resolved(node, schemas)["properties"][name], schemas)
        node = _resolved(node.get("items") or node, schemas)
    return list(_resolved(node, schemas)["properties"])


def _resolved(node: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference means; a field's own default or description is next to the
    reference in `allOf`."""
    parts: list[Mapping[str, Any]] = list(node.get("allOf") or ())
    if len(parts) == 1:
        node = parts[0]
    reference = str(node.get("$ref", ""))
    return schemas[reference.rpartition("/")[2]] if reference else node
