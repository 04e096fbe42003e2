"""Whether a drain can end although some Pods would find no other node. Pure.

A budget lets so many Pods go as it can spare; each further one waits until an evicted one is back.
If more Pods than that have nowhere to go, nothing ever comes back for the last of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from resilience.cluster.interface import Object
from resilience.drain.budgets import key_of, needs_budget, selects, sync_failure, unprocessed
from resilience.kube import objects


def endless(
    homeless: Sequence[Object], budgets: Iterable[Object], reasons: Mapping[str, str]
) -> list[str]:
    """A sentence for each budget that would hold one of these Pods for good. `reasons` say, by uid,
    why no other node takes a Pod."""
    found = []
    for budget in sorted(budgets, key=key_of):
        held = [pod for pod in homeless if selects(budget, pod) and needs_budget(pod, budget)]
        if len(held) > (spare := _spare(budget)) >= 0:
            found.append(_text(budget, held, spare, reasons))
    return found


def _spare(budget: Object) -> int:
    """How many of its Pods may be away at once; -1 if its status does not say so."""
    status = budget.get("status") or {}
    expected = int(status.get("expectedPods") or 0)
    if unprocessed(budget) or sync_failure(budget) or not expected:
        return -1
    return max(0, expected - int(status.get("desiredHealthy") or 0))


def _text(budget: Object, held: Sequence[Object], spare: int, reasons: Mapping[str, str]) -> str:
    name = "/".join(key_of(budget))
    why: dict[str, list[str]] = {}
    for pod in held:
        why.setdefault(reasons[objects.uid(pod)], []).append(objects.title(pod))
    told = "; ".join(f"no other node takes {', '.join(pods)}: {text}" for text, pods in why.items())
    return (
        f"the drain could not end, since budget {name} spares {spare} of its Pods at a time, and"
        f" {len(held)} of them would not come back: {told}; change that rule of the Pods, or add a"
        " node that takes them"
    )
