"""Targets: the clusters that may be changed, listed in a file under version control.

`[tool.resilience.targets.NAME]` in pyproject.toml or `[targets.NAME]` in resilience.toml, both in
the root folder. Every key is checked: a misspelt limit must not count as no limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from resilience.cluster.capabilities.machine_driver import MachineDriver
from resilience.config import project_tables
from resilience.config.project_tables import BadTable, heading
from resilience.config.root import SETTINGS
from resilience.config.target_keys import KEYS
from resilience.config.windows import Windows
from resilience.kube.selectors import Selector
from resilience.model.nearest import did_you_mean
from resilience.model.values import Rate, Share
from resilience.model.words import many

T = TypeVar("T")

RATE = 20.0
"""Default rate of actions' requests to a real API server, low enough not to affect other
clients."""

BURST = 40
"""Requests at once."""


class BadTarget(ValueError):
    """A target that cannot be parsed; the text names file, target and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A query before each action. `unless` is a PromQL query or an Alertmanager filter: a
    non-empty result refuses the action, and so does no answer.
    """

    kind: Literal["prometheus", "alertmanager"]
    url: str
    unless: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One cluster, and what is allowed there.

    `cluster` is the uid of its kube-system namespace: a context name proves nothing. `namespaces`
    may be changed, and created; namespaces with labels that match one of `namespace_selectors` may
    be changed; `nodes` says whether nodes may be; `cluster_scoped` lists other objects outside of
    namespaces (`RESOURCE.GROUP` or `RESOURCE.GROUP/NAME`). `max_pods`, `max_nodes` and `max_share`
    (of the Pods of a namespace) limit how much one run may disrupt; None is no limit. `rate` and
    `burst` are requests of actions, per second and at once. `driver` is a command that stops and
    starts nodes (`COMMAND down|up|reboot NODE`), `machine_driver` one of `resilience.machines`;
    `privileged` allows Pods that reach into a node, `real_time_prober` probers that may take a
    real-time priority. `helper_image` is the image of helper Pods on
    this cluster.
    """

    name: str
    context: str
    cluster: str
    namespaces: tuple[str, ...] = ()
    namespace_selectors: tuple[Selector, ...] = ()
    nodes: bool = False
    cluster_scoped: tuple[str, ...] = ()
    max_pods: int | None = None
    max_nodes: int | None = None
    max_share: Share | None = None
    windows: Windows = field(default_factory=Windows)
    rate: float = RATE
    burst: int = BURST
    gate: Gate | None = None
    driver: tuple[str, ...] = ()
    machine_driver: MachineDriver | None = None
    privileged: bool = False
    real_time_prober: bool = False
    helper_image: str = ""
    file: str = field(default=project_tables.OWN, compare=False)

    @property
    def written(self) -> str:
        """Its table, and the file that has it."""
        return f"[{heading(self.file, 'targets', self.name)}] of {self.file}"


class Targets(tuple[Target, ...]):
    """All targets, and where they were looked for."""

    root: Path

    @classmethod
    def of(cls, root: Path, found: Iterable[Target]) -> Targets:
        """Those of the files in `root`."""
        made = cls(found)
        made.root = root
        return made

    def looked_for(self) -> str:
        """The folder, and each file with what it holds: for a message about a lack of consent."""
        counts = {name: sum(each.file == name for each in self) for name in SETTINGS}
        told = [f"{name} ({self._held(name, count)})" for name, count in counts.items()]
        return f"targets were looked for in {self.root}: {' and '.join(sorted(told, reverse=True))}"

    def _held(self, name: str, count: int) -> str:
        if count:
            return many(count, "target")
        if not (self.root / name).is_file():
            return "does not exist"
        return f"no [{heading(name, 'targets', 'NAME')}]"


def load(root: Path) -> Targets:
    """All targets of both files, sorted by name. BadTarget for anything that cannot be parsed."""
    found: dict[str, Target] = {}
    for path, table in tables(root, "targets"):
        for name, body in table.items():
            if name in found:
                raise BadTarget(f"{path}: target {name!r} is also in pyproject.toml")
            found[name] = _target(path, name, body)
    return Targets.of(root, (found[name] for name in sorted(found)))


def tables(root: Path, name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The table of this name in both files. BadTarget names the place."""
    try:
        yield from project_tables.tables(root, name)
    except BadTable as error:
        raise BadTarget(str(error)) from error


def _target(path: Path, name: str, body: Any) -> Target:
    where = f"{path}: target {name!r}"
    if not isinstance(body, dict):
        raise BadTarget(f"{where} is not a table")
    for key, value in body.items():
        _check(where, key, value)
    for key in ("context", "cluster"):
        if not body.get(key):
            hint = (
                ""
                if key == "context"
                else (" (kubectl get namespace kube-system -o jsonpath={.metadata.uid})")
            )
            raise BadTarget(f"{where} has no {key}{hint}")
    return Target(name=name, file=path.name, **_decoded(where, body))


def _decoded(where: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a table whose keys and shapes have been checked."""
    plain = ("context", "cluster", "nodes", "max_pods", "max_nodes", "burst", "privileged",
             "real_time_prober", "helper_image")  # fmt: skip
    values: dict[str, Any] = {key: body[key] for key in plain if key in body}
    values["cluster_scoped"] = _cluster_scoped(where, body.get("cluster_scoped", ()))
    if isinstance(body.get("driver"), dict):
        values["machine_driver"] = _machine_driver(where, body["driver"])
    else:
        values["driver"] = tuple(body.get("driver", ()))
    values["namespaces"] = _namespaces(where, body.get("namespaces", ()))
    values["namespace_selectors"] = tuple(
        _parsed(where, "namespace_selectors", text, Selector.parse)
        for text in body.get("namespace_selectors", ())
    )
    if "rate" in body:
        values["rate"] = float(_parsed(where, "rate", body["rate"], Rate.parse).per_second)
    if "max_share" in body:
        values["max_share"] = _parsed(where, "max_share", body["max_share"], Share.parse)
    values["windows"] = _windows(where, body)
    if "gate" in body:
        values["gate"] = _gate(where, body["gate"])
    return values


_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_OBJECTS = re.compile(r"[a-z0-9]+(\.[a-z0-9][-a-z0-9.]*)?(/[^/\s]+)?")
_OWN_KEYS = {"nodes": "nodes = true", "namespaces": 'namespaces = ["NAME"]'}


def _namespaces(where: str, listed: Sequence[str]) -> tuple[str, ...]:
    for text in listed:
        if not _NAMESPACE.fullmatch(text):
            raise BadTarget(
                f"{where}: namespaces = {text!r}; expected the name of a namespace. To allow "
                "several, list each, or select them by label in namespace_selectors"
            )
    return tuple(listed)


def _cluster_scoped(where: str, listed: Sequence[str]) -> tuple[str, ...]:
    for text in listed:
        if own := _OWN_KEYS.get(text.partition("/")[0]):
            raise BadTarget(f"{where}: cluster_scoped = {text!r}; write {own} instead")
        if not _OBJECTS.fullmatch(text):
            raise BadTarget(
                f"{where}: cluster_scoped = {text!r}; expected RESOURCE.GROUP or"
                " RESOURCE.GROUP/NAME, such as clusterroles.rbac.authorization.k8s.io"
            )
    return tuple(listed)


def _parsed(where: str, key: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise BadTarget(f"{where}: {key} = {text!r}: {error}") from None


def _machine_driver(where: str, table: Mapping[str, Any]) -> MachineDriver:
    from resilience.machines import kinds

    try:
        return kinds.parse(table)
    except ValueError as error:
        raise BadTarget(f"{where}: driver: {error}") from None


def _windows(where: str, body: Mapping[str, Any]) -> Windows:
    try:
        return Windows.parse(
            body.get("windows", ()), body.get("blackout", ()), body.get("timezone", "UTC")
        )
    except ValueError as error:
        raise BadTarget(f"{where}: windows, blackout or timezone: {error}") from None


def _gate(where: str, body: Mapping[str, Any]) -> Gate:
    texts = all(isinstance(value, str) and value for value in body.values())
    kinds = [kind for kind in ("prometheus", "alertmanager") if kind in body]
    if not texts or len(kinds) != 1 or set(body) != {kinds[0], "unless"}:
        raise BadTarget(
            f"{where}: gate = {dict(body)!r}; expected two strings: prometheus or alertmanager (a"
            ' URL), and unless (a query, or a filter such as severity="critical")'
        )
    kind: Any = kinds[0]
    return Gate(kind=kind, url=body[kind].rstrip("/"), unless=body["unless"])


def _check(where: str, key: str, value: Any) -> None:
    if key not in KEYS:
        hint = did_you_mean(key, KEYS) or f"; expected {', '.join(sorted(KEYS))}"
        raise BadTarget(f"{where}: unknown key {key!r}{hint}")
    if not KEYS[key].fits(value):
        raise BadTarget(f"{where}: {key} = {value!r}; expected {KEYS[key].words}")
