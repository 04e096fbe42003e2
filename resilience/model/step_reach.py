"""What a step changes in a cluster, known before it runs; consent is decided on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

ANY = frozenset({"*"})
"""Objects outside of namespaces that are not known beforehand, such as those of a restore."""

LEADING = frozenset({"Service", "EndpointSlice", "Endpoints"})
"""Kinds that say where a Service's clients end up."""


class Host(NamedTuple):
    """A name or address that requests go to, and their port; 0 if it is not known."""

    name: str
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`namespaces` by name or pattern, `selected` by their labels; `cluster_scoped` as
    `RESOURCE.GROUP`, or ANY of those that the target lists; `if_listed` are further ones that are
    written only where the target lists them, and that no two runs share; `hosts` are written to
    over the network, and stand for what this cluster has behind such a name or address, if
    anything; `objects` are the Namespaces, Roles and bindings that would be written, and what
    would lead a Service's clients elsewhere.
    """

    namespaces: frozenset[str] = frozenset()
    selected: frozenset[str] = frozenset()
    nodes: bool = False
    cluster_scoped: frozenset[str] = frozenset()
    if_listed: frozenset[str] = frozenset()
    hosts: frozenset[Host] = frozenset()
    objects: tuple[dict[str, Any], ...] = ()

    def __bool__(self) -> bool:
        some = self.namespaces or self.selected or self.hosts
        return bool(some or self.nodes or self.cluster_scoped)

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            namespaces=self.namespaces | other.namespaces,
            selected=self.selected | other.selected,
            nodes=self.nodes or other.nodes,
            cluster_scoped=self.cluster_scoped | other.cluster_scoped,
            if_listed=self.if_listed | other.if_listed,
            hosts=self.hosts | other.hosts,
            objects=(*self.objects, *other.objects),
        )


def within(namespace: str) -> Reach:
    """One namespace; nothing where it is ""."""
    return Reach(namespaces=frozenset({namespace} if namespace else ()))


def union(parts: Iterable[Reach]) -> Reach:
    """The union of several reaches."""
    whole = Reach()
    for part in parts:
        whole |= part
    return whole
