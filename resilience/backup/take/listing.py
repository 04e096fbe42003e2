"""Lists one kind to the end despite transient errors, or returns a value that says why that failed.

A list that breaks off (an expired continuation, throttling, a server error, a lost connection) is
started again and items that were already passed on are skipped: the server lists in the order of
its keys, so only the last key has to be remembered. An aggregated API server may have another
order; there a list that breaks off has failed, since what comes after its last key is not the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import FAILED, FORBIDDEN, LISTED, Coverage
from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Forbidden,
    Gone,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Cluster, Object, Resource

_ATTEMPTS = 5
_NO_ORDER = "the list broke off, and cannot be continued: its server does not sort it by name"
_AGAIN = (Gone, Throttled, ServerTrouble, Unreachable)


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of one kind, in the server's order."""

    resource: Resource
    items: Sequence[Object]


class Listing:
    """All pages of a kind in one namespace ("" for all), then its coverage."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        clock: Clock,
    ) -> None:
        self._cluster, self._resource, self._namespace = cluster, resource, namespace
        self._labels = labels
        self._clock = clock
        self._last = ""
        self._count = 0
        self._version = ""
        self._relisted = False
        self._in_order = True
        self._began = clock.now()

    def run(self) -> Iterator[Page | Coverage]:
        """Yields pages, then exactly one `Coverage`."""
        for attempt in range(_ATTEMPTS):
            try:
                yield from self._pages()
                yield self._outcome(LISTED)
                return
            except Forbidden as problem:
                yield self._outcome(FORBIDDEN, str(problem))
                return
            except _AGAIN as problem:
                failure: ClusterError = problem
                if not self._in_order:
                    yield self._outcome(FAILED, f"{problem}; {_NO_ORDER}")
                    return
                self._relisted = True
                self._clock.wait(_pause(problem, attempt))
            except ApiError as problem:
                failure = problem
                break
        yield self._outcome(FAILED, str(failure))

    def _pages(self) -> Iterator[Page]:
        skip_to, first = self._last, True
        version, kind = self._resource.api_version, self._resource.kind
        pages = self._cluster.pages(self._resource, self._namespace, labels=self._labels)
        for page in pages:
            if first:
                self._version = (page.get("metadata") or {}).get("resourceVersion", "")
                first = False
            items = page.get("items") or ()
            for item in items:
                item.setdefault("apiVersion", version)
                item.setdefault("kind", kind)
            if skip_to:
                items = [item for item in items if sort_key(item) > skip_to]
            if items:
                self._see_order(items)
                self._last = sort_key(items[-1])
                self._count += len(items)
                yield Page(self._resource, items)

    def _see_order(self, items: Sequence[Object]) -> None:
        keys = [self._last, *map(sort_key, items)]
        self._in_order = self._in_order and keys == sorted(keys)

    def _outcome(self, status: str, detail: str = "") -> Coverage:
        return Coverage(
            kind=self._resource.full_name,
            namespace=self._namespace,
            status=status,
            objects=self._count,
            version=self._version,
            relisted=self._relisted,
            detail=detail,
            listed_at=self._began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )


def sort_key(obj: Object) -> str:
    """The order in which a server lists: etcd's keys end in NAMESPACE/NAME."""
    metadata = obj["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def _pause(problem: ClusterError, attempt: int) -> float:
    if isinstance(problem, Gone):
        return 0.0
    asked = problem.retry_after if isinstance(problem, ApiError) else None
    return asked if asked is not None else float(2**attempt)
