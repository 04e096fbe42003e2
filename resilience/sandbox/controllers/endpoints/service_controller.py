"""The common base of the controllers of Endpoints and of EndpointSlices.

Both follow Services with a selector and the Pods behind each; a Pod's change wakes the Services
that select it, before or after, and only if it affects an endpoint. Each controller writes its own
objects.
"""

from __future__ import annotations

from resilience.sandbox.controllers.endpoints.endpoint_facts import matters
from resilience.sandbox.controllers.podsets.membership import Membership
from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.kube.object_edits import key_of
from resilience.sandbox.kube.selector_index import from_labels
from resilience.sandbox.reconcile.controller_context import Context, Controller


class ServingController(Controller):
    """Base of a controller whose keys are Services."""

    kind: Resource
    """The kind that the controller writes for each Service."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = context.kind("services")
        self.members = Membership(context.api, context.kind("pods"))

    def start(self) -> None:
        """Watch Services and Pods."""
        self.context.watch(self.services, self._service_changed)
        self.context.watch(self.context.kind("pods"), self._pod_changed)

    def create(self, body: Obj) -> None:
        """Endpoints in a terminating namespace are not written."""
        try:
            self.api.create(self.kind, body)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise

    def _service_changed(self, change: Change) -> None:
        key = key_of(change.obj)
        if change.type == "DELETED" or not is_managed(change.obj):
            self.members.discard(key)
        else:
            self.members.put(key, from_labels(change.obj["spec"]["selector"]))
        self.enqueue(key)

    def _pod_changed(self, change: Change) -> None:
        keys = self.members.observe(change)
        if change.type == "DELETED" or matters(change.old, change.obj):
            for key in keys:
                self.enqueue(key)


def is_managed(service: Obj) -> bool:
    """Whether endpoints are created for a Service: it has a selector and is not an ExternalName."""
    spec = service["spec"]
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"
