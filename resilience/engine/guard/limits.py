"""The limits of a target during a run: windows, gate, pause, and how much may be harmed.

One per run. They are checked for everything that an action has chosen, before the first victim is
harmed, so a refused action has changed nothing. The pause annotation on any namespace in which the
run acts pauses the run. Nothing here limits the undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from threading import Lock

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.cluster.permit.consent_keys import PAUSED, PROTECTED
from resilience.config.targets import Target
from resilience.engine.guard import gate
from resilience.kube import objects
from resilience.model.scenario import Step
from resilience.model.verb import Family, Phase
from resilience.model.words import many
from resilience.verbs.context import Refused

__all__ = ["PAUSED", "Limits"]


class Limits:
    """What a run may still do. `target` is None if consent came from a label, which sets no limits.
    `namespaces` are those that the run's file acts in; others count as soon as one of their Pods is
    chosen."""

    def __init__(
        self,
        target: Target | None,
        cluster: Cluster,
        namespaces: Iterable[str],
        wall: Callable[[], float],
        fetch: gate.Fetch = gate.fetch,
    ) -> None:
        self._target = target
        self._cluster = cluster
        self._namespaces = frozenset(namespaces)
        self._wall = wall
        self._fetch = fetch
        self._harmed: dict[str, set[str]] = {}
        self._nodes: set[str] = set()
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
        closed = self._target.windows.closed(datetime.fromtimestamp(self._wall(), UTC))
        if closed:
            raise Refused(f"target {self._target.name} is closed: {closed}")
        if self._target.gate is not None:
            gate.require(self._target.gate, self._fetch)

    def may_harm(self, chosen: Sequence[Object]) -> None:
        """Count these Pods or nodes, or refuse all of them. Finished Pods count only in system
        namespaces."""
        pods = [obj for obj in chosen if obj.get("kind", "Pod") == "Pod"]
        self._unless_any_paused(pods)
        if self._target is None:
            return
        nodes = {objects.uid(obj) for obj in chosen if obj.get("kind") == "Node"}
        with self._lock:
            harmed = {space: set(uids) for space, uids in self._harmed.items()}
            for pod in (each for each in pods if not objects.is_finished(each)):
                harmed.setdefault(objects.namespace(pod), set()).add(objects.uid(pod))
            self._check_system({objects.namespace(pod) for pod in pods}, self._target)
            counts = {space: len(uids) for space, uids in harmed.items()}
            self._check_pods(sum(counts.values()), self._target)
            self._check_share(counts, self._target)
            self._check_nodes(self._nodes | nodes, self._target)
            self._harmed, self._nodes = harmed, self._nodes | nodes

    def may_harm_some(self, candidates: Sequence[Object], most: int) -> None:
        """Refuse unless every choice of so many of these Pods keeps the limits. Nothing is counted:
        the Pods that were chosen are, by `may_harm`."""
        self._unless_any_paused(candidates)
        if self._target is None or not most:
            return
        with self._lock:
            more: dict[str, set[str]] = {}
            for pod in (each for each in candidates if not objects.is_finished(each)):
                space = objects.namespace(pod)
                more.setdefault(space, set()).add(objects.uid(pod))
            more = {space: uids - self._harmed.get(space, set()) for space, uids in more.items()}
            counts = {space: len(uids) for space, uids in self._harmed.items()}
            worst = counts | {
                space: counts.get(space, 0) + min(most, len(uids)) for space, uids in more.items()
            }
            new = min(most, sum(map(len, more.values())))
            self._check_system({objects.namespace(pod) for pod in candidates}, self._target)
            self._check_pods(sum(counts.values()) + new, self._target)
            self._check_share(worst, self._target)

    def _unless_any_paused(self, pods: Sequence[Object]) -> None:
        for namespace in sorted({objects.namespace(pod) for pod in pods} - self._namespaces):
            self._unless_paused(namespace)

    def _check_system(self, touched: set[str], target: Target) -> None:
        for namespace in sorted(touched & PROTECTED - set(target.namespaces)):
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
