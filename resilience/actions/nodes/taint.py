"""`taint`: a taint on nodes. `NoExecute` removes Pods at once, regardless of budgets.

These are Pods of every namespace, so limits, pauses and system namespaces count as for a drain, and
a Pod that nothing recreates has to be allowed. At the end only this taint is removed. An existing
taint with the same key and effect is an error, because the undo could not tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.actions.nodes import drain, node_choice, own_probers
from resilience.actions.undo import reverting
from resilience.cluster.interface import NODES, PODS, Object
from resilience.kube import objects, tolerations
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.verbs.context import ActionContext, NothingToDo, Refused

_TAINT = re.compile(r"(?P<key>[^\s=:]+)(?:=(?P<value>[^\s=:]*))?:(?P<effect>\w+)")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """Parameters of `taint`."""

    node: str | node_choice.NodeQuery = node_choice.node_key()
    taint: str = parameter(
        "KEY=VALUE:EFFECT or KEY:EFFECT, as in kubectl.", example="maintenance:NoExecute"
    )
    bare: bool = parameter("Also remove bare Pods (no controller recreates them).", default=False)

    @property
    def body(self) -> dict[str, str]:
        """The taint in the form of a Node object."""
        found = _TAINT.fullmatch(self.taint)
        assert found, "ensured by the verb's check"
        value = {"value": found["value"]} if found["value"] else {}
        return {"key": found["key"], "effect": found["effect"]} | value


def _check(taint: Taint) -> Sequence[Complaint]:
    found = _TAINT.fullmatch(taint.taint)
    if found and found["effect"] in EFFECTS:
        return ()
    expected = f"KEY=VALUE:EFFECT with an effect of {', '.join(EFFECTS)}"
    return (Complaint(field="taint", message=f"{taint.taint} is not a taint", expected=expected),)


def run(taint: Taint, context: ActionContext) -> None:
    """Add the taint to each chosen node."""
    chosen = node_choice.chosen(taint.node, context)
    for node in chosen:
        if there := _same(_taints(node), taint.body):
            raise NothingToDo(f"{objects.name(node)} already has the taint {_told(there)}"
                              "; nothing was changed")  # fmt: skip
    removed = {objects.name(node): _driven_out(taint, node, context) for node in chosen}
    everyone = [pod for pods in removed.values() for pod in pods]
    own_probers.spare(everyone, context)
    _spare_bare(taint, everyone)
    context.may_harm(own_probers.without_agents(everyone))
    for node in chosen:
        _one(taint, node, removed[objects.name(node)], context)


def _driven_out(taint: Taint, node: Object, context: ActionContext) -> list[Object]:
    if taint.body["effect"] != "NoExecute":
        return []
    return [
        pod
        for pod in drain.pods_on([objects.name(node)], context)
        if not objects.is_finished(pod) and not tolerations.tolerates(pod, taint.body)
    ]


def _spare_bare(taint: Taint, pods: Sequence[Object]) -> None:
    from resilience.drain.filters import is_volume_helper

    bare = [objects.title(pod) for pod in pods
            if objects.controller(pod) is None and not is_volume_helper(pod)]  # fmt: skip
    if bare and not taint.bare:
        raise Refused(
            f"{', '.join(sorted(bare))} would be deleted for good: nothing would recreate it (a "
            "bare Pod). Choose another node, or allow it with `bare: true`; nothing was tainted"
        )


def _one(taint: Taint, node: Object, removed: Sequence[Object], context: ActionContext) -> None:
    name, text = objects.name(node), taint.taint
    context.affected(node, f"{name} gets the taint {text}")
    for pod in own_probers.without_agents(removed):
        context.victim(pod, f"does not tolerate {text}")
    after = reverting.change(
        context, NODES, node, lambda now: _add(taint, now), f"remove the taint {text} from {name}"
    )
    there = _same(_taints(after), taint.body)
    if there and _told(there) == _told(taint.body):
        context.proof(f"{name} has the taint {text}", {"uid": objects.uid(after)})


def _rights(taint: Taint, namespace: str) -> Sequence[Right]:
    """`NoExecute` removes Pods of all namespaces, so they are listed."""
    everywhere = [Right(verb="list", group="", resource=PODS.plural)]
    needed = everywhere if taint.taint.endswith(":NoExecute") else []
    return [*node_choice.rights(taint, namespace), *needed]


def _add(taint: Taint, node: Object) -> None:
    if not _same(_taints(node), taint.body):  # otherwise someone else added the taint first
        node.setdefault("spec", {})["taints"] = [*_taints(node), taint.body]


def _taints(node: Object) -> Sequence[Mapping[str, Any]]:
    return (node.get("spec") or {}).get("taints") or ()


def _same(taints: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The one with its key and effect, which identify a taint; the value may differ."""
    return next((each for each in taints
                 if (each.get("key"), each.get("effect")) == (one["key"], one["effect"])),
                None)  # fmt: skip


def _told(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


VERB = Verb(
    name="taint",
    family=Family.ACTION,
    summary="Add a taint to nodes.",
    parameters=Taint,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda taint: f"taint {node_choice.describe(taint.node)} with {taint.taint}",
    check=_check,
    rights=_rights,
    undo=reverting.undo,
    undo_text="This taint is removed, unless someone changed it since.",
    proof="The API server's answer contains the taint.",
    example="taint: {node: node-1, taint: maintenance=true:NoExecute}",
)
