"""Which resources a cluster serves: one aggregated document per root, group by group on older
servers.

Read once per cluster and again when a kind is not found, since a definition may just have been
applied. A group whose own server does not answer is left out and named in the error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import ApiError, Invalid
from resilience.cluster.interface import Resource
from resilience.model.nearest import did_you_mean

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

ROOTS = ("/api", "/apis")

Get = Callable[[str, str], dict[str, Any]]
"""(path, Accept header) to JSON."""


@dataclass(frozen=True, slots=True)
class Served:
    """One resource as discovery describes it."""

    resource: Resource
    listable: bool
    preferred: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """All of discovery at one time; `silent` are group versions that did not answer."""

    served: tuple[Served, ...]
    silent: tuple[str, ...]


class Discovery:
    """Cached; safe to use from several threads. Each caller reads with its own patience."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: Answer | None = None

    def resources(self, get: Get) -> Sequence[Resource]:
        """Preferred versions of all listable resources, sorted."""
        served = self._current(get).served
        return sorted(one.resource for one in served if one.preferred and one.listable)

    def resource(self, api_version: str, kind: str, get: Get) -> Resource:
        """Invalid names the nearest kinds when that version and kind do not exist."""
        cached = self._answer is not None
        found = _find(self._current(get), api_version, kind)
        if found is None and cached:
            found = _find(self._current(get, again=True), api_version, kind)
        if found is None:
            raise _not_served(self._current(get), api_version, kind)
        return found

    def _current(self, get: Get, *, again: bool = False) -> Answer:
        with self._lock:
            if self._answer is None or again:
                self._answer = read(get)
            return self._answer


def read(get: Get) -> Answer:
    """Query the server."""
    served: list[Served] = []
    silent: list[str] = []
    for root in ROOTS:
        document = get(root, AGGREGATED)
        if document.get("kind") == "APIGroupDiscoveryList":
            served += _aggregated(document, silent)
        elif root == "/api":
            versions = [str(version) for version in document.get("versions") or ()]
            served += _legacy(get, "", versions, versions[:1], silent)
        else:
            for group in document.get("groups") or ():
                versions = [str(one["version"]) for one in group.get("versions") or ()]
                preferred = str((group.get("preferredVersion") or {}).get("version", ""))
                served += _legacy(get, str(group["name"]), versions, [preferred], silent)
    return Answer(tuple(served), tuple(silent))


def _aggregated(document: dict[str, Any], silent: list[str]) -> Iterator[Served]:
    for group in document.get("items") or ():
        name = str((group.get("metadata") or {}).get("name") or "")
        for position, version in enumerate(group.get("versions") or ()):
            if version.get("freshness") == "Stale":
                silent.append(f"{name}/{version['version']}")
            for one in version.get("resources") or ():
                kind = str((one.get("responseKind") or {}).get("kind") or "")
                resource = Resource(
                    name,
                    str(version["version"]),
                    str(one["resource"]),
                    kind,
                    one.get("scope") == "Namespaced",
                )
                yield Served(resource, "list" in (one.get("verbs") or ()), position == 0)


def _legacy(
    get: Get, group: str, versions: Sequence[str], preferred: Sequence[str], silent: list[str]
) -> Iterator[Served]:
    for version in versions:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            document = get(path, "application/json")
        except ApiError:
            silent.append(f"{group}/{version}")
            continue
        for one in document.get("resources") or ():
            if "/" in one["name"]:
                continue
            resource = Resource(
                group, version, str(one["name"]), str(one["kind"]), bool(one.get("namespaced"))
            )
            yield Served(resource, "list" in (one.get("verbs") or ()), version in preferred)


def _find(answer: Answer, api_version: str, kind: str) -> Resource | None:
    for one in answer.served:
        if one.resource.kind == kind and one.resource.api_version == api_version:
            return one.resource
    return None


def _not_served(answer: Answer, api_version: str, kind: str) -> Invalid:
    same_kind = [one.resource for one in answer.served if one.resource.kind == kind]
    kinds = sorted({one.resource.kind for one in answer.served})
    text = f"the cluster does not serve kind {kind!r} in apiVersion {api_version!r}"
    if same_kind:
        text += "; it serves it in " + ", ".join(sorted(one.api_version for one in same_kind))
    else:
        text += did_you_mean(kind, kinds, 3)
    if answer.silent:
        text += "; these groups did not answer: " + ", ".join(answer.silent)
    return Invalid(404, text, reason="NotFound")
