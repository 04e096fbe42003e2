"""The ReplicationController controller: a ReplicaSet's rules for the kind that came before it.

Differs as pkg/controller/replication does: the selector is a plain map (the template's labels where
there is none), and the status has no count of terminating Pods.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.controllers.replicaset.replicaset import ReplicaSetController
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.selector_index import NOTHING, Selector, from_labels
from resilience.sandbox.reconcile.controller_context import Context


class ReplicationControllerController(ReplicaSetController):
    """See the module."""

    name = "replication-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("replicationcontrollers")

    def selector_of(self, obj: Obj) -> Selector:
        """A plain map; without one there is nothing to select, where {} would be everything."""
        selector = obj["spec"].get("selector")
        return from_labels(selector) if selector else NOTHING

    def shown(self, status: dict[str, Any]) -> dict[str, Any]:
        """The status of the older kind."""
        return {key: value for key, value in status.items() if key != "terminatingReplicas"}
