"""The limits of a target during a run: windows, gate, pause, and how much may be harmed.

One per run. They are checked for everything that an action has chosen, before the first victim is
harmed, so a refused action has changed nothing. The pause annotation on any namespace in which the
run acts pauses the run. Nothing here limits the undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.cluster.permit.consent_keys import PAUSED, closed_systems
from resilience.config.targets import Target
from resilience.config.windows import Windows
from resilience.engine.guard import gate
from resilience.kube import objects
from resilience.kube.clock import ahead, told
from resilience.model.scenario import Step
from resilience.model.verb import Family, Phase
from resilience.model.words import many
from resilience.verbs.context import Refused

__all__ = ["PAUSED", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Some:
    """At most so many of these Pods, by uid in their namespaces, will be harmed."""

    pods: Mapping[str, set[str]]
    most: int


def worst(harmed: Mapping[str, set[str]], reserved: Sequence[Some]) -> tuple[int, dict[str, int]]:
    """Pods that are harmed if each choice falls on as many others as it can: in all, and by
    namespace."""
    counts = {space: len(uids) for space, uids in harmed.items()}
    new = [{space: uids - harmed.get(space, set()) for space, uids in some.pods.items()}
           for some in reserved]  # fmt: skip
    union: dict[str, set[str]] = {}
    for each in new:
        for space, uids in each.items():
            union.setdefault(space, set()).update(uids)
    for space, uids in union.items():
        chosen = sum(min(some.most, len(each.get(space, ())))
                     for some, each in zip(reserved, new, strict=True))  # fmt: skip
        counts[space] = counts.get(space, 0) + min(chosen, len(uids))
    chosen = sum(min(some.most, sum(map(len, each.values())))
                 for some, each in zip(reserved, new, strict=True))  # fmt: skip
    total = sum(map(len, harmed.values())) + min(chosen, sum(map(len, union.values())))
    return total, counts


def _by_namespace(pods: Iterable[Object]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in (each for each in pods if not objects.is_finished(each)):
        found.setdefault(objects.namespace(pod), set()).add(objects.uid(pod))
    return found


class Limits:
    """What a run may still do. `target` is None if consent came from a label, which sets no limits.
    `namespaces` are those that the run's file acts in; others count as soon as one of their Pods is
    chosen. `wall` is this machine's clock, `server` the API server's, where windows ask both."""

    def __init__(
        self,
        target: Target | None,
        cluster: Cluster,
        namespaces: Iterable[str],
        wall: Callable[[], float],
        fetch: gate.Fetch = gate.fetch,
        server: Callable[[], float] | None = None,
    ) -> None:
        self._target = target
        self._cluster = cluster
        self._namespaces = frozenset(namespaces)
        self._wall, self._server = wall, server or wall
        self._fetch = fetch
        self._harmed: dict[str, set[str]] = {}
        self._nodes: set[str] = set()
        self._reserved: list[Some] = []
        self._there: dict[str, int] = {}
        self._lock = Lock()

    def before(self, step: Step) -> None:
        """Raise Refused when no further step is allowed now."""
        if step.phase is Phase.THEN:
            return
        for namespace in sorted(self._namespaces):
            self._unless_paused(namespace)
        if step.verb.family is Family.ACTION:
            self.open_now()

    def open_now(self) -> None:
        """Raise Refused outside of the windows, or if the gate does not allow the action."""
        if self._target is None:
            return
        if closed := self._closed(self._target.windows):
            raise Refused(f"target {self._target.name} is closed: {closed}")
        if self._target.gate is not None:
            gate.require(self._target.gate, self._fetch)

    def _closed(self, windows: Windows) -> str:
        """If one of the two clocks is wrong, it is unknown which: a window is open by both."""
        if not windows.open and not windows.blackouts:
            return ""
        ours = self._wall()
        if closed := windows.closed(datetime.fromtimestamp(ours, UTC)):
            return closed
        skew = ahead(self._server(), ours)
        closed = windows.closed(datetime.fromtimestamp(ours + skew, UTC)) if skew else ""
        return f"{closed} ({told(skew)})" if closed else ""

    def may_harm(self, chosen: Sequence[Object]) -> None:
        """Count these Pods or nodes, or refuse all of them. Finished Pods count only in system
        namespaces."""
        self.were_chosen(chosen, ())

    def were_chosen(self, chosen: Sequence[Object], of: Sequence[object]) -> None:
        """The same; they count instead of what `may_harm_some` reserved for them."""
        pods = [obj for obj in chosen if obj.get("kind", "Pod") == "Pod"]
        self._unless_any_paused(pods)
        if self._target is None:
            return
        nodes = {objects.uid(obj) for obj in chosen if obj.get("kind") == "Node"}
        with self._lock:
            harmed = {space: set(uids) for space, uids in self._harmed.items()}
            for space, uids in _by_namespace(pods).items():
                harmed.setdefault(space, set()).update(uids)
            reserved = [each for each in self._reserved if not any(each is one for one in of)]
            self._check_system({objects.namespace(pod) for pod in pods}, self._target)
            self._check(harmed, reserved, self._target)
            self._check_nodes(self._nodes | nodes, self._target)
            self._harmed, self._nodes, self._reserved = harmed, self._nodes | nodes, reserved

    def may_harm_some(self, candidates: Sequence[Object], most: int) -> object:
        """Refuse unless every choice of so many of these Pods keeps the limits. The worst choice
        counts until `were_chosen` gets what this returns."""
        self._unless_any_paused(candidates)
        if self._target is None or not most:
            return None
        with self._lock:
            some = Some(pods=_by_namespace(candidates), most=most)
            self._check_system({objects.namespace(pod) for pod in candidates}, self._target)
            self._check(self._harmed, [*self._reserved, some], self._target)
            self._reserved.append(some)
        return some

    def _check(
        self, harmed: Mapping[str, set[str]], reserved: Sequence[Some], target: Target
    ) -> None:
        total, shares = worst(harmed, reserved)
        self._check_pods(total, target)
        self._check_share(shares, target)

    def _unless_any_paused(self, pods: Sequence[Object]) -> None:
        for namespace in sorted({objects.namespace(pod) for pod in pods} - self._namespaces):
            self._unless_paused(namespace)

    def _check_system(self, touched: set[str], target: Target) -> None:
        for namespace in sorted(touched & closed_systems(target.namespaces)):
            raise Refused(
                f"Pods of {namespace} would be harmed, but it is a system namespace; if you "
                f"intend that, list it in `namespaces` of target {target.name}"
            )

    def _check_pods(self, total: int, target: Target) -> None:
        if target.max_pods is not None and total > target.max_pods:
            raise Refused(
                f"{many(total, 'Pod')} would be harmed by this run, but target {target.name} allows"
                f" max_pods = {target.max_pods}"
            )

    def _check_share(self, harmed: dict[str, int], target: Target) -> None:
        if target.max_share is None:
            return
        for namespace, number in sorted(harmed.items()):
            there = self._count(namespace)
            if number > target.max_share.of(there):
                raise Refused(
                    f"{number} of the {many(there, 'Pod')} of namespace {namespace} would be "
                    f"harmed by this run, but target {target.name} allows max_share ="
                    f" {target.max_share}"
                )

    def _check_nodes(self, nodes: set[str], target: Target) -> None:
        if target.max_nodes is not None and len(nodes) > target.max_nodes:
            raise Refused(
                f"{many(len(nodes), 'node')} would be affected by this run, but target "
                f"{target.name}"
                f" allows max_nodes = {target.max_nodes}"
            )

    def _count(self, namespace: str) -> int:
        """The number of living Pods when the run first touched the namespace, so that its own harm
        does not reduce the total."""
        if namespace not in self._there:
            self._there[namespace] = sum(
                not objects.is_finished(pod)
                and not objects.is_terminating(pod)
                and not objects.is_ours(pod)
                for pod in self._cluster.list(PODS, namespace)
            )
        return self._there[namespace]

    def _unless_paused(self, name: str) -> None:
        """A namespace that does not exist yet is not paused; one that cannot be read may be."""
        try:
            namespace = self._cluster.get(NAMESPACES, name)
        except NotFound:
            return
        except Forbidden as error:
            raise Refused(
                f"cannot read whether namespace {name} is paused: {error}; to continue: allow"
                f" `get` of the namespace {name} (resilience rbac prints the role)"
            ) from None
        value = objects.annotation(namespace, PAUSED)
        if value and value != "false":
            raise Refused(
                f"namespace {name} is paused ({PAUSED}={value}); to continue: kubectl annotate"
                f" namespace {name} {PAUSED}-"
            )
