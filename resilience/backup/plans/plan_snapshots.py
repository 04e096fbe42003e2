"""Which snapshots of a store are a plan's: found by their names alone."""

from __future__ import annotations

import re

from resilience.backup.catalog.catalog import Listed, listed
from resilience.backup.store import Store


def belongs(name: str, plan: str) -> bool:
    """Whether a snapshot's name has this plan's form: PLAN-YYYYMMDDhhmmss."""
    return re.fullmatch(re.escape(plan) + r"-\d{14}(-\d)?", name) is not None


def of_plan(store: Store, plan: str) -> list[Listed]:
    """Visible snapshots that this program took for a plan, oldest first (their names sort by
    time). Velero names the backups of a schedule in the same way: those never belong to a plan."""
    return [each for each in named_for(store, plan) if each.ours]


def named_for(store: Store, plan: str) -> list[Listed]:
    """Visible snapshots with a name of the plan, Velero's included."""
    return [each for each in listed(store) if each.marker and belongs(each.name, plan)]
