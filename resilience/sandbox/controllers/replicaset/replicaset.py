"""The ReplicaSet controller: keeps the wanted number of active Pods (rules 3.1).

A terminating Pod is replaced at once, orphans are adopted, Pods that no longer match are released,
victims are chosen by `deletion_order`. Events and texts are replicaset-controller's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resilience.sandbox.controllers.podsets import pod_creation
from resilience.sandbox.controllers.podsets.adoption import adopt, release
from resilience.sandbox.controllers.podsets.claiming import ClaimingController
from resilience.sandbox.controllers.podsets.pod_templates import pod_from_template
from resilience.sandbox.controllers.replicaset.deletion_order import crowding, rank_for_deletion
from resilience.sandbox.controllers.replicaset.replica_plan import (
    Counts,
    count,
    difference,
    status_of,
)
from resilience.sandbox.kube.api import ApiError, Change, NoAnswerYet, Obj
from resilience.sandbox.kube.object_edits import (
    controller_of,
    is_deleting,
    labels_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.pod_facts import available_in, is_active
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context
from resilience.sandbox.reconcile.pod_index import changed_owners


class ReplicaSetController(ClaimingController):
    """See the module."""

    name = "replicaset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("replicasets", "apps")
        self.pods = context.kind("pods")

    def start(self) -> None:
        """Watch ReplicaSets and Pods."""
        self.context.watch(self.kind, self.selector_changed)
        self.context.watch(self.pods, self._pod_changed)

    def reconcile(self, key: Key) -> float | None:
        """One sync: claim, create or delete, report."""
        rs = self.api.find(self.kind, *key)
        if rs is None:
            return None
        self._claim(rs)
        counts, wait = self._count(rs)
        wanted = difference(rs, counts)
        batch = self._manage(rs, wanted)
        if batch.done:
            counts, wait = self._count(rs)
        self._report(rs, counts, wanted, batch.error)
        if batch.error is not None:
            raise batch.error
        return 0 if difference(rs, counts) and batch.done else wait

    def shown(self, status: dict[str, Any]) -> dict[str, Any]:
        """The status in this kind's form."""
        return status

    def _pod_changed(self, change: Change) -> None:
        for key in changed_owners(change, self.kind):
            self.enqueue(key)
        self.orphan_changed(change)

    def _claim(self, rs: Obj) -> None:
        selector = self.selector_of(rs)
        owner = uid_of(rs)
        if any(not selector.matches(dict(kind.labels)) for kind in self.context.pods.tally(owner)):
            for pod in self._owned(rs):
                if not selector.matches(labels_of(pod)):
                    release(self.api, self.pods, pod, owner)
        if is_deleting(rs):
            return
        for key in self.context.pods.orphans.of(rs["metadata"]["namespace"]):
            orphan = self.api.find(self.pods, *key)
            if orphan is not None and is_active(orphan) and selector.matches(labels_of(orphan)):
                adopt(self.api, self.pods, orphan, rs, self.kind)

    def _count(self, rs: Obj) -> tuple[Counts, float | None]:
        """Counts, and seconds until one more Pod may be available."""
        template_labels = (rs["spec"]["template"].get("metadata") or {}).get("labels") or {}
        tally = self.context.pods.tally(uid_of(rs))
        min_ready: int = rs["spec"].get("minReadySeconds", 0)
        if not min_ready:
            return count(tally, template_labels), None
        now = self.clock.now()
        waits = [available_in(pod, min_ready, now) for pod in self._owned(rs) if is_active(pod)]
        pending = [wait for wait in waits if wait]
        return count(tally, template_labels, waits.count(0.0)), min(pending, default=None)

    def _manage(self, rs: Obj, wanted: int) -> pod_creation.Batch:
        if wanted > 0:
            template = rs["spec"]["template"]
            maker = lambda: pod_from_template(template, rs, self.kind)  # noqa: E731
            return pod_creation.create_pods(self, rs, [maker] * min(wanted, pod_creation.BURST))
        if wanted < 0:
            return pod_creation.delete_pods(self, rs, self._victims(rs, -wanted))
        return pod_creation.Batch(done=0)

    def _victims(self, rs: Obj, number: int) -> Sequence[Obj]:
        active = [pod for pod in self._owned(rs) if is_active(pod)]
        if number < len(active):
            active = rank_for_deletion(active, crowding(self._related(rs)), self.clock.now())
        return active[: min(number, pod_creation.BURST)]

    def _related(self, rs: Obj) -> Sequence[Obj]:
        reference = controller_of(rs)
        if reference is None:
            return self._owned(rs)
        namespace = rs["metadata"]["namespace"]
        siblings = self.api.list(self.kind, namespace, owner=reference["uid"])
        return [pod for sibling in siblings for pod in self._owned(sibling)]

    def _owned(self, rs: Obj) -> Sequence[Obj]:
        return self.api.list(self.pods, rs["metadata"]["namespace"], owner=uid_of(rs))

    def _report(self, rs: Obj, counts: Counts, wanted: int, error: ApiError | None) -> None:
        failure = None
        if error is not None and (_is_known(rs) or not isinstance(error, NoAnswerYet)):
            failure = ("FailedCreate" if wanted > 0 else "FailedDelete", error.message)
        status = self.shown(status_of(rs, counts, failure, self.clock.now()))
        if status != rs.get("status"):
            self.api.update(self.kind, with_status(rs, status), "status")


def _is_known(rs: Obj) -> bool:
    """Whether its status says already that its Pods are refused."""
    conditions = (rs.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == "ReplicaFailure" for entry in conditions)
