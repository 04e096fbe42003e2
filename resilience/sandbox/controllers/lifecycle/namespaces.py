"""Namespace deletion: Pods first, then everything else, then the namespace (rules 3.10).

It checks again when something in a terminating namespace is removed, and after half the longest
grace period in any case, as kube-controller-manager does.
"""

from __future__ import annotations

from resilience.sandbox.controllers.lifecycle.all_kinds import AllKinds
from resilience.sandbox.controllers.lifecycle.namespace_plan import Remains, conditions_of
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.kube.object_edits import (
    finalizers_of,
    is_deleting,
    key_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller


class NamespaceController(Controller):
    """See the module."""

    name = "namespace-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.namespaces = context.kind("namespaces")
        self.pods = context.kind("pods")
        self.events = context.kind("events")
        self.kinds = AllKinds(context, self._content_changed)
        self._terminating: set[str] = set()

    def start(self) -> None:
        """Watch namespaces and everything in them."""
        self.context.watch(self.namespaces, self._namespace_changed)
        self.kinds.start()

    def reconcile(self, key: Key) -> float | None:
        """One round for a terminating namespace."""
        namespace = self.api.find(self.namespaces, *key)
        if namespace is None or not is_deleting(namespace):
            return None
        if not (namespace.get("spec") or {}).get("finalizers"):
            return None
        remains = Remains()
        if self._empty(key[1], remains) is False:
            return 0
        self._report(namespace, remains)
        if remains.objects:
            return remains.wait
        fresh = self.api.get(self.namespaces, *key)
        left = [name for name in fresh["spec"]["finalizers"] if name != "kubernetes"]
        spec = {**fresh["spec"], "finalizers": left}
        self.api.update(self.namespaces, {**fresh, "spec": spec}, "finalize")
        return None

    def _namespace_changed(self, change: Change) -> None:
        name = change.obj["metadata"]["name"]
        if change.type == "DELETED" or not is_deleting(change.obj):
            self._terminating.discard(name)
        elif name not in self._terminating:
            self._terminating.add(name)
            self.enqueue(("", name))

    def _content_changed(self, change: Change) -> None:
        name = change.obj["metadata"].get("namespace")
        if change.type == "DELETED" and name in self._terminating:
            self.enqueue(("", name))

    def _empty(self, name: str, remains: Remains) -> bool:
        """Delete the content and note what stays; False when the slice's time ran out."""
        if not self._delete_all(self.pods, name, remains):
            return False
        if remains.objects:
            return True
        for resource in (*self.kinds.served(), self.events):
            if resource.namespaced and not self._delete_all(resource, name, remains):
                return False
        return True

    def _delete_all(self, resource: Resource, name: str, remains: Remains) -> bool:
        for obj in self.api.list(resource, name):
            if not is_deleting(obj):
                if self.context.runner.exhausted():
                    return False
                self._delete(resource, obj, remains)
            left = self.api.find(resource, *key_of(obj))
            if left is not None:
                grace = left["metadata"].get("deletionGracePeriodSeconds") or 0
                remains.note(resource, finalizers_of(left), grace)
        return True

    def _delete(self, resource: Resource, obj: Obj, remains: Remains) -> None:
        try:
            self.api.delete(resource, *key_of(obj), uid=uid_of(obj), propagation="Background")
        except ApiError as error:
            if error.code not in (404, 409):
                remains.failure = error.message

    def _report(self, namespace: Obj, remains: Remains) -> None:
        status = namespace.get("status") or {}
        old = status.get("conditions") or ()
        conditions = conditions_of(old, remains, self.clock.now())
        if list(old) != conditions:
            fresh = with_status(namespace, {**status, "conditions": conditions})
            self.api.update(self.namespaces, fresh, "status")
