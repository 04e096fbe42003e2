"""Whether a view with selectors contains an object: label selectors, and the field selectors
that this project uses. Pure. An unknown field counts as matching: a view then waits longer for a
write than necessary, never too short."""

from __future__ import annotations

from collections.abc import Callable

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.kube.selectors import Selector

FIELDS: dict[str, Callable[[Object], str]] = {
    "metadata.name": objects.name,
    "metadata.namespace": objects.namespace,
    "spec.nodeName": objects.node,
}


def selection(labels: str, fields: str) -> Callable[[Object], bool] | None:
    """The predicate for objects; None when every object is contained."""
    if not labels and not fields:
        return None
    selector = Selector.parse(labels) if labels else None
    wanted = [part.partition("=") for part in fields.split(",") if part]

    def takes(obj: Object) -> bool:
        if selector is not None and not selector.matches(objects.labels(obj)):
            return False
        return all(
            FIELDS[field](obj) == value.lstrip("=") for field, _, value in wanted if field in FIELDS
        )

    return takes
