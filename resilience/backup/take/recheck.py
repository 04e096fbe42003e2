"""Changes while the snapshot was being taken.

Each kind is listed a second time and compared, by resourceVersion and in lockstep, with the
recorded lines: memory stays one page. If the version of the cluster has not changed since the first
list, nothing is read again, because every list carries the version of the whole store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import LISTED, Coverage
from resilience.backup.format.manifest import ObjectLine
from resilience.backup.format.pipe import ahead
from resilience.backup.take.listing import Listing, Page, sort_key
from resilience.backup.take.scope import left_out
from resilience.cluster.interface import Cluster, Resource

_SHOWN = 20
"""Names kept per kind: enough to see a pattern; a busy kind must not inflate the manifest."""


class Recheck:
    """One comparison of a cluster with what was just recorded of it."""

    def __init__(
        self, cluster: Cluster, kinds: Mapping[str, Resource], *, labels: str, clock: Clock
    ) -> None:
        self._cluster, self._kinds, self._labels, self._clock = cluster, kinds, labels, clock

    def run(self, coverage: Sequence[Coverage], lines: Iterable[ObjectLine]) -> list[Coverage]:
        """The same coverage with `changed` filled in. `lines` are in the coverage's order."""
        listed = [each for each in coverage if self._comparable(each)]
        if not listed or self._unmoved(listed[0]):
            return list(coverage)
        recorded = _Peekable(lines)
        return [
            dataclasses.replace(each, changed=self._changed(each, recorded))
            if self._comparable(each)
            else each
            for each in coverage
        ]

    def _comparable(self, each: Coverage) -> bool:
        return each.status == LISTED and bool(each.version) and each.kind in self._kinds

    def _unmoved(self, first: Coverage) -> bool:
        kind = self._kinds[first.kind]
        page = next(iter(self._cluster.pages(kind, first.namespace, limit=1)), {})
        return (page.get("metadata") or {}).get("resourceVersion") == first.version

    def _changed(self, coverage: Coverage, recorded: _Peekable) -> list[str]:
        """Names, with what happened to them; both sides are in the server's order."""
        then = recorded.while_(coverage.kind, coverage.namespace)
        old = next(then, None)
        found: list[str] = []
        for key, version in self._now(coverage):
            while old and _key(old) < key:
                found.append(f"{_key(old)} deleted")
                old = next(then, None)
            if old and _key(old) == key:
                if old.resource_version != version:
                    found.append(f"{key} changed")
                old = next(then, None)
            else:
                found.append(f"{key} created")
        found += [f"{_key(each)} deleted" for each in ([old] if old else []) + list(then)]
        more = len(found) - _SHOWN
        return found[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])

    def _now(self, coverage: Coverage) -> Iterator[tuple[str, str]]:
        listing = Listing(
            self._cluster,
            self._kinds[coverage.kind],
            coverage.namespace,
            labels=self._labels,
            clock=self._clock,
        )
        for page in ahead(listing.run()):
            if isinstance(page, Page):
                for item in page.items:
                    if not left_out(item):
                        yield sort_key(item), item["metadata"].get("resourceVersion", "")


def _key(line: ObjectLine) -> str:
    return f"{line.address.namespace}/{line.address.name}"


class _Peekable:
    """The recorded lines, from whose beginning the lines of one kind and namespace are taken."""

    def __init__(self, lines: Iterable[ObjectLine]) -> None:
        self._lines = iter(lines)
        self._next = next(self._lines, None)

    def while_(self, kind: str, namespace: str) -> Iterator[ObjectLine]:
        """All lines of that kind, in that namespace unless it is ""."""
        while (
            (line := self._next)
            and line.address.resource == kind
            and (not namespace or line.address.namespace == namespace)
        ):
            self._next = next(self._lines, None)
            yield line
