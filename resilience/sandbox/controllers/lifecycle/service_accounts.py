"""Content of every namespace: ServiceAccount `default` and ConfigMap `kube-root-ca.crt`.

Both are recreated when deleted, unless the namespace is terminating (serviceaccounts_controller.go,
rootcacertpublisher). The ConfigMap requires that a certificate was given.
"""

from __future__ import annotations

from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import is_deleting
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller

ACCOUNT = "default"
ROOT_CA = "kube-root-ca.crt"


class NamespaceDefaults(Controller):
    """See the module."""

    name = "serviceaccount-controller"

    def start(self) -> None:
        """Watch namespaces and their expected content."""
        self.context.watch(self.context.kind("namespaces"), self.enqueue_object)
        self.context.watch(self.context.kind("serviceaccounts"), self._expected_changed)
        self.context.watch(self.context.kind("configmaps"), self._expected_changed)

    def reconcile(self, key: Key) -> float | None:
        """Create what is missing in one namespace."""
        namespace = self.api.find(self.context.kind("namespaces"), "", key[1])
        if namespace is None or is_deleting(namespace):
            return None
        self._ensure("serviceaccounts", key[1], ACCOUNT, {})
        if self.context.root_ca:
            self._ensure("configmaps", key[1], ROOT_CA, {"data": {"ca.crt": self.context.root_ca}})
        return None

    def _expected_changed(self, change: Change) -> None:
        metadata = change.obj["metadata"]
        if metadata["name"] == ROOT_CA or (
            change.type == "DELETED" and metadata["name"] == ACCOUNT
        ):
            self.enqueue(("", metadata["namespace"]))

    def _ensure(self, plural: str, namespace: str, name: str, content: Obj) -> None:
        kind = self.context.kind(plural)
        found = self.api.find(kind, namespace, name)
        if found is not None:
            if any(found.get(field) != value for field, value in content.items()):
                self.api.update(kind, {**found, **content})
            return
        metadata = {"name": name, "namespace": namespace}
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}
        try:
            self.api.create(kind, obj)
        except ApiError as error:
            if not is_namespace_terminating(error) and error.reason != "AlreadyExists":
                raise
