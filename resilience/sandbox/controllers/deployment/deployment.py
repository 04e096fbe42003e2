"""The Deployment controller: rollouts, scaling, pause, history (rules 3.2).

The decisions are pure and in deployment_{rolling,scaling,status,revisions}; this module runs them
in kube-controller-manager's order and writes the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resilience.sandbox.controllers.deployment.proportional_scaling import is_scaling, scaled_sizes
from resilience.sandbox.controllers.deployment.replica_sets import ReplicaSets
from resilience.sandbox.controllers.deployment.rolling_update import (
    new_set_size,
    old_set_sizes,
    recreate_old_sizes,
)
from resilience.sandbox.controllers.deployment.rollout_facts import (
    REVISION,
    is_rolling,
    progress_deadline,
    replicas_of,
    reported,
    revision_of,
)
from resilience.sandbox.controllers.deployment.rollout_revisions import (
    find_new,
    history_to_delete,
    next_revision,
)
from resilience.sandbox.controllers.deployment.rollout_status import (
    counters,
    deadline_in,
    is_complete,
    put,
    rollout_status,
)
from resilience.sandbox.controllers.podsets.claiming import ClaimingController
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import (
    condition,
    is_deleting,
    key_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.pod_facts import is_terminal
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context


class DeploymentController(ClaimingController):
    """See the module."""

    name = "deployment-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("deployments", "apps")
        self.sets = ReplicaSets(context)

    def start(self) -> None:
        """Watch Deployments and ReplicaSets (whose terminatingReplicas tell Recreate about
        Pods)."""
        self.context.watch(self.sets.sets, self.sets.orphans.observe)
        self.context.watch(self.kind, self.selector_changed)
        self.context.watch(self.sets.sets, self.enqueue_owner(self.kind))
        self.context.watch(self.sets.sets, self.orphan_changed)

    def reconcile(self, key: Key) -> float | None:
        """One sync."""
        deployment = self.api.find(self.kind, *key)
        if deployment is None:
            return None
        if not any(deployment["spec"]["selector"].values()):
            text = "This deployment is selecting all pods. A non-empty selector is required."
            self.event(deployment, "SelectingAll", text, warning=True)
            return None
        every = self.sets.claim(deployment)
        if is_deleting(deployment):
            return self._report(deployment, every)
        deployment = self._note_pause(deployment)
        if deployment["spec"].get("paused") or is_scaling(deployment, every):
            return self._resize(deployment, every)
        if is_rolling(deployment):
            return self._roll(deployment, every)
        return self._recreate(deployment, every)

    def _resize(self, deployment: Obj, every: list[Obj]) -> float | None:
        new = find_new(deployment, every)
        old = [rs for rs in every if rs is not new]
        sizes = scaled_sizes(deployment, new, old)
        self.sets.scale(deployment, every, sizes)
        if deployment["spec"].get("paused"):
            self._clean(deployment, old)
        return self._report(deployment, self.sets.claim(deployment))

    def _roll(self, deployment: Obj, every: list[Obj]) -> float | None:
        deployment, new, every = self._ensure_new(deployment, every)
        if new is None:
            return None
        old = [rs for rs in every if uid_of(rs) != uid_of(new)]
        sizes = {new["metadata"]["name"]: new_set_size(deployment, every, replicas_of(new))}
        scaled = sizes[new["metadata"]["name"]] != replicas_of(new)
        if not scaled:
            sizes = old_set_sizes(deployment, new, old)
        return self._finish(deployment, every, old, self.sets.scale(deployment, every, sizes))

    def _recreate(self, deployment: Obj, every: list[Obj]) -> float | None:
        new = find_new(deployment, every)
        old = [rs for rs in every if rs is not new]
        if self.sets.scale(deployment, every, recreate_old_sizes(old)) or self._old_run(old):
            return self._report_rollout(deployment, self.sets.claim(deployment))
        deployment, new, every = self._ensure_new(deployment, every)
        if new is None:
            return None
        old = [rs for rs in every if uid_of(rs) != uid_of(new)]
        sizes = {new["metadata"]["name"]: replicas_of(deployment)}
        return self._finish(deployment, every, old, self.sets.scale(deployment, every, sizes))

    def _finish(
        self, deployment: Obj, every: list[Obj], old: Sequence[Obj], scaled: bool
    ) -> float | None:
        if scaled:
            every = self.sets.claim(deployment)
        elif is_complete(deployment, deployment.get("status") or {}):
            self._clean(deployment, old)
        return self._report_rollout(deployment, every)

    def _old_run(self, old: Sequence[Obj]) -> bool:
        """Whether any Pod of an old ReplicaSet is in a non-terminal phase, terminating or not."""
        if any(reported(rs, "replicas") for rs in old):
            return True
        pods = self.context.kind("pods")
        return any(
            not is_terminal(pod)
            for rs in old
            for pod in self.api.list(pods, rs["metadata"]["namespace"], owner=uid_of(rs))
        )

    def _ensure_new(self, deployment: Obj, every: list[Obj]) -> tuple[Obj, Obj | None, list[Obj]]:
        new = find_new(deployment, every)
        old = [rs for rs in every if rs is not new]
        revision = next_revision(old)
        if new is None:
            made = self.sets.create(deployment, every, revision)
            if made is None:
                return deployment, None, every
            deployment = self._note_revision(deployment, revision)
            name = made["metadata"]["name"]
            reason, text = "NewReplicaSetCreated", f'Created new replica set "{name}"'
            return self._note(deployment, reason, text), made, [*old, made]
        new = self.sets.refresh(deployment, new, revision)
        deployment = self._note_revision(deployment, revision_of(new))
        if condition(deployment, "Progressing") is None:
            text = f'Found new replica set "{new["metadata"]["name"]}"'
            deployment = self._note(deployment, "FoundNewReplicaSet", text)
        return deployment, new, [*old, new]

    def _note_revision(self, deployment: Obj, revision: int) -> Obj:
        if revision_of(deployment) == revision:
            return deployment
        patch = {"metadata": {"annotations": {REVISION: str(revision)}}}
        return self.api.patch(self.kind, *key_of(deployment), patch)

    def _note(self, deployment: Obj, reason: str, message: str, *, unsure: bool = False) -> Obj:
        if progress_deadline(deployment) is None:
            return deployment
        old = deployment.get("status") or {}
        conditions = put(
            list(old.get("conditions") or ()),
            "Progressing",
            "Unknown" if unsure else "True",
            reason,
            message,
            self.clock.now(),
        )
        status = {**old, "conditions": conditions}
        return self.api.update(self.kind, with_status(deployment, status), "status")

    def _note_pause(self, deployment: Obj) -> Obj:
        """A pause does not count as missing progress: reasons DeploymentPaused and
        DeploymentResumed."""
        known = condition(deployment, "Progressing")
        reason = known["reason"] if known is not None else None
        if reason == "ProgressDeadlineExceeded":
            return deployment
        paused = bool(deployment["spec"].get("paused"))
        if paused and reason != "DeploymentPaused":
            return self._note(deployment, "DeploymentPaused", "Deployment is paused", unsure=True)
        if not paused and reason == "DeploymentPaused":
            return self._note(deployment, "DeploymentResumed", "Deployment is resumed", unsure=True)
        return deployment

    def _clean(self, deployment: Obj, old: Sequence[Obj]) -> None:
        for rs in history_to_delete(deployment, old):
            self.api.delete(self.sets.sets, *key_of(rs), uid=uid_of(rs))

    def _report(self, deployment: Obj, every: Sequence[Obj]) -> float | None:
        now = self.clock.now()
        self._write(deployment, counters(deployment, find_new(deployment, every), every, now))
        return None

    def _report_rollout(self, deployment: Obj, every: Sequence[Obj]) -> float | None:
        now = self.clock.now()
        status = rollout_status(deployment, find_new(deployment, every), every, now)
        self._write(deployment, status)
        return deadline_in(deployment, status, now)

    def _write(self, deployment: Obj, status: dict[str, Any]) -> None:
        if status != deployment.get("status"):
            self.api.update(self.kind, with_status(deployment, status), "status")
