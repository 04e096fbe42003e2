"""As much of Chaos Mesh as a cluster shows of it: its CRD, and a controller that injects into the
Pods that a selector matches, holds its resources by a finalizer, and lets go once it has recovered.
"""

from __future__ import annotations

from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self

from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import PODS, Object, Resource, WatchEvent
from resilience.cluster.transport import HttpCluster
from resilience.kube import objects

KIND = Resource("chaos-mesh.org", "v1alpha1", "networkchaos", "NetworkChaos")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions",
                "CustomResourceDefinition", False)  # fmt: skip
FINALIZER = "chaos-mesh/records"


def crd(cluster: HttpCluster) -> Resource:
    """Install the CRD; its kind once it is served."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": KIND.version, "served": True, "storage": True,
               "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}  # fmt: skip
    name = f"{KIND.plural}.{KIND.group}"
    cluster.create(CRDS, {"metadata": {"name": name}, "spec": {
        "group": KIND.group, "scope": "Namespaced", "versions": [version],
        "names": {"plural": KIND.plural, "singular": KIND.plural, "kind": KIND.kind}}})  # fmt: skip
    with cluster.view(CRDS) as view:
        assert view.wait(lambda found: any(_established(each) for each in found), 30.0)
    return KIND


def _established(found: Object) -> bool:
    return objects.condition(found, "Established").get("status") == "True"


class Controller:
    """At work for the time of the block; `recovered` holds the uids it has let go."""

    def __init__(self, cluster: HttpCluster, kind: Resource) -> None:
        self.recovered: set[str] = set()
        self._cluster, self._kind = cluster, kind
        self._events: Queue[WatchEvent | None] = Queue()
        self._thread = Thread(target=self._work)

    def __enter__(self) -> Self:
        self._view = self._cluster.view(self._kind)
        self._cancel = self._view.__enter__().subscribe(self._events.put)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cancel()
        self._events.put(None)
        self._thread.join()
        self._view.__exit__(kind, error, trace)

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._seen(event.object, event.type)
            except NotFound:  # it went meanwhile
                continue
            except ClusterError:  # a write that failed is done again, as a real one's queue does
                self._events.put(event)

    def _seen(self, chaos: Object, event: str) -> None:
        held = FINALIZER in (objects.metadata(chaos).get("finalizers") or ())
        if event == "DELETED":
            return
        if objects.is_terminating(chaos):
            if held:
                self.recovered.add(objects.uid(chaos))
                self._patch(chaos, {"metadata": {"finalizers": None}})
        elif not held:
            self._patch(chaos, {"metadata": {"finalizers": [FINALIZER]}})
            self._patch(chaos, {"status": self._injected(chaos)}, subresource="status")

    def _injected(self, chaos: Object) -> Object:
        labels = chaos["spec"]["selector"]["labelSelectors"]
        wanted = ",".join(f"{key}={value}" for key, value in labels.items())
        namespace = objects.namespace(chaos)
        pods = self._cluster.list(PODS, namespace, labels=wanted)
        return {
            "conditions": [{"type": "AllInjected", "status": "True"}],
            "experiment": {"containerRecords": [
                {"id": f"{namespace}/{objects.name(pod)}", "phase": "Injected"} for pod in pods]},
        }  # fmt: skip

    def _patch(self, chaos: Object, body: Any, **more: Any) -> None:
        self._cluster.patch(self._kind, objects.name(chaos), body, objects.namespace(chaos), **more)
