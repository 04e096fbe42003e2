"""The disruption controller: keeps the status of PodDisruptionBudgets (rules 2.2).

Evictions debit the status themselves; this controller removes a debit when the Pod was not deleted
within two minutes, together with the Pod's DisruptionTarget condition.
"""

from __future__ import annotations

from typing import Any, Final

from resilience.sandbox.controllers.disruption.budget_plan import (
    DELETION_TIMEOUT,
    counts_controllers,
    disrupted,
    expectation,
    failed_status,
    healthy,
    status_of,
)
from resilience.sandbox.controllers.disruption.wanted_pods import NoScale, Scales
from resilience.sandbox.controllers.podsets.membership import Membership
from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import (
    condition,
    is_deleting,
    key_of,
    set_condition,
    with_status,
)
from resilience.sandbox.kube.pod_facts import is_ready, is_terminal
from resilience.sandbox.kube.selector_index import Key, from_spec
from resilience.sandbox.kube.times import parse_or_zero
from resilience.sandbox.reconcile.controller_context import Context, Controller

STALE: Final = "stale "
UNMANAGED: Final = (
    "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged."
    " As a result, the status of the PDB cannot be calculated correctly, which may result in"
    ' undefined behavior. To account for these pods please set ".spec.minAvailable" field of the'
    " PDB to an integer value."
)


class DisruptionController(Controller):
    """See the module."""

    name = "controllermanager"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("poddisruptionbudgets", "policy")
        self.pods = context.kind("pods")
        self.members = Membership(context.api, self.pods)
        self.scales = Scales(context)
        self._budgets: dict[str, set[Key]] = {}

    def start(self) -> None:
        """Watch budgets, Pods, and everything with a scale."""
        self.context.watch(self.kind, self._budget_changed)
        self.context.watch(self.pods, self._pod_changed)
        for plural in ("deployments", "replicasets", "statefulsets"):
            self.context.watch(self.context.kind(plural, "apps"), self._scale_changed)

    def reconcile(self, key: Key) -> float | None:
        """One budget, or one Pod whose DisruptionTarget may be stale."""
        if key[0].startswith(STALE):
            return self._reset_stale((key[0].removeprefix(STALE), key[1]))
        budget = self.api.find(self.kind, *key)
        if budget is None:
            return None
        pods = self.members.pods(key)
        if not pods:
            self.event(budget, "NoPods", "No matching pods found")
        now = self.clock.now()
        try:
            wanted = self._wanted(budget, pods)
        except NoScale as error:
            text = f"Failed to calculate the number of expected pods: {error}"
            self.event(budget, "CalculateExpectedPodCountFailed", text, warning=True)
            self._write(budget, failed_status(budget, str(error), now))
            return None
        standing, overdue = disrupted(budget, pods, now)
        for pod in overdue:
            text = f"Pod was expected by PDB {key[0]}/{key[1]} to be deleted but it wasn't"
            self.event(pod, "NotDeleted", text, warning=True)
        expected = expectation(budget, len(pods), wanted)
        self._write(budget, status_of(budget, healthy(pods, standing), expected, standing, now))
        oldest = min((parse_or_zero(moment) for moment in standing.values()), default=None)
        return None if oldest is None else max(0.0, oldest + DELETION_TIMEOUT - now) + 1.0

    def _wanted(self, budget: Obj, pods: list[Obj]) -> int:
        if not counts_controllers(budget):
            return 0
        wanted, bare = self.scales.wanted(pods)
        if bare:
            text = UNMANAGED.format(selector=budget["spec"].get("selector"))
            self.event(budget, "UnmanagedPods", text, warning=True)
        return wanted

    def _write(self, budget: Obj, status: dict[str, Any]) -> None:
        if status != budget.get("status"):
            self.api.update(self.kind, with_status(budget, status), "status")

    def _budget_changed(self, change: Change) -> None:
        key = key_of(change.obj)
        budgets = self._budgets.setdefault(key[0], set())
        if change.type == "DELETED":
            self.members.discard(key)
            budgets.discard(key)
            return
        budgets.add(key)
        self.members.put(key, from_spec(change.obj["spec"].get("selector")))
        self.enqueue(key)

    def _pod_changed(self, change: Change) -> None:
        pod = change.obj
        keys = self.members.observe(change)
        if change.old is None or change.type == "DELETED" or _facts(change.old) != _facts(pod):
            for key in keys:
                self.enqueue(key)
            if len(keys) > 1 and change.old is None:
                namespace, name = key_of(pod)
                chosen = min(keys)[1]
                text = (
                    f'Pod "{namespace}"/"{name}" matches multiple PodDisruptionBudgets.'
                    f'  Chose "{chosen}" arbitrarily.'
                )
                self.event(pod, "MultiplePodDisruptionBudgets", text, warning=True)
        if change.type != "DELETED" and _may_be_stale(pod):
            namespace, name = key_of(pod)
            self.enqueue((STALE + namespace, name))

    def _scale_changed(self, change: Change) -> None:
        old = change.old
        same = old is not None and old["spec"].get("replicas") == change.obj["spec"].get("replicas")
        if not same or change.type == "DELETED":
            for key in self._budgets.get(change.obj["metadata"]["namespace"], ()):
                self.enqueue(key)

    def _reset_stale(self, key: Key) -> float | None:
        pod = self.api.find(self.pods, *key)
        if pod is None or not _may_be_stale(pod):
            return None
        found = condition(pod, "DisruptionTarget") or {}
        now = self.clock.now()
        left = parse_or_zero(found.get("lastTransitionTime")) + DELETION_TIMEOUT - now
        if left > 0:
            return left
        status = pod["status"]
        reason, text = found.get("reason", ""), found.get("message", "")
        conditions = set_condition(
            status["conditions"], "DisruptionTarget", "False", reason, text, now
        )
        self.api.update(self.pods, with_status(pod, {**status, "conditions": conditions}), "status")
        return None


def _may_be_stale(pod: Obj) -> bool:
    found = condition(pod, "DisruptionTarget")
    if found is None or found["status"] != "True" or is_deleting(pod) or is_terminal(pod):
        return False
    return bool(found.get("reason") != "TerminationByKubelet")


def _facts(pod: Obj) -> tuple[object, ...]:
    return is_ready(pod), is_deleting(pod), pod["metadata"].get("labels")
