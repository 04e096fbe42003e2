"""Checks whether evictions can ever succeed, before anything is changed.

Waiting for a budget whose own terms rule out every eviction (`maxUnavailable: 0`, as many replicas
as it wants healthy, two budgets over one Pod ...) would be useless, except for Pods that leave by
themselves: those are waited for, whatever their budget says (`resilience.drain.passing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from resilience.actions.selection import wide
from resilience.cluster.interface import BUDGETS, PODS, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.verb import Right
from resilience.verbs.context import ActionContext, Blocked

if TYPE_CHECKING:
    from resilience.drain.lints import Warning


def require(leaving: Sequence[Object], context: ActionContext) -> Mapping[str, str]:
    """Raise Blocked, with what to change, when a budget of one of these Pods can never allow an
    eviction and that Pod stays until then; other oddities of budgets are only noted. Returns why
    each Pod that such a budget holds leaves by itself, by its uid."""
    from resilience.drain.lints import lint
    from resilience.drain.passing import passing, reader

    namespaces = sorted({objects.namespace(pod) for pod in leaving})
    budgets = [b for space in namespaces for b in context.cluster.list(BUDGETS, space)]
    owned = [pod for space in namespaces for pod in context.cluster.list(PODS, space)]
    found = lint(budgets, owned)
    for warning in found:
        if not warning.blocks:
            context.note(What.NOTE, warning.text)
    stopped = {warning: _stopped(warning, budgets, leaving) for warning in found if warning.blocks}
    held = {objects.uid(pod): pod for pods in stopped.values() for pod in pods}
    going = passing(list(held.values()), owned, reader(context.cluster))
    texts = [
        warning.text
        for warning, pods in stopped.items()
        if any(objects.uid(pod) not in going for pod in pods)
    ]
    if texts:
        raise Blocked("nothing was touched: " + "; ".join([*texts, *_unready(held.values())]))
    for uid, why in going.items():
        names = sorted({w.budget for w, pods in stopped.items() if held[uid] in pods})
        budgets_ = f"{' and '.join(names)} {'allow' if len(names) > 1 else 'allows'}"
        text = f"{objects.title(held[uid])} {why}; it is waited for, although {budgets_}"
        context.note(What.NOTE, f"{text} no eviction")
    return going


def _unready(held: Iterable[Object]) -> list[str]:
    """Advice where the budget holds Pods that serve nobody."""
    from resilience.kube.readiness import is_ready

    names = [objects.title(pod) for pod in held if not is_ready(pod)]
    if not names:
        return []
    return [
        f"held although not ready: {', '.join(names)}; a budget with"
        " unhealthyPodEvictionPolicy: AlwaysAllow lets such Pods go"
    ]


def _stopped(
    warning: Warning, budgets: Sequence[Object], leaving: Sequence[Object]
) -> Sequence[Object]:
    """The Pods that it stops. The API server lets others go whatever their budget says: those that
    have ended or not begun, and, under one budget, some that are not ready."""
    from resilience.drain.budgets import is_counted, key_of, needs_budget, selects
    from resilience.drain.lints import Lint

    several = warning.lint is Lint.SEVERAL
    named = [budget for budget in budgets if "/".join(key_of(budget)) == warning.budget]
    return [
        pod
        for budget in named
        for pod in leaving
        if selects(budget, pod) and (is_counted(pod) if several else needs_budget(pod, budget))
    ]


def rights(parameters: object, namespace: str) -> Sequence[Right]:
    """To read the controllers of Pods that no budget lets go. Without them, each of these Pods
    counts as one that stays."""
    from resilience.drain.passing import READ

    read = [(each.group, "get", each.plural) for each in READ]
    return [replace(right, optional=True) for right in wide.rights(parameters, namespace, read)]
