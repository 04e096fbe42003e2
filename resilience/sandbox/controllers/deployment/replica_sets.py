"""Writing a Deployment's ReplicaSets: claiming, creating (with collisions), scaling, annotating.

Events and their texts are deployment-controller's own.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from resilience.sandbox.controllers.deployment.rolling_update import new_set_size
from resilience.sandbox.controllers.deployment.rollout_facts import Sizes, replicas_of, reported
from resilience.sandbox.controllers.deployment.rollout_revisions import (
    new_set_annotations,
    size_annotations,
)
from resilience.sandbox.controllers.podsets.adoption import adopt, release
from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating
from resilience.sandbox.controllers.podsets.pod_templates import (
    HASH_LABEL,
    content_hash,
    with_label,
    without_label,
)
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.object_edits import (
    annotations_of,
    controller_reference,
    is_controlled_by,
    is_deleting,
    key_of,
    labels_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Selector, from_spec
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.reconcile.pod_index import Orphans


class ReplicaSets(Controller):
    """The ReplicaSet side of the Deployment controller; never queued itself."""

    name = "deployment-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sets = context.kind("replicasets", "apps")
        self.kind = context.kind("deployments", "apps")
        self.orphans = Orphans()

    def claim(self, deployment: Obj) -> list[Obj]:
        """ReplicaSets this Deployment controls, after adopting orphans and releasing others."""
        namespace, owner = deployment["metadata"]["namespace"], uid_of(deployment)
        selector = from_spec(deployment["spec"]["selector"])
        for rs in self.api.list(self.sets, namespace, owner=owner):
            if not selector.matches(labels_of(rs)):
                release(self.api, self.sets, rs, owner)
        if not is_deleting(deployment):
            self._adopt(deployment, selector)
        return list(self.api.list(self.sets, namespace, owner=owner))

    def create(self, deployment: Obj, every: Sequence[Obj], revision: int) -> Obj | None:
        """Create the new ReplicaSet; None in a terminating namespace.

        A ReplicaSet of that name with another template is a hash collision: `collisionCount` goes
        up and the next sync tries another name.
        """
        wanted = self._new_set(deployment, every, revision)
        try:
            made = self.api.create(self.sets, wanted)
        except ApiError as error:
            if is_namespace_terminating(error):
                return None
            if error.reason == "AlreadyExists":
                return self._existing(deployment, wanted, error)
            text = f'Failed to create new replica set "{wanted["metadata"]["name"]}": '
            self.event(deployment, "ReplicaSetCreateError", text + error.message, warning=True)
            raise
        size = replicas_of(made)
        if size > 0:
            text = f"Scaled up replica set {made['metadata']['name']} from 0 to {size}"
            self.event(deployment, "ScalingReplicaSet", text)
        return made

    def scale(self, deployment: Obj, every: Sequence[Obj], sizes: Sizes) -> bool:
        """Write new sizes; True when any ReplicaSet changed its size."""
        by_name = {rs["metadata"]["name"]: rs for rs in every}
        return any([self._scale(deployment, by_name[name], size) for name, size in sizes.items()])

    def refresh(self, deployment: Obj, rs: Obj, revision: int) -> Obj:
        """Bring the existing new ReplicaSet's annotations and minReadySeconds up to date."""
        annotations = new_set_annotations(deployment, rs, revision)
        patch: dict[str, Any] = {}
        if annotations != annotations_of(rs):
            patch["metadata"] = {"annotations": annotations}
        min_ready = deployment["spec"].get("minReadySeconds", 0)
        if rs["spec"].get("minReadySeconds", 0) != min_ready:
            patch["spec"] = {"minReadySeconds": min_ready}
        return self.api.patch(self.sets, *key_of(rs), patch) if patch else rs

    def _adopt(self, deployment: Obj, selector: Selector) -> None:
        for key in self.orphans.of(deployment["metadata"]["namespace"]):
            rs = self.api.find(self.sets, *key)
            if rs is not None and selector.matches(labels_of(rs)):
                adopt(self.api, self.sets, rs, deployment, self.kind)

    def _scale(self, deployment: Obj, rs: Obj, size: int) -> bool:
        old, told = replicas_of(rs), size_annotations(deployment)
        if old == size and told.items() <= annotations_of(rs).items():
            return False
        patch = {"metadata": {"annotations": told}, "spec": {"replicas": size}}
        self.api.patch(self.sets, *key_of(rs), patch)
        if old == size:
            return False
        way = "up" if size > old else "down"
        text = f"Scaled {way} replica set {rs['metadata']['name']} from {old} to {size}"
        self.event(deployment, "ScalingReplicaSet", text)
        return True

    def _new_set(self, deployment: Obj, every: Sequence[Obj], revision: int) -> Obj:
        template = copy.deepcopy(without_label(deployment["spec"]["template"]))
        collisions = reported(deployment, "collisionCount") or None
        label = content_hash(template, collisions)
        template = with_label(template, HASH_LABEL, label)
        selector = deployment["spec"]["selector"]
        labels = {**(selector.get("matchLabels") or {}), HASH_LABEL: label}
        return {
            "apiVersion": self.sets.api_version,
            "kind": self.sets.kind,
            "metadata": {
                "name": f"{deployment['metadata']['name']}-{label}",
                "namespace": deployment["metadata"]["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": new_set_annotations(deployment, None, revision),
                "ownerReferences": [controller_reference(deployment, self.kind)],
            },
            "spec": {
                "replicas": new_set_size(deployment, every, 0),
                "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
                "selector": {**selector, "matchLabels": labels},
                "template": template,
            },
        }

    def _existing(self, deployment: Obj, wanted: Obj, error: ApiError) -> Obj:
        found = self.api.find(self.sets, *key_of(wanted))
        if found is None:
            raise error
        ours = is_controlled_by(found, deployment)
        if ours and without_label(found["spec"]["template"]) == without_label(
            wanted["spec"]["template"]
        ):
            return found
        old = deployment.get("status") or {}
        status = {**old, "collisionCount": (old.get("collisionCount") or 0) + 1}
        self.api.update(self.kind, with_status(deployment, status), "status")
        raise error
