"""The uses of a plan, each with permissions of its own: back up, prove, drill.

`proof` is `fresh` and `intact`, which read the store. `backup` means `resilience backup run` and
`create`; these are not scenarios, so their permissions are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.engine.guard.permissions import Need, of_command
from resilience.engine.guard.plan_permissions import of_plan
from resilience.engine.plan.plan_scenarios import compiled
from resilience.model.scenario import Plan, Scenario

SCENARIOS, BACKUP, PROOF, DRILL = "scenarios", "backup", "proof", "drill"

_OF_KIND = {"fresh": PROOF, "intact": PROOF, "drill": DRILL}


def used(plan: Plan, only: Sequence[str]) -> Iterator[Scenario]:
    """The plan's scenarios for these uses; without any uses, all scenarios."""
    for scenario in compiled(plan):
        if not only or _OF_KIND[scenario.tags[0]] in only:
            yield scenario


def of_backup(plan: Plan, journal: str, only: Sequence[str]) -> Sequence[Need]:
    """Permissions to take the plan's snapshots with the command, if that is one of these uses."""
    if only and BACKUP not in only:
        return []
    title = f"back up {plan.title}"
    rights = [*of_command(plan.namespaces, journal), *of_plan(plan)]
    return [Need(right=right, why=(title,)) for right in rights]
