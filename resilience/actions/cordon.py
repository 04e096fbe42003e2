"""`cordon`: no new Pods on a node. A node that was cordoned before stays so at the end.

The node carries our run's id in an annotation while it is ours; the undo takes the cordon away only
together with that mark, so one that somebody else has put on since is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.actions import nodes
from resilience.actions.edit import edit
from resilience.actions.putback import RUN
from resilience.cluster import objects
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NODES, Object
from resilience.context import ActionContext, NothingToDo, UndoContext
from resilience.model.timeline import What
from resilience.model.verb import Family, Phase, Verb, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """Parameters of `cordon`."""

    node: str | nodes.NodeQuery = parameter(
        "A node's name, `biggest`, or which nodes.", example="{running: app=checkout}"
    )


def run(cordon: Cordon, context: ActionContext) -> None:
    """Mark the nodes unschedulable; those that are already are passed over."""
    found = nodes.chosen(cordon.node, context)
    fresh = [node for node in found if not is_cordoned(node)]
    for node in found:
        if node not in fresh:
            context.note(What.NOTE, f"{objects.name(node)} is cordoned already; it stays so")
    if not fresh:
        raise NothingToDo("every chosen node is cordoned already: "
                          + ", ".join(objects.name(node) for node in found))  # fmt: skip
    for node in fresh:
        put_on(node, context)


def is_cordoned(node: Object) -> bool:
    """Whether it takes no new Pods by an operator's word."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def put_on(node: Object, context: ActionContext) -> None:
    """Cordon one node, with undo and proof."""
    name = objects.name(node)
    data = {"node": name, "uid": objects.uid(node), "run": str(context.run)}
    context.will_undo(data, f"uncordon {name}")
    context.affected(node, f"{name} is cordoned")
    mark = {"annotations": {RUN: str(context.run)}}
    after = edit(context.cluster, NODES, name, "",
                 lambda _: {"spec": {"unschedulable": True}, "metadata": mark})  # fmt: skip
    if is_cordoned(after):
        context.proof(f"{name} is unschedulable", {"uid": objects.uid(after)})


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Take the cordon away, if it is still ours."""

    def change(node: Object) -> dict[str, Any] | None:
        if objects.uid(node) != data["uid"] or objects.annotation(node, RUN) != data["run"]:
            return None
        return {"spec": {"unschedulable": None}, "metadata": {"annotations": {RUN: None}}}

    try:
        edit(context.cluster, NODES, str(data["node"]), "", change)
    except NotFound:
        return


VERB = Verb(
    name="cordon",
    family=Family.ACTION,
    summary="Let no new Pods onto a node.",
    parameters=Cordon,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda cordon: f"cordon {nodes.describe(cordon.node)}",
    shorthand="node",
    rights=nodes.rights,
    undo=undo,
    undo_text="The node is uncordoned, unless it was cordoned before or by somebody else.",
    proof="The API server's answer says unschedulable.",
    example="cordon: {node: {running: app=checkout}}",
)
