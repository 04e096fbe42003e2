"""One watch over every served kind, custom ones included.

The garbage collector and namespace deletion handle all objects alike. Events are left out: nothing
owns them, nothing depends on them, and they are the most numerous.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience.sandbox.kube.api import Change, Resource
from resilience.sandbox.reconcile.controller_context import Context

Callback = Callable[[Change], None]


class AllKinds:
    """Subscribes to what is served now and to what CustomResourceDefinitions add later."""

    def __init__(self, context: Context, callback: Callback) -> None:
        self._context = context
        self._callback = callback
        self._watched: dict[tuple[str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}

    def start(self) -> None:
        """Begin, existing objects first."""
        self._refresh()
        try:
            definitions = self._context.kind("customresourcedefinitions", "apiextensions.k8s.io")
        except KeyError:  # a server without custom resources
            return
        self._context.watch(definitions, lambda _: self._refresh())

    def served(self) -> list[Resource]:
        """Every watched resource."""
        return list(self._watched.values())

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource that an ownerReference means; any served version of the group matches."""
        group = api_version.rpartition("/")[0]
        return self._by_kind.get((group, kind))

    def _refresh(self) -> None:
        for resource in self._context.api.served():
            key = (resource.group, resource.plural)
            if key in self._watched or resource.plural == "events":
                continue
            self._watched[key] = resource
            self._by_kind[resource.group, resource.kind] = resource
            self._context.watch(resource, self._callback)
