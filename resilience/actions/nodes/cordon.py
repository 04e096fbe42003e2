"""`cordon`: no new Pods on a node. A node that was already cordoned stays cordoned at the end.

The run marks the node with its id in an annotation; the undo removes the cordon only together with
that mark, so it leaves alone a cordon that someone else has set since.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience.actions.nodes import node_choice
from resilience.actions.undo import reverting
from resilience.cluster.interface import NODES, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.verb import Family, Phase, Verb
from resilience.verbs.context import ActionContext, NothingToDo


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """Parameters of `cordon`."""

    node: str | node_choice.NodeQuery = node_choice.node_key()


def run(cordon: Cordon, context: ActionContext) -> None:
    """Mark the nodes unschedulable; nodes that are unschedulable already stay unchanged."""
    found = node_choice.chosen(cordon.node, context)
    fresh = [node for node in found if not is_cordoned(node)]
    for node in found:
        if node not in fresh:
            context.note(What.NOTE, f"{objects.name(node)} is already cordoned; it stays cordoned")
    if not fresh:
        raise NothingToDo("every chosen node is already cordoned: "
                          + ", ".join(objects.name(node) for node in found))  # fmt: skip
    for node in fresh:
        put_on(node, context)


def is_cordoned(node: Object) -> bool:
    """Whether the node is marked unschedulable."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def put_on(node: Object, context: ActionContext) -> None:
    """Cordon one node, with undo and proof."""
    name = objects.name(node)
    context.affected(node, f"{name} is cordoned")
    after = reverting.change(
        context, NODES, node, lambda now: now.setdefault("spec", {}).update(unschedulable=True),
        f"uncordon {name}", mark=True,
    )  # fmt: skip
    if is_cordoned(after):
        context.proof(f"{name} is unschedulable", {"uid": objects.uid(after)})


VERB = Verb(
    name="cordon",
    family=Family.ACTION,
    summary="Mark a node unschedulable, so that no new Pods start on it.",
    parameters=Cordon,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda cordon: f"cordon {node_choice.describe(cordon.node)}",
    shorthand="node",
    rights=node_choice.rights,
    undo=reverting.undo,
    undo_text="The node is uncordoned, unless it was cordoned before or by someone else.",
    proof="The API server answers with the node marked unschedulable.",
    example="cordon: {node: {running: app=checkout}}",
)
