"""`zone`: cordons or drains all nodes with one label value at once, as when a cloud loses a zone.

The nodes are cordoned, or drained within the disruption budgets as by `drain`. The drained Pods
must fit elsewhere, unless `overflow: true` skips that check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resilience.actions.nodes import cordon, drain
from resilience.actions.nodes import node_choice as nodes
from resilience.actions.undo import reverting
from resilience.kube.selectors import Selector
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.verbs.context import ActionContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Parameters of `zone`."""

    value: str = parameter("The zone: the value of the label.", example="eu-central-1a")
    label: str = parameter("The label that holds the zone.", default=nodes.ZONE)
    act: Literal["cordon", "drain"] = parameter("What to do with its nodes.", default="drain")
    grace: Duration | None = parameter(
        "Grace period in whole seconds; each Pod's own by default.", default=None, example="30s"
    )
    empty_dir: bool = parameter(
        "Also evict Pods with emptyDir volumes; their data is lost.", default=False
    )
    bare: bool = parameter(
        "Also evict bare Pods (no controller recreates them) and Pods whose DaemonSet is gone.",
        default=False,
    )
    overflow: bool = parameter("Drain even if the other zones lack capacity.", default=False)

    @property
    def nodes(self) -> nodes.NodeQuery:
        """All of them."""
        return nodes.NodeQuery(labels=Selector.parse(f"{self.label}={self.value}"), count="all")


def _check(zone: Zone) -> Sequence[Complaint]:
    try:
        Selector.parse(f"{zone.label}={zone.value}")
    except ValueError as error:
        return [Complaint(field="value", message=str(error), expected="a label's value")]
    if zone.act == "cordon" and (zone.grace or zone.empty_dir or zone.bare or zone.overflow):
        text = "`act: cordon` evicts nothing, so the keys for evictions have no effect"
        return [Complaint(field="act", message=text, expected="act: drain")]
    return list(drain.VERB.check(_drain(zone)))


def _drain(zone: Zone) -> drain.Drain:
    return drain.Drain(
        node=zone.nodes,
        grace=zone.grace,
        empty_dir=zone.empty_dir,
        bare=zone.bare,
        overflow=zone.overflow,
    )


def run(zone: Zone, context: ActionContext) -> None:
    """Cordon or drain all nodes of the zone at once."""
    if zone.act == "cordon":
        cordon.run(cordon.Cordon(node=zone.nodes), context)
    else:
        drain.run(_drain(zone), context)


def rehearse(zone: Zone, context: ActionContext) -> None:
    """The equivalent value for the verb that carries it out."""
    if zone.act == "cordon":
        cordon.run(cordon.Cordon(node=zone.nodes), context)
    else:
        drain.rehearse(_drain(zone), context)


def _rights(zone: Zone, namespace: str) -> Sequence[Right]:
    verb = cordon.VERB if zone.act == "cordon" else drain.VERB
    return verb.rights(_drain(zone), namespace)


VERB = Verb(
    name="zone",
    family=Family.ACTION,
    summary="Drain or cordon all nodes of one zone.",
    parameters=Zone,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=lambda zone: f"{zone.act} zone {zone.value}",
    check=_check,
    shorthand="value",
    rights=_rights,
    undo=reverting.undo,
    undo_text="The nodes are uncordoned, unless they were cordoned before or by someone else.",
    residue=Residue.NAMED,
    residue_text="the evicted Pods run on other nodes",
    proof="Each evicted Pod is gone from its node, or each node is unschedulable.",
    example="zone: {value: eu-central-1a, act: drain}",
)
