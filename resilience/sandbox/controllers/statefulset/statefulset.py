"""The StatefulSet controller (rules 3.3): stable names, order, one claim per ordinal.

Decisions are in `statefulset_plan`, the shape of Pods and claims in `statefulset_pods`.
"""

from __future__ import annotations

from resilience.sandbox.controllers.podsets.adoption import adopt, release
from resilience.sandbox.controllers.podsets.claiming import ClaimingController
from resilience.sandbox.controllers.podsets.controller_revisions import Revisions, template_of
from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating, is_told
from resilience.sandbox.controllers.statefulset.ordinal_plan import (
    OrdinalStep,
    Plan,
    SetFacts,
    decide,
    facts_of,
    revision_of,
    status_of,
)
from resilience.sandbox.controllers.statefulset.ordinal_pods import (
    claim_owner,
    claims_of,
    ordinal_of,
    pod_of,
)
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import (
    is_deleting,
    key_of,
    labels_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key, from_spec
from resilience.sandbox.reconcile.controller_context import Context, unless_gone
from resilience.sandbox.reconcile.pod_index import changed_owners


class StatefulSetController(ClaimingController):
    """See the module."""

    name = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("statefulsets", "apps")
        self.pods = context.kind("pods")
        self.claims = context.kind("persistentvolumeclaims")
        self.revisions = Revisions(self, self.kind)

    def start(self) -> None:
        """Watch StatefulSets and Pods."""
        self.context.watch(self.kind, self.selector_changed)
        self.context.watch(self.pods, self._pod_changed)

    def reconcile(self, key: Key) -> float | None:
        """One sync."""
        found = self.api.find(self.kind, *key)
        if found is None:
            return None
        pods = self._claim(found)
        if is_deleting(found):
            return None
        newest = self.revisions.ensure(found)
        facts = facts_of(found, newest["metadata"]["name"])
        plan = decide(facts, pods, self.clock.now())
        self._own_claims(found, facts, pods)
        failure = self._carry_out(found, facts, pods, plan)
        self._report(found, facts)
        if failure is not None:
            raise failure
        return plan.wait

    def _pod_changed(self, change: Change) -> None:
        for key in changed_owners(change, self.kind, always=True):
            self.enqueue(key)
        self.orphan_changed(change)

    def _claim(self, owner: Obj) -> dict[int, Obj]:
        """Controlled Pods by ordinal, after adopting and releasing."""
        namespace = owner["metadata"]["namespace"]
        selector = from_spec(owner["spec"]["selector"])
        for key in () if is_deleting(owner) else self.context.pods.orphans.of(namespace):
            orphan = self.api.find(self.pods, *key)
            if orphan is None or ordinal_of(owner, orphan) is None:
                continue
            if selector.matches(labels_of(orphan)):
                adopt(self.api, self.pods, orphan, owner, self.kind)
        mine: dict[int, Obj] = {}
        for pod in self.api.list(self.pods, namespace, owner=uid_of(owner)):
            ordinal = ordinal_of(owner, pod)
            if not selector.matches(labels_of(pod)):
                release(self.api, self.pods, pod, uid_of(owner))
            elif ordinal is not None:
                mine[ordinal] = pod
        return mine

    def _carry_out(
        self, owner: Obj, facts: SetFacts, pods: dict[int, Obj], plan: Plan
    ) -> ApiError | None:
        for step in plan.steps:
            try:
                self._step(owner, facts, pods, step)
            except ApiError as error:
                return None if is_namespace_terminating(error) else error
        return None

    def _step(self, owner: Obj, facts: SetFacts, pods: dict[int, Obj], step: OrdinalStep) -> None:
        if step.kind == "create":
            self._create(owner, step)
            return
        pod = pods[step.ordinal]
        if step.kind == "recreate":
            self._tell_recreation(owner, pod)
        self._delete(owner, pod)

    def _create(self, owner: Obj, step: OrdinalStep) -> None:
        name, pod_name = owner["metadata"]["name"], f"{owner['metadata']['name']}-{step.ordinal}"
        try:
            self._create_claims(owner, step.ordinal, pod_name)
            template = self._template(owner, step.revision)
            self.api.create(
                self.pods, pod_of(owner, self.kind, step.ordinal, template, step.revision)
            )
        except ApiError as error:
            if error.reason == "AlreadyExists" or not is_told(error):
                raise
            text = f"create Pod {pod_name} in StatefulSet {name} failed error: {error.message}"
            self.event(owner, "FailedCreate", text, warning=True)
            raise
        text = f"create Pod {pod_name} in StatefulSet {name} successful"
        self.event(owner, "SuccessfulCreate", text)

    def _create_claims(self, owner: Obj, ordinal: int, pod_name: str) -> None:
        for claim in claims_of(owner, ordinal):
            if self.api.find(self.claims, *key_of(claim)) is None:
                self.api.create(self.claims, claim)
                text = (
                    f"create Claim {claim['metadata']['name']} Pod {pod_name} in StatefulSet"
                    f" {owner['metadata']['name']} success"
                )
                self.event(owner, "SuccessfulCreate", text)

    def _own_claims(self, owner: Obj, facts: SetFacts, pods: dict[int, Obj]) -> None:
        """Owner references on claims, according to the retention policy."""
        if not owner["spec"].get("volumeClaimTemplates"):
            return
        for ordinal, pod in pods.items():
            wanted = claim_owner(owner, pod, condemned=ordinal not in facts.ordinals)
            for made in claims_of(owner, ordinal):
                claim = self.api.find(self.claims, *key_of(made))
                if claim is None:
                    continue
                ours = (uid_of(owner), uid_of(pod))
                have = claim["metadata"].get("ownerReferences") or []
                kept = [r for r in have if r["uid"] not in ours]
                new = [*kept, wanted] if wanted else kept
                if new != have:
                    patch = {"metadata": {"ownerReferences": new or None}}
                    self.api.patch(self.claims, *key_of(claim), patch)

    def _template(self, owner: Obj, revision: str) -> Obj:
        kind = self.context.kind("controllerrevisions", "apps")
        found = self.api.find(kind, owner["metadata"]["namespace"], revision)
        return template_of(found) if found is not None else owner["spec"]["template"]

    def _tell_recreation(self, owner: Obj, pod: Obj) -> None:
        failed = pod["status"].get("phase") == "Failed"
        reason = "RecreatingFailedPod" if failed else "RecreatingTerminatedPod"
        what = "failed" if failed else "terminated"
        namespace, name = key_of(owner)
        text = f"StatefulSet {namespace}/{name} is recreating {what} Pod {pod['metadata']['name']}"
        self.event(owner, reason, text, warning=failed)

    def _delete(self, owner: Obj, pod: Obj) -> None:
        if not unless_gone(lambda: self.api.delete(self.pods, *key_of(pod), uid=uid_of(pod))):
            return
        name, pod_name = owner["metadata"]["name"], pod["metadata"]["name"]
        text = f"delete Pod {pod_name} in StatefulSet {name} successful"
        self.event(owner, "SuccessfulDelete", text)

    def _report(self, owner: Obj, facts: SetFacts) -> None:
        pods = list(self._claim(owner).values())
        status = status_of(owner, facts, pods, self.clock.now())
        if status != owner.get("status"):
            self.api.update(self.kind, with_status(owner, status), "status")
        used = {facts.current, facts.update, *(revision_of(pod) for pod in pods)}
        self.revisions.truncate(owner, used)
