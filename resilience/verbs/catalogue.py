"""The composition root of the language: which verbs exist, built-in and third-party.

Built-in verbs are one module each, listed in a table and imported on first use. A third party adds
its own with the entry-point group `resilience.verbs`; the entry points' names are the verbs:

    [project.entry-points."resilience.verbs"]
    unplug = "my_package.unplug:VERB"

A verb that cannot be loaded, or whose name is taken, is reported where a scenario uses it; it never
stops anything else. The environment's entry points are read only when a verb is looked up that is
not built in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from resilience.model.verb import Unusable, Verb

GROUP = "resilience.verbs"

BUILTIN: Mapping[str, str] = {
    "apply": "resilience.actions.objects.apply",
    "chaos_mesh": "resilience.actions.network.chaos_mesh",
    "choose": "resilience.actions.flow.choose",
    "command": "resilience.probes.kinds.command",
    "cordon": "resilience.actions.nodes.cordon",
    "crash": "resilience.actions.pods.crash",
    "delete": "resilience.actions.objects.delete",
    "disruption_budget": "resilience.probes.kinds.disruption_budget",
    "dns": "resilience.probes.kinds.dns",
    "drain": "resilience.actions.nodes.drain",
    "evict": "resilience.actions.pods.evict",
    "exec": "resilience.actions.pods.exec",
    "expect_refused": "resilience.actions.flow.expect_refused",
    "grpc": "resilience.probes.kinds.web.grpc",
    "http": "resilience.probes.kinds.http",
    "journey": "resilience.probes.kinds.web.journey",
    "kill": "resilience.actions.pods.kill",
    "kubernetes": "resilience.probes.kinds.kubernetes",
    "ledger": "resilience.probes.kinds.ledger",
    "log": "resilience.probes.kinds.logs.log",
    "matches_snapshot": "resilience.checks.matches_snapshot",
    "node_down": "resilience.actions.nodes.node_down",
    "parallel": "resilience.actions.flow.parallel",
    "partition": "resilience.actions.network.partition",
    "prometheus": "resilience.probes.kinds.prometheus",
    "python": "resilience.probes.kinds.python",
    "quarantine": "resilience.actions.pods.quarantine",
    "ready": "resilience.checks.ready",
    "reboot": "resilience.actions.nodes.reboot",
    "recovered": "resilience.checks.recovered",
    "redis": "resilience.probes.kinds.redis",
    "repeat": "resilience.actions.flow.repeat",
    "restart": "resilience.actions.workloads.restart",
    "restarts": "resilience.checks.restarts",
    "restore": "resilience.actions.backups.restore",
    "run_job": "resilience.actions.workloads.run_job",
    "scale": "resilience.actions.workloads.scale",
    "set_image": "resilience.actions.workloads.set_image",
    "sleep": "resilience.actions.flow.sleep",
    "snapshot": "resilience.actions.backups.snapshot",
    "sql": "resilience.probes.kinds.sql",
    "suspend": "resilience.actions.workloads.suspend",
    "taint": "resilience.actions.nodes.taint",
    "tcp": "resilience.probes.kinds.tcp",
    "zone": "resilience.actions.nodes.zone",
}
"""Verb to the module that holds it as `VERB`."""

FORMER: Mapping[str, str] = {
    "budget": "disruption_budget",
    "lose": "delete",
    "one_of": "choose",
    "refused": "expect_refused",
    "same": "matches_snapshot",
}
"""Former names of verbs; they are accepted with a warning until the next release."""


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


@dataclass
class Verbs:
    """A `resilience.model.verb.Catalogue` that imports a verb when it is first looked up."""

    builtin: Mapping[str, str] = field(default_factory=lambda: BUILTIN)
    installed: Callable[[], Iterable[EntryPoint]] = _installed
    _found: dict[str, Verb | Unusable | None] = field(default_factory=dict)

    def names(self) -> Sequence[str]:
        """All verb names, sorted."""
        return sorted({*self.builtin, *self._third})

    def find(self, name: str) -> Verb | Unusable | None:
        """The verb with that name or that former name; None when there is none."""
        name = FORMER.get(name, name)
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    @cached_property
    def _third(self) -> Mapping[str, Sequence[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in sorted(self.installed(), key=lambda point: (point.name, point.value)):
            found.setdefault(point.name, []).append(point)
        return found

    def _load(self, name: str) -> Verb | Unusable | None:
        if name in self.builtin:
            verb: Verb = import_module(self.builtin[name]).VERB
            return verb
        points = self._third.get(name)
        return _third_party(name, points) if points else None

    def shadowed(self) -> Sequence[str]:
        """Third-party verbs that can never be used, with the reason; for `resilience doctor`."""
        return [
            f"the verb `{name}` of {_owner(point)} has the name of a built-in verb"
            for name in sorted(set(self._third) & set(self.builtin))
            for point in self._third[name]
        ]


def _third_party(name: str, points: Sequence[EntryPoint]) -> Verb | Unusable:
    owners = sorted({_owner(point) for point in points})
    if len({point.value for point in points}) > 1:
        return Unusable(reason=f"it is declared by {' and by '.join(owners)}")
    try:
        verb = points[0].load()
    except Exception as error:  # noqa: BLE001 - code of others may raise anything at import
        text = str(error).partition("\n")[0]
        return Unusable(reason=f"{owners[0]} fails with {type(error).__name__}: {text}")
    if not isinstance(verb, Verb) or verb.name != name:
        return Unusable(reason=f"{points[0].value} of {owners[0]} is not a verb called {name}")
    return verb


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def catalogue() -> Verbs:
    """Every verb of this environment."""
    return Verbs()
