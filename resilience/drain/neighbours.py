"""Rules between a Pod and the Pods that are on a node or in its zone: required affinity and
anti-affinity, hard topology spread, host ports. Pure.

Sources: the scheduler's plugins interpodaffinity, podtopologyspread and nodeports. An answer is an
obstacle only if it lasts: Pods that are terminating do not count, and a constraint counts
the Pods that stay, however those that move are placed. Who has to be near a Pod that moves may go
where that goes, and is near it itself. A drained node is cordoned, but remains an empty domain of a
spread constraint unless `nodeTaintsPolicy: Honor` leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resilience.kube import objects
from resilience.kube.label_selector import matches
from resilience.kube.node_affinity import REQUIRED, admits
from resilience.kube.objects import Object

AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
SPREAD = "node(s) didn't match pod topology spread constraints"
PORTS = "node(s) didn't have free ports for the requested pod ports"
RULES = frozenset((AFFINITY, ANTI_AFFINITY, EXISTING, SPREAD, PORTS))

Counts = dict[str, int]
"""Pods by domain."""

Namespaces = Mapping[str, Mapping[str, str]]
"""Labels by namespace, of those that are known."""


class Neighbours:
    """Who is where: `staying` for good, and those of `moving` that are placed so far. `drained`
    nodes take nobody. What `namespaces` does not hold is no obstacle."""

    def __init__(
        self,
        nodes: Sequence[Object],
        drained: Sequence[Object],
        staying: Iterable[Object],
        moving: Sequence[Object] = (),
        namespaces: Namespaces | None = None,
    ) -> None:
        self._moving = moving
        self._namespaces = namespaces or {}
        self._nodes = {objects.name(node): node for node in (*nodes, *drained)}
        self._drained = {objects.name(node) for node in drained}
        self._on: dict[str, list[Object]] = {name: [] for name in self._nodes}
        self._placed: dict[str, list[Object]] = {name: [] for name in self._nodes}
        self._shy: list[tuple[str, Object]] = []
        self._known: dict[tuple[int, int], tuple[Counts, Counts]] = {}
        for pod in staying:
            if objects.node(pod) in self._on and not objects.is_terminating(pod):
                self._put(pod, objects.node(pod), self._on)

    def place(self, pod: Object, node: Object) -> None:
        """The Pod goes to that node."""
        self._put(pod, objects.name(node), self._placed)

    def _put(self, pod: Object, name: str, where: dict[str, list[Object]]) -> None:
        where[name].append(pod)
        self._known.clear()
        if _apart(pod):
            self._shy.append((name, pod))

    def obstacle(self, pod: Object, node: Object) -> str:
        """Why the Pod cannot be beside those who are there, in the scheduler's words; ""."""
        here = self._all(objects.name(node))
        if any(_meet(one, other) for each in here for one in _ports(each) for other in _ports(pod)):
            return PORTS
        if any(self._is_alone(pod, term, node) for term in _together(pod)):
            return AFFINITY
        if any(self._near(pod, term, node) for term in _apart(pod)):
            return ANTI_AFFINITY
        if self._is_shunned(pod, node):
            return EXISTING
        return SPREAD if any(self._skews(pod, rule, node) for rule in _hard(pod)) else ""

    def _all(self, name: str) -> list[Object]:
        return [*self._on[name], *self._placed[name]]

    def _domain(self, node: Object, key: str) -> Iterator[str]:
        """Names of the nodes that have the same value of this label."""
        value = objects.labels(node).get(key)
        for name, other in self._nodes.items():
            if value is not None and objects.labels(other).get(key) == value:
                yield name

    def _is_alone(self, pod: Object, term: Mapping[str, Any], node: Object) -> bool:
        """Whether nobody whom it has to be near is there, nor may come."""
        if str(term.get("topologyKey")) not in objects.labels(node):
            return True
        if any(self._selects(pod, term, other, unknown=True) for other in self._moving):
            return False
        return not self._near(pod, term, node, unknown=True)

    def _near(
        self, pod: Object, term: Mapping[str, Any], node: Object, *, unknown: bool = False
    ) -> bool:
        return any(
            self._selects(pod, term, other, unknown=unknown)
            for name in self._domain(node, str(term.get("topologyKey")))
            for other in self._all(name)
        )

    def _is_shunned(self, pod: Object, node: Object) -> bool:
        return any(
            self._selects(other, term, pod)
            and name in self._domain(node, str(term.get("topologyKey")))
            for name, other in self._shy
            for term in _apart(other)
        )

    def _skews(self, pod: Object, rule: Mapping[str, Any], node: Object) -> bool:
        key = str(rule.get("topologyKey"))
        here = objects.labels(node).get(key)
        if here is None:
            return True
        known = id(pod), id(rule)
        if known not in self._known:
            self._known[known] = self._counts(pod, rule, key)
        staying, final = self._known[known]
        fewest = min(final.values(), default=0) if len(final) >= _least(rule) else 0
        own = int(_counted(pod, rule, pod))
        return staying.get(here, 0) + own - fewest > int(rule.get("maxSkew") or 1)

    def _counts(self, pod: Object, rule: Mapping[str, Any], key: str) -> tuple[Counts, Counts]:
        """Matching Pods by domain: those that stay, and with those placed so far."""
        staying: Counts = {}
        final: Counts = {}
        for name, node in self._nodes.items():
            domain = objects.labels(node).get(key)
            if domain is None or not self._eligible(pod, rule, node):
                continue
            stay = sum(_counted(pod, rule, other) for other in self._on[name])
            moved = sum(_counted(pod, rule, other) for other in self._placed[name])
            staying[domain] = staying.get(domain, 0) + stay
            final[domain] = final.get(domain, 0) + stay + moved
        return staying, final

    def _eligible(self, pod: Object, rule: Mapping[str, Any], node: Object) -> bool:
        """Whether the node counts as (part of) a domain of this constraint."""
        every_key = all(each.get("topologyKey") in objects.labels(node) for each in _hard(pod))
        if not every_key or (rule.get("nodeAffinityPolicy") != "Ignore" and not admits(pod, node)):
            return False
        is_closed = objects.name(node) in self._drained or (node.get("spec") or {}).get("taints")
        return not (rule.get("nodeTaintsPolicy") == "Honor" and is_closed)

    def _selects(
        self, owner: Object, term: Mapping[str, Any], other: Object, *, unknown: bool = False
    ) -> bool:
        """Whether a term of `owner` means the other Pod; `unknown` if only the labels of its
        namespace could tell, and are not known."""
        return _matches(owner, term, other) and self._reaches(owner, term, other, unknown)

    def _reaches(
        self, owner: Object, term: Mapping[str, Any], other: Object, unknown: bool
    ) -> bool:
        chosen, names = term.get("namespaceSelector"), term.get("namespaces") or ()
        own = () if names or chosen is not None else (objects.namespace(owner),)
        where = objects.namespace(other)
        if chosen is None or where in (*names, *own):
            return where in (*names, *own)
        if chosen and where not in self._namespaces:
            return unknown
        return matches(chosen, self._namespaces.get(where, {}))


def asks_namespaces(pods: Iterable[Object]) -> bool:
    """Whether a rule of one of these Pods goes by the labels of namespaces."""
    return any(term.get("namespaceSelector") for pod in pods for term in (*_apart(pod),
               *_together(pod)))  # fmt: skip


def _least(rule: Mapping[str, Any]) -> int:
    return int(rule.get("minDomains") or 1)


def _hard(pod: Object) -> list[Mapping[str, Any]]:
    rules = (pod.get("spec") or {}).get("topologySpreadConstraints") or ()
    return [each for each in rules if each.get("whenUnsatisfiable") == "DoNotSchedule"]


def _apart(pod: Object) -> Sequence[Mapping[str, Any]]:
    return _required(pod, "podAntiAffinity")


def _together(pod: Object) -> Sequence[Mapping[str, Any]]:
    return _required(pod, "podAffinity")


def _required(pod: Object, kind: str) -> Sequence[Mapping[str, Any]]:
    affinity = (pod.get("spec") or {}).get("affinity") or {}
    return (affinity.get(kind) or {}).get(REQUIRED) or ()


def _counted(pod: Object, rule: Mapping[str, Any], other: Object) -> bool:
    """Whether a constraint of `pod` counts the other Pod."""
    return objects.namespace(pod) == objects.namespace(other) and _matches(pod, rule, other)


def _matches(owner: Object, rule: Mapping[str, Any], other: Object) -> bool:
    """By `labelSelector`, with the owner's own values of `matchLabelKeys`. No selector: nobody."""
    selector, mine, theirs = rule.get("labelSelector"), objects.labels(owner), objects.labels(other)
    if selector is None or not matches(selector, theirs):
        return False
    same = [key for key in rule.get("matchLabelKeys") or () if key in mine]
    differ = [key for key in rule.get("mismatchLabelKeys") or () if key in mine]
    return all(theirs.get(key) == mine[key] for key in same) and all(
        theirs.get(key) != mine[key] for key in differ
    )


def _ports(pod: Object) -> Iterator[tuple[str, str, int]]:
    """(address, protocol, port) of each host port."""
    for container in objects.lasting_containers(pod):
        for port in container.get("ports") or ():
            if number := int(port.get("hostPort") or 0):
                yield port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", number


def _meet(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    anywhere = "0.0.0.0" in (one[0], other[0])
    return one[1:] == other[1:] and (anywhere or one[0] == other[0])
