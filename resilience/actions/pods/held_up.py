"""Why a budget does not let a Pod go: those of its Pods that do not serve, each with its state.

The API server says how many healthy Pods a budget needs and has. Why the others
are not healthy is what someone has to change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from resilience.cluster.interface import BUDGETS, PODS, Object
from resilience.kube import objects, pod_state, readiness
from resilience.model.words import many
from resilience.verbs.context import ActionContext

MOST = 3
"""Pods named in one message."""


def reasons(held: Collection[tuple[str, str]], context: ActionContext) -> Mapping[str, str]:
    """A phrase by uid, to add to a refusal, for each of these (namespace, uid) whose budget covers
    Pods that do not serve."""
    found: dict[str, str] = {}
    for space in sorted({namespace for namespace, _ in held}):
        pods = context.cluster.list(PODS, space)
        budgets = context.cluster.list(BUDGETS, space)
        uids = {uid for _, uid in held}
        for pod in (each for each in pods if objects.uid(each) in uids):
            if away := _away(pod, pods, budgets):
                found[objects.uid(pod)] = f"; {_words(away)}"
    return found


def reason(pod: Object, context: ActionContext) -> str:
    """The phrase for one Pod; "" if all other Pods of its budget serve."""
    one = objects.namespace(pod), objects.uid(pod)
    return reasons([one], context).get(objects.uid(pod), "")


def _away(pod: Object, pods: Sequence[Object], budgets: Sequence[Object]) -> list[Object]:
    """Other Pods under its budgets that should serve, and do not."""
    from resilience.drain.budgets import selects

    mine = [budget for budget in budgets if selects(budget, pod)]
    return [
        other
        for other in objects.in_order(pods)
        if objects.uid(other) != objects.uid(pod)
        and not readiness.serves(other) and not objects.is_finished(other)
        and any(selects(budget, other) for budget in mine)
    ]  # fmt: skip


def _words(away: Sequence[Object]) -> str:
    alike: dict[str, list[str]] = {}
    for pod in away[:MOST]:
        alike.setdefault(pod_state.of(pod).text, []).append(objects.title(pod))
    told = [f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {text}"
            for text, names in alike.items()]  # fmt: skip
    more = len(away) - MOST
    return "; ".join([*told, f"and {many(more, 'more Pod')}"] if more > 0 else told)
