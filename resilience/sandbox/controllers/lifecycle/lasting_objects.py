"""Recreates the Service `default/kubernetes` when it is deleted, with its former address.

In a real cluster the API server itself does that (controlplane/controller/kubernetesservice).
"""

from __future__ import annotations

from resilience.sandbox.controllers.lifecycle.cluster_bootstrap import bootstrap
from resilience.sandbox.kube.api import Change
from resilience.sandbox.kube.object_edits import key_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller

OWN = ("default", "kubernetes")


class LastingObjects(Controller):
    """See the module."""

    name = "kubernetes-service"

    def start(self) -> None:
        """Watch Services."""
        self._address = ""
        self.context.watch(self.context.kind("services"), self._changed)

    def reconcile(self, key: Key) -> float | None:
        """Create it again."""
        bootstrap(self.api, self._address)
        return None

    def _changed(self, change: Change) -> None:
        if key_of(change.obj) != OWN:
            return
        self._address = change.obj["spec"].get("clusterIP", "")
        if change.type == "DELETED":
            self.enqueue(OWN)
