"""Checks whether evictions can ever succeed, before anything is changed.

Waiting for a budget whose own terms rule out every eviction (`maxUnavailable: 0`, as many replicas
as it wants healthy, two budgets over one Pod ...) would be useless.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience.cluster.interface import BUDGETS, PODS, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.verbs.context import ActionContext, Blocked

if TYPE_CHECKING:
    from resilience.drain.lints import Warning


def require(leaving: Sequence[Object], context: ActionContext) -> None:
    """Raise Blocked, with what to change, when a budget of one of these Pods can never allow an
    eviction; other oddities of budgets are only noted."""
    from resilience.drain.lints import lint

    namespaces = sorted({objects.namespace(pod) for pod in leaving})
    budgets = [b for space in namespaces for b in context.cluster.list(BUDGETS, space)]
    owned = [pod for space in namespaces for pod in context.cluster.list(PODS, space)]
    found = lint(budgets, owned)
    for warning in found:
        if not warning.blocks:
            context.note(What.NOTE, warning.text)
    texts = [w.text for w in found if w.blocks and _stops(w, budgets, leaving)]
    if texts:
        raise Blocked("nothing was touched: " + "; ".join(texts))


def _stops(warning: Warning, budgets: Sequence[Object], leaving: Sequence[Object]) -> bool:
    """Whether it stops one of these Pods. The API server lets others go whatever their budget says:
    those that have ended or not begun, and, under one budget, some that are not ready."""
    from resilience.drain.budgets import is_counted, key_of, needs_budget, selects
    from resilience.drain.lints import Lint

    several = warning.lint is Lint.SEVERAL
    named = [budget for budget in budgets if "/".join(key_of(budget)) == warning.budget]
    return any(
        selects(budget, pod) and (is_counted(pod) if several else needs_budget(pod, budget))
        for budget in named
        for pod in leaving
    )
