"""Which kinds the target serves, now or once the snapshot's own definitions exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.objects.kind_identity import is_built_in
from resilience.backup.restore.outcome import Outcome
from resilience.backup.take.discover import discover
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import Cluster, Object, Resource

CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
_PATIENCE = 60.0
_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class MissingKind:
    """A kind, or a version of it, that the target does not serve."""

    outcome: Outcome
    reason: str


class Kinds:
    """`expect` names kinds (`widgets.example.com`) that the snapshot itself defines."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster, self._clock = cluster, clock
        self._kinds: dict[str, Resource] = {}
        self._versions: Mapping[str, frozenset[str]] = {}
        self._with_status: frozenset[str] = frozenset()
        self._expected: frozenset[str] = frozenset()
        self._discover()

    def expect(self, kinds: Iterable[str]) -> None:
        """Kinds that come with the snapshot."""
        self._expected = frozenset(kinds)

    def _discover(self) -> None:
        found = discover(self._cluster)
        self._kinds = {kind.full_name: kind for kind in found.kinds}
        self._versions = found.served_in
        self._with_status = found.with_status

    def has_status(self, kind: str) -> bool:
        """Whether the status is a subresource, which a create ignores."""
        return kind in self._with_status

    def of(self, kind: str, obj: Object) -> Resource | MissingKind:
        """The resource in the version that the object is written in."""
        served = self._kinds.get(kind)
        version = str(obj["apiVersion"]).rpartition("/")[2]
        if served and version in self._versions[kind]:
            return Resource(served.group, version, served.plural, served.kind, served.namespaced)
        if kind in self._expected:
            return MissingKind(Outcome.UNASKED, "its kind comes with the snapshot")
        return MissingKind(Outcome.REJECTED, self._gone(kind, obj))

    def _gone(self, kind: str, obj: Object) -> str:
        """The kind that the target serves instead, if any, and the next step."""
        plural = kind.partition(".")[0]
        there = [
            f"{each.group}/{version}" if each.group else version
            for name, each in self._kinds.items()
            if name.partition(".")[0] == plural
            for version in sorted(self._versions[name])
        ]
        leave = f"leave it out with --exclude {kind}"
        if not there:
            return f"the target does not serve {kind}: install its definition, or {leave}"
        step = leave if is_built_in(obj) else f"install a definition that serves it, or {leave}"
        return f"{obj['apiVersion']} is not served; the target serves {', '.join(there)}: {step}"

    def wait_until_served(self) -> None:
        """Wait for `Established` and `NamesAccepted` of all expected kinds, then read discovery
        again."""
        until = self._clock.monotonic() + _PATIENCE
        for name in sorted(self._expected):
            while not self._is_served(name):
                if self._clock.monotonic() >= until:
                    raise RestoreRefused(
                        f"kind {name} was created but is not Established after {_PATIENCE:.0f}s; "
                        "nothing that depends on it was created"
                    )
                self._clock.wait(_PAUSE)
        self._expected = frozenset()
        self._discover()

    def _is_served(self, name: str) -> bool:
        """Whether it is established. A definition that could not be created serves nothing, which
        each of its objects will say."""
        try:
            return _established(self._cluster.get(CRDS, name))
        except NotFound:
            return True


def _established(definition: Object) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    true = {each["type"] for each in conditions if each["status"] == "True"}
    return {"Established", "NamesAccepted"} <= true
