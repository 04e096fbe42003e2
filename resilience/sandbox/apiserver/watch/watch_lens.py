"""Watches of custom kinds: each change as the watched version shows it, then the selectors.

A conversion may have to ask a webhook, so it happens when a watch is read, not when something
changes. Selectors come after it: what they look at may differ between versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resilience.sandbox.apiserver.custom.custom_versions import CustomVersions
from resilience.sandbox.apiserver.request.query_options import ListOptions
from resilience.sandbox.apiserver.watch.watching import Encoded, transition
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, EventType, Resource
from resilience.sandbox.store.store import Record

Event = tuple[EventType, Encoded]


@dataclass(frozen=True, slots=True)
class Lens:
    """One watch's view of one version."""

    versions: CustomVersions
    resource: Resource
    options: ListOptions

    @classmethod
    def of(cls, versions: CustomVersions, resource: Resource, options: ListOptions) -> Lens | None:
        """None for built-in kinds."""
        found = versions.find(resource)
        return None if found is None else cls(versions, resource, options)

    async def first(self, records: Sequence[Record]) -> Sequence[Record]:
        """The state that a watch begins with; ApiError 429 if it cannot be converted, as from a
        cache that cannot be filled."""
        try:
            return await self.versions.records(self.resource, records)
        except ApiError as error:
            raise refusals.too_many("storage is (re)initializing", retry_after=1) from error

    async def events(self, batch: Sequence[Event]) -> list[Event]:
        """The events of a batch, as this watch sees them. Raises ApiError 500."""
        found: list[Event] = []
        for kind, encoded in batch:
            seen = await self._seen(encoded)
            shown = transition(seen.change, self.options) if self.options.selective else kind
            if shown is not None:
                found.append((shown, seen))
        return found

    async def _seen(self, encoded: Encoded) -> Encoded:
        custom = self.versions.find(self.resource)
        name = f"{self.resource.api_version} {custom.epoch if custom else 0}"
        known = encoded.views.get(name)
        if known is None:
            known = encoded.views[name] = await self._converted(encoded)
        return known

    async def _converted(self, encoded: Encoded) -> Encoded:
        change = encoded.change
        obj = await self.versions.object(self.resource, change.obj)
        old = change.old
        if old is not None:
            old = await self.versions.object(self.resource, old)
        if obj is change.obj and old is change.old:
            return encoded
        record = encoded.record if obj is change.obj else None
        return Encoded(replace(change, obj=obj, old=old), record)
