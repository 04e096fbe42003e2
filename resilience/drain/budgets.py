"""What the disruption budgets allow right now, counted so that no eviction is ever rejected.

The API server debits a budget at each accepted eviction by writing the Pod's name into
`status.disruptedPods`. The watched copy of the budget arrives a little later. In between, evictions
already sent are subtracted here; an accepted eviction counts as spent until an event of the watch
has carried its entry (pkg/registry/core/pod/storage/eviction.go). A list after an expired watch may
have skipped that entry: open entries are requested explicitly (`in_doubt`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.kube.label_selector import matches
from resilience.kube.readiness import is_ready

DOUBT = 0.5
"""Seconds after which the budget itself is read about an accepted eviction whose entry was never
seen: a new list can skip the version that had it, and the eviction of an unready Pod costs
nothing."""

LOOK_AGAIN = 5.0
"""Seconds between two readings of a budget that lets nothing go: an event that said otherwise may
have been lost, and kubectl asks as often."""

SETTLE = 5.0
"""Seconds after which a spent disruption counts as accounted for if requesting it did not help."""


def key_of(obj: Object) -> tuple[str, str]:
    """(namespace, name)."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def selects(budget: Object, pod: Object) -> bool:
    """Whether the budget covers the Pod. A policy/v1 budget with an empty selector covers all Pods
    of its namespace, one without a selector none."""
    if budget["metadata"].get("namespace") != pod["metadata"].get("namespace"):
        return False
    selector = (budget.get("spec") or {}).get("selector")
    if selector is None:
        return False
    return matches(selector, pod["metadata"].get("labels") or {})


def is_counted(pod: Object) -> bool:
    """Whether the API server checks budgets at all for this Pod (semantics of `canIgnorePDB`).
    A terminating Pod stays Ready until its containers end, but no budget counts it."""
    phase = (pod.get("status") or {}).get("phase")
    ended = phase in ("Pending", "Succeeded", "Failed")
    return not ended and not pod["metadata"].get("deletionTimestamp")


def needs_budget(pod: Object, budget: Object) -> bool:
    """Whether evicting this Pod spends from the budget (semantics of `evictionAllowed`)."""
    if not is_counted(pod):
        return False
    if is_ready(pod):
        return True
    if (budget["spec"].get("unhealthyPodEvictionPolicy")) == "AlwaysAllow":
        return False
    counts = budget.get("status") or {}
    healthy, desired = counts.get("currentHealthy", 0), counts.get("desiredHealthy", 0)
    return not (healthy >= desired and desired > 0)


def unprocessed(budget: Object) -> str:
    """Why the numbers in the budget's status are not about its current spec: its controller has
    not processed it yet, and the API server evicts nothing by it meanwhile. "" once it has."""
    seen, written = objects.generations(budget)
    if seen >= written:
        return ""
    return (
        "was written, and the disruption controller has not processed it yet (generation"
        f" {written}, observedGeneration {seen}); until then, it lets nothing be evicted"
    )


def sync_failure(budget: Object) -> str:
    """Why its controller cannot compute it, so that it allows nothing; "" if it can."""
    for condition in (budget.get("status") or {}).get("conditions") or ():
        if condition["type"] == "DisruptionAllowed" and condition.get("reason") == "SyncFailed":
            return str(condition.get("message") or "SyncFailed")
    return ""


@dataclass(slots=True)
class Spent:
    """One eviction: when it was sent, and when its acceptance became known (None: not yet)."""

    sent: float
    accepted: float | None = None


@dataclass(slots=True)
class Allowance:
    """The running account of one budget."""

    budget: Object
    seen: set[tuple[str, str]] = field(default_factory=set)
    spent: dict[str, Spent] = field(default_factory=dict)
    closed_until: float = 0.0
    firmly: bool = False
    cause: str = ""
    asked: float = float("-inf")

    def update(self, budget: Object) -> None:
        """A version arrived. Take over a new version. The evictions in its entries are accounted
        for from now on. Unless it is older than the current one, it also replaces a refusal without
        a retry time.
        """
        if not _is_older(budget, self.budget):
            self.budget = budget
            if not self.firmly:
                self.closed_until, self.cause = 0.0, ""
        entries = (budget.get("status") or {}).get("disruptedPods") or {}
        for entry in entries.items():
            if entry not in self.seen:
                self.seen.add(entry)
                self.spent.pop(entry[0], None)

    def in_doubt(self, now: float) -> bool:
        """Whether the budget should be read: only accepted evictions that the watch has not shown
        yet prevent further ones, or the known version allows none, and was not read lately."""
        if now < self.closed_until or self.free(now) or now - self.asked < DOUBT:
            return False
        if not self._allowed(now):
            return now - self.asked >= LOOK_AGAIN
        return any(each.accepted is not None and now - each.accepted >= DOUBT
                   for each in self.spent.values())  # fmt: skip

    def answered(self, budget: Object, asked: float) -> None:
        """Take over the server's newest version, requested at that time. Its numbers include all
        evictions accepted before, whether or not their entries still exist.
        """
        self.update(budget)
        for pod, each in list(self.spent.items()):
            if each.accepted is not None and each.accepted < asked:
                del self.spent[pod]

    def spend(self, pod: str, now: float) -> None:
        """Record that an eviction is about to be sent."""
        self.spent[pod] = Spent(now)

    def accept(self, pod: str, now: float) -> None:
        """Record that it was accepted, and so debited."""
        if pod in self.spent:
            self.spent[pod].accepted = now

    def give_back(self, pod: str) -> None:
        """Record that it was refused, so nothing was debited."""
        self.spent.pop(pod, None)

    def close(self, until: float, cause: str, *, firmly: bool) -> None:
        """Record the server's refusal; its message is kept for the report. With `firmly` the server
        set the time (Retry-After), so no watch event opens the budget earlier.
        """
        self.closed_until, self.cause, self.firmly = until, cause, firmly

    def free(self, now: float) -> int:
        """How many disruptions may be sent now."""
        pending = sum(1 for each in self.spent.values() if now - each.sent < SETTLE)
        return max(0, self._allowed(now) - pending)

    def _allowed(self, now: float) -> int:
        """The evictions that the current version allows, before those in flight."""
        if now < self.closed_until or unprocessed(self.budget):
            return 0
        return int((self.budget.get("status") or {}).get("disruptionsAllowed") or 0)

    def words(self) -> str:
        """Why nothing may be evicted under it, in the API server's terms."""
        name = self.budget["metadata"]["name"]
        if self.cause:
            return f"budget {name}: {self.cause}"
        if why := unprocessed(self.budget):
            return f"budget {name} {why}"
        if why := sync_failure(self.budget):
            return f"budget {name} allows nothing: {why}"
        status = self.budget.get("status") or {}
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        return f"budget {name} needs {needs} healthy pods and has {has} currently"


def _is_older(budget: Object, known: Object) -> bool:
    """Resource versions of one resource compare as numbers."""
    one, other = (objects.resource_version(each) for each in (budget, known))
    return one.isdecimal() and other.isdecimal() and int(one) < int(other)


def covering(pod: Object, budgets: Iterable[Allowance]) -> list[Allowance]:
    """The budgets that cover a Pod, by name. More than one and the API server refuses to evict."""
    found = [allowance for allowance in budgets if selects(allowance.budget, pod)]
    return sorted(found, key=lambda allowance: key_of(allowance.budget))
