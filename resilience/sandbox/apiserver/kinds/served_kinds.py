"""Which resources are served right now: the built-in ones and those that CRDs add.

One object per API server. Lookups are by group and plural (in process) or by group, version and
plural (a URL). If a group serves several versions, all share one storage; `storage` names the
version in which objects are stored, and `preferred` the one that discovery lists first.
"""

from __future__ import annotations

from collections.abc import Iterable

from resilience.sandbox.kube.api import Resource
from resilience.sandbox.schema.facts import Kind

_STORED_IN = {
    # One storage for both names of an Event; see `events.py`.
    ("events.k8s.io", "events"): ("", "events"),
}
_PREFERRED = {("autoscaling", "horizontalpodautoscalers"): "v2"}


class Kinds:
    """See the module. `changed` counts changes, so that discovery can cache."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._preferred: dict[tuple[str, str], Kind] = {}
        self.changed = 0
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve one more version of a resource; replaces the same one."""
        resource = kind.resource
        key = (resource.group, resource.plural)
        self._kinds[(resource.group, resource.version, resource.plural)] = kind
        best = self._preferred.get(key)
        wanted = _PREFERRED.get(key)
        if best is None or resource.version in (wanted, best.resource.version):
            self._preferred[key] = kind
        self.changed += 1

    def remove(self, group: str, plural: str) -> None:
        """Stop serving every version of a resource."""
        for key in [key for key in self._kinds if (key[0], key[2]) == (group, plural)]:
            del self._kinds[key]
        self._preferred.pop((group, plural), None)
        self.changed += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a URL."""
        return self._kinds.get((group, version, plural))

    def preferred(self, group: str, plural: str) -> Kind:
        """KeyError for an unknown resource."""
        return self._preferred[(group, plural)]

    def of(self, resource: Resource) -> Kind:
        """The kind of a resource value; KeyError when it is no longer served."""
        return self._kinds[(resource.group, resource.version, resource.plural)]

    def by_kind(self, group: str, version: str, kind: str) -> Kind | None:
        """The served kind of an object's apiVersion and kind."""
        for known in self._kinds.values():
            resource = known.resource
            if (resource.group, resource.version, resource.kind) == (group, version, kind):
                return known
        return None

    def all(self) -> list[Kind]:
        """Every served version of every resource, in a stable order."""
        return [self._kinds[key] for key in sorted(self._kinds)]

    def storage(self, resource: Resource) -> tuple[str, str]:
        """Group and plural under which the store keeps this resource's objects."""
        key = (resource.group, resource.plural)
        return _STORED_IN.get(key, key)
