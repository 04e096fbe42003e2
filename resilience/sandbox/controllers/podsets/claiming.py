"""The common base of workload controllers: which of them may claim an orphan.

A Deployment, a ReplicaSet and a StatefulSet each have a selector; an object with matching labels
and no controller may be adopted, so its changes wake every owner that selects it. Each controller
does the adopting itself.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import controller_of, is_deleting, key_of, labels_of
from resilience.sandbox.kube.selector_index import Selector, SelectorIndex, from_spec
from resilience.sandbox.reconcile.controller_context import Context, Controller


class ClaimingController(Controller):
    """Base of a controller whose objects select what they own."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.selectors = SelectorIndex()

    def selector_of(self, obj: Obj) -> Selector:
        """The selector of an object."""
        return from_spec(obj["spec"]["selector"])

    def selector_changed(self, change: Change) -> None:
        """A watch callback for the selecting objects."""
        key = key_of(change.obj)
        if change.type == "DELETED":
            self.selectors.discard(key)
        else:
            self.selectors.put(key, self.selector_of(change.obj))
        self.enqueue(key)

    def orphan_changed(self, change: Change) -> None:
        """A watch callback for objects that may be claimed."""
        obj = change.obj
        if controller_of(obj) is None and not is_deleting(obj):
            for key in self.selectors.matching(obj["metadata"]["namespace"], labels_of(obj)):
                self.enqueue(key)
