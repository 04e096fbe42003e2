"""The claims that a StatefulSet's controller makes from its templates.

They outlast the StatefulSet, which does not own them (rules 3.3), so the undo of its creation
deletes them: those of its templates' names that did not exist when the run created it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.cluster.interface import CLAIMS, STATEFULSETS, Cluster, Object, Resource
from resilience.kube import objects
from resilience.model.verb import Right

KEY = "claims"


def templates(body: Object) -> list[str]:
    """The names of the templates, [] for other kinds."""
    if body.get("kind") != STATEFULSETS.kind:
        return []
    spec = body.get("spec") or {}
    return [objects.name(each) for each in spec.get("volumeClaimTemplates") or ()]


def rights(body: Object, namespace: str) -> Sequence[Right]:
    """Permissions to find and delete them."""
    verbs = ("list", "get", "delete") if templates(body) else ()
    return [
        Right(verb=verb, group="", resource=CLAIMS.plural, namespace=namespace) for verb in verbs
    ]


def record(cluster: Cluster, resource: Resource, body: Object) -> dict[str, Any]:
    """What the undo needs to know, before the creation; {} where no claims will be made."""
    names = templates(body) if resource == STATEFULSETS else []
    if not names:
        return {}
    there = _named(cluster, objects.namespace(body), objects.name(body), names)
    return {KEY: {"templates": names, "before": [objects.uid(each) for each in there]}}


def made(cluster: Cluster, data: Mapping[str, Any]) -> list[Object]:
    """The claims that exist now but did not exist when `record` was called."""
    known = data.get(KEY)
    if not known:
        return []
    found = _named(cluster, str(data["namespace"]), str(data["name"]), known["templates"])
    return [each for each in found if objects.uid(each) not in known["before"]]


def _named(cluster: Cluster, namespace: str, name: str, names: Sequence[str]) -> list[Object]:
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, names))})-{re.escape(name)}-[0-9]+")
    return [
        each for each in cluster.list(CLAIMS, namespace) if pattern.fullmatch(objects.name(each))
    ]
