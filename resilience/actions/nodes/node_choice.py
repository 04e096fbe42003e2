"""Chooses the nodes of an action: by name, label, zone, the Pods that run on them, or the biggest.

Node actions cross namespaces, so a step acts on one node unless it gives a count: if several match,
the seed chooses one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from resilience.actions.nodes import own_probers
from resilience.cluster.interface import NODES, PODS, Object
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Share
from resilience.model.verb import Right, parameter
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo

ZONE = "topology.kubernetes.io/zone"
BIGGEST = "biggest"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeQuery:
    """Nodes by their attributes or their Pods."""

    running: Selector | None = parameter(
        "Nodes that run Pods of the namespace with these labels.",
        default=None,
        example="app=checkout",
    )
    labels: Selector | None = parameter(
        "Nodes with these labels.", default=None, example="pool=spot"
    )
    zone: str | None = parameter("All nodes of this zone.", default=None, example="eu-west-1a")
    count: int | Literal["all"] | None = parameter(
        "How many of the matching nodes.", default=None, at_least=1, one_of="how many", example="1"
    )
    share: Share | None = parameter(
        "Which share of the matching nodes, rounded down.",
        default=None,
        one_of="how many",
        example="1/3",
    )


def node_key() -> Any:
    """The key `node` of every action on nodes."""
    return parameter(
        "A node's name, `biggest` (the node with the most Pods of the namespace), or a selection "
        "of nodes.",
        example="{running: app=checkout}",
    )


def describe(node: str | NodeQuery) -> str:
    """For dry runs and reports."""
    if isinstance(node, str):
        return "the biggest node" if node == BIGGEST else f"node {node}"
    many = f"{node.share} of the nodes" if node.share else f"{_count(node)} nodes"
    several = "one node" if _count(node) == 1 and not node.share else many
    return f"{several} {_which(node)}".rstrip()


def _which(node: NodeQuery) -> str:
    words = [
        f"running {node.running}" if node.running else "",
        f"labelled {node.labels}" if node.labels else "",
        f"of zone {node.zone}" if node.zone else "",
    ]
    return " ".join(filter(None, words))


def chosen(node: str | NodeQuery, context: ActionContext) -> list[Object]:
    """The nodes, at least one, by name. Of those that match, nodes without a prober of this project
    come first, then nodes with an agent of several, and nodes with a single prober last."""
    nodes = context.cluster.list(NODES)
    seen = context.view(PODS, context.namespace).objects()
    pods = [pod for pod in seen if not objects.is_ours(pod)]
    ours = [pod for pod in seen if objects.is_ours(pod) and not objects.is_finished(pod)]
    needed = {objects.node(pod) for pod in own_probers.without_agents(ours)}
    spared = (needed, {objects.node(pod) for pod in ours})
    found = pick(node, nodes, pods, context.namespace, context.random, spared=spared)
    context.may_harm(found)
    return found


def pick(
    node: str | NodeQuery,
    nodes: Sequence[Object],
    pods: Sequence[Object],
    namespace: str,
    random: Random,
    *,
    spared: Sequence[Collection[str]] = (),
) -> list[Object]:
    """Choose the nodes; a pure function. Spared nodes are chosen only if there are too few others:
    first those in the fewest of these sets."""
    if isinstance(node, str) and node != BIGGEST:
        return [_named(node, nodes)]
    if isinstance(node, str):
        return [_biggest(nodes, pods)]
    matching = candidates(node, nodes, pods)
    names = ", ".join(sorted(objects.name(each) for each in nodes))
    if not matching:
        raise NothingToDo(
            f"no node is {_which(node)} (namespace {namespace}); "
            f"there are: {names}. Nothing was harmed"
        )
    wanted = _number(node, len(matching))
    if wanted > len(matching):
        raise ActionFailed(f"{wanted} nodes were requested, but only {len(matching)} match")
    found: list[Object] = []
    for rank in range(len(spared) + 1):
        alike = [each for each in matching if _in_sets(each, spared) == rank]
        number = min(wanted - len(found), len(alike))
        found += random.sample(objects.in_order(alike), number)
    return objects.in_order(found)


def _in_sets(node: Object, spared: Sequence[Collection[str]]) -> int:
    return sum(objects.name(node) in names for names in spared)


def candidates(
    node: str | NodeQuery, nodes: Sequence[Object], pods: Sequence[Object]
) -> list[Object]:
    """All nodes that match; [] if there are none. Pure."""
    if isinstance(node, NodeQuery):
        return [each for each in nodes if _matches(node, each, pods)]
    if node == BIGGEST:
        return [_biggest(nodes, pods)] if nodes else []
    return [each for each in nodes if objects.name(each) == node]


def _count(node: NodeQuery) -> int | str:
    return node.count or ("all" if node.zone else 1)


def _number(node: NodeQuery, there: int) -> int:
    if node.share is None:
        return there if _count(node) == "all" else int(_count(node))
    wanted = node.share.of(there)
    if not wanted:
        raise NothingToDo(f"share: {node.share} of {there} nodes is 0; write `count: 1`")
    return wanted


def _matches(query: NodeQuery, node: Object, pods: Sequence[Object]) -> bool:
    labels, name = objects.labels(node), objects.name(node)
    running = query.running
    return (
        (query.labels is None or query.labels.matches(labels))
        and query.zone in (None, labels.get(ZONE))
        and (running is None or any(
            objects.node(pod) == name and running.matches(objects.labels(pod))
            and not objects.is_finished(pod) for pod in pods))
    )  # fmt: skip


def _named(name: str, nodes: Sequence[Object]) -> Object:
    for node in nodes:
        if objects.name(node) == name:
            return node
    there = ", ".join(sorted(objects.name(each) for each in nodes)) or "none"
    raise ActionFailed(f"node {name} does not exist; existing nodes: {there}")


def _biggest(nodes: Sequence[Object], pods: Sequence[Object]) -> Object:
    """The node with most of the namespace's Pods; the first by name if several are equal."""
    if not nodes:
        raise NothingToDo("the cluster lists no nodes")
    counts = {objects.name(node): 0 for node in nodes}
    for pod in pods:
        if objects.node(pod) in counts and not objects.is_finished(pod):
            counts[objects.node(pod)] += 1
    return max(objects.in_order(nodes), key=lambda node: counts[objects.name(node)])


def rights(_: object, namespace: str) -> Sequence[Right]:
    """Permissions of actions that change nodes, for `Verb.rights`."""
    nodes = [Right(verb=verb, group="", resource="nodes") for verb in ("get", "list", "patch")]
    pods = [
        Right(verb=verb, group="", resource="pods", namespace=namespace)
        for verb in ("list", "watch")
    ]
    return [*nodes, *pods]
