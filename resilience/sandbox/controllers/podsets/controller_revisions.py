"""ControllerRevisions: the history of templates that StatefulSets and DaemonSets keep.

A revision holds the template; equal templates share one, and going back to an old template gives
that revision the highest number again (pkg/controller/history).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from resilience.sandbox.controllers.podsets.pod_templates import content_hash, without_label
from resilience.sandbox.kube.api import ApiError, Obj, Resource
from resilience.sandbox.kube.object_edits import controller_reference, key_of, labels_of, uid_of
from resilience.sandbox.reconcile.controller_context import Controller

HASH_LABEL: Final = "controller.kubernetes.io/hash"
POD_LABEL: Final = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Revisions:
    """Reads and writes the ControllerRevisions of the objects that one controller manages."""

    controller: Controller
    owner_kind: Resource

    @property
    def _kind(self) -> Resource:
        return self.controller.context.kind("controllerrevisions", "apps")

    @property
    def _label(self) -> str:
        """A DaemonSet's history has its Pods' labels."""
        return POD_LABEL if self.owner_kind.plural == "daemonsets" else HASH_LABEL

    def of(self, owner: Obj) -> list[Obj]:
        """Revisions of an owner, lowest number first."""
        namespace = owner["metadata"]["namespace"]
        found = self.controller.api.list(self._kind, namespace, owner=uid_of(owner))
        return sorted(found, key=lambda revision: (revision["revision"], key_of(revision)))

    def ensure(self, owner: Obj) -> Obj:
        """The revision of the owner's present template, with the highest number."""
        history = self.of(owner)
        template = {**owner["spec"]["template"], "$patch": "replace"}
        data = {"spec": {"template": _sorted(template)}}
        highest = history[-1]["revision"] if history else 0
        equal = [r for r in history if _comparable(r["data"]) == _comparable(data)]
        if not equal:
            return self._create(owner, data, highest + 1)
        if equal[-1]["revision"] == highest:
            return equal[-1]
        patch = {"revision": highest + 1}
        return self.controller.api.patch(self._kind, *key_of(equal[-1]), patch)

    def truncate(self, owner: Obj, in_use: Iterable[str]) -> None:
        """Delete the oldest unused revisions beyond `revisionHistoryLimit`."""
        used = set(in_use)
        limit: int = owner["spec"].get("revisionHistoryLimit", 10)
        unused = [r for r in self.of(owner) if r["metadata"]["name"] not in used]
        for revision in unused[: max(0, len(unused) - limit)]:
            self.controller.api.delete(self._kind, *key_of(revision), uid=uid_of(revision))

    def _create(self, owner: Obj, data: Mapping[str, Any], number: int) -> Obj:
        collisions = (owner.get("status") or {}).get("collisionCount") or 0
        while True:
            label = content_hash(_comparable(data), collisions)
            body = self._body(owner, data, number, label)
            try:
                return self.controller.api.create(self._kind, body)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                collisions += 1

    def _body(self, owner: Obj, data: Mapping[str, Any], number: int, label: str) -> Obj:
        template_labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
        metadata = {
            "name": f"{owner['metadata']['name']}-{label}",
            "namespace": owner["metadata"]["namespace"],
            "labels": {**template_labels, self._label: label},
            "ownerReferences": [controller_reference(owner, self.owner_kind)],
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": metadata,
            "data": dict(data),
            "revision": number,
        }


def hash_of(revision: Obj) -> str:
    """The hash label of a DaemonSet's Pods."""
    labels = labels_of(revision)
    return labels.get(POD_LABEL) or labels.get(HASH_LABEL, "")


def template_of(revision: Obj) -> dict[str, Any]:
    """The template a revision holds."""
    template: dict[str, Any] = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def _sorted(value: Any) -> Any:
    """Keys in order, as Go writes a map: clients compare the bytes."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _comparable(data: Mapping[str, Any]) -> dict[str, Any]:
    template = dict(data["spec"]["template"])
    template.pop("$patch", None)
    return without_label(template)
