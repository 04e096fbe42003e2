"""Which kinds the target serves, now or as soon as the snapshot's own definitions are there."""

from __future__ import annotations

from collections.abc import Iterable

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.restore.outcome import Outcome
from resilience.backup.take.discover import discover, kind_name
from resilience.cluster.interface import Cluster, Object, Resource

_CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
_PATIENCE = 60.0
_PAUSE = 0.25


class Kinds:
    """`expect` names kinds (`widgets.example.com`) that the snapshot itself defines."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster, self._clock = cluster, clock
        self._served: dict[str, Resource] = {}
        self._with_status: frozenset[str] = frozenset()
        self._expected: frozenset[str] = frozenset()
        self._discover()

    def expect(self, kinds: Iterable[str]) -> None:
        """Kinds that come with the snapshot."""
        self._expected = frozenset(kinds)

    def _discover(self) -> None:
        found = discover(self._cluster)
        self._served = {kind_name(kind): kind for kind in found.kinds}
        self._with_status = found.with_status

    def of(self, kind: str, obj: Object) -> Resource | str:
        """The resource in the version that the object is written in, or the kind's name when the
        target does not serve it."""
        served = self._served.get(kind)
        if not served:
            return kind
        version = obj["apiVersion"].rpartition("/")[2]
        if version == served.version:
            return served
        return Resource(served.group, version, served.plural, served.kind, served.namespaced)

    def has_status(self, kind: str) -> bool:
        """Whether the status is a subresource, which a create ignores."""
        return kind in self._with_status

    def missing(self, kind: str) -> tuple[Outcome, str]:
        """What to say of an object of such a kind."""
        if kind in self._expected:
            return Outcome.UNASKED, "its kind comes with the snapshot"
        return Outcome.REJECTED, f"the target does not serve {kind}; install what defines it"

    def wait_until_served(self) -> None:
        """Wait for `Established` and `NamesAccepted` of all expected kinds, then ask again."""
        until = self._clock.monotonic() + _PATIENCE
        for name in sorted(self._expected):
            while not _established(self._cluster.get(_CRDS, name)):
                if self._clock.monotonic() >= until:
                    raise RestoreRefused(
                        f"kind {name} was created but is not Established after {_PATIENCE:.0f}s; "
                        "nothing that depends on it was created"
                    )
                self._clock.wait(_PAUSE)
        self._expected = frozenset()
        self._discover()


def _established(definition: Object) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    true = {each["type"] for each in conditions if each["status"] == "True"}
    return {"Established", "NamesAccepted"} <= true
