"""Which kinds a cluster serves, and which of them cannot be discovered.

Like ServerPreferredResources: each kind once, in its group's preferred version if that has it. A
group whose discovery fails (a dead aggregated API server) is a value, never left out silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from resilience.backup.format.coverage import FORBIDDEN, UNDISCOVERABLE, Coverage
from resilience.backup.format.pipe import abreast
from resilience.cluster.errors import ClusterError, Forbidden
from resilience.cluster.interface import Cluster, Object, Resource, grouped
from resilience.cluster.requests.request import Request

_NEEDED = {"list", "get", "create", "delete"}

_TWINS = {
    "extensions": {"deployments", "daemonsets", "replicasets", "networkpolicies", "ingresses"},
    "events.k8s.io": {"events"},
}
"""Kinds that one store serves under two groups (velero pkg/backup/item_collector.go)."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """`kinds` can be listed and created again; sorted. `failures` could not be read. `versions`
    are all that are served (`apps/v1`), `served_in` those that serve a kind, by its name;
    `with_status` the kinds that have a status subresource."""

    kinds: tuple[Resource, ...]
    failures: tuple[Coverage, ...]
    versions: frozenset[str] = frozenset()
    with_status: frozenset[str] = frozenset()
    served_in: Mapping[str, frozenset[str]] = field(default_factory=dict)


def discover(cluster: Cluster) -> Discovery:
    """Request all groups and their versions, several at the same time: each takes an answer's
    time, and clusters with operators serve a hundred."""
    found: dict[str, Resource] = {}
    served_in: dict[str, frozenset[str]] = {}
    failures: list[Coverage] = []
    versions, with_status = set[str](), set[str]()
    named = list(_versions(cluster))
    answers = abreast(partial(_answer, cluster, *each) for each in named)
    for (group, version), answer in zip(named, answers, strict=True):
        if isinstance(answer, ClusterError):
            status = FORBIDDEN if isinstance(answer, Forbidden) else UNDISCOVERABLE
            name = f"{group}/{version}" if group else version
            failures.append(Coverage(kind=name, status=status, detail=str(answer)))
            continue
        listed = answer.get("resources") or ()
        versions.add(f"{group}/{version}" if group else version)
        for resource in _storable(listed, group, version):
            name = resource.full_name
            found.setdefault(name, resource)
            served_in[name] = served_in.get(name, frozenset()) | {resource.version}
        with_status |= {
            grouped(plural, group)
            for each in listed
            for plural, _, part in (each["name"].partition("/"),)
            if part == "status"
        }
    return Discovery(
        tuple(found[name] for name in sorted(found)),
        tuple(failures),
        frozenset(versions),
        frozenset(with_status),
        served_in,
    )


def _answer(cluster: Cluster, group: str, version: str) -> Object | ClusterError:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    try:
        return cluster.send(Request("GET", path))
    except ClusterError as problem:
        return problem


def _versions(cluster: Cluster) -> Iterator[tuple[str, str]]:
    yield "", "v1"
    for group in cluster.send(Request("GET", "/apis")).get("groups") or ():
        preferred = (group.get("preferredVersion") or {}).get("version", "")
        versions = [each["version"] for each in group["versions"]]
        for version in sorted(versions, key=lambda version: version != preferred):
            yield group["name"], version


def _storable(resources: Any, group: str, version: str) -> Iterator[Resource]:
    for each in resources:
        twin = each["name"] in _TWINS.get(group, ())
        if "/" in each["name"] or twin or not set(each.get("verbs") or ()) >= _NEEDED:
            continue
        yield Resource(
            each.get("group") or group,
            each.get("version") or version,
            each["name"],
            each["kind"],
            bool(each["namespaced"]),
        )
