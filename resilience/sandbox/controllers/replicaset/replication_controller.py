"""The ReplicationController controller: a ReplicaSet's rules for the older kind.

Differs as pkg/controller/replication does: the selector is a plain map (by default the template's
labels), and the status does not count terminating Pods.
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
        """A plain map of labels; without one nothing is selected, whereas an empty selector would
        select everything."""
        selector = obj["spec"].get("selector")
        return from_labels(selector) if selector else NOTHING

    def shown(self, status: dict[str, Any]) -> dict[str, Any]:
        """The status of the older kind."""
        return {key: value for key, value in status.items() if key != "terminatingReplicas"}
