"""Just enough controllers and kubelet for the fake cluster: Deployments roll, Pods become ready
after a while, terminate within their grace period, and owners take their dependents with them.
"""

from __future__ import annotations

import itertools
import json

from resilience.cluster.interface import (
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    REPLICASETS,
    Object,
    Resource,
)
from resilience.kube import objects, readiness
from tests.engine.fakes import KNOWN, FakeCluster


class Controllers:
    """`ready_after` and `stop_after` are seconds a Pod takes to start and to stop."""

    def __init__(
        self,
        cluster: FakeCluster,
        *,
        ready_after: float = 0.5,
        stop_after: float = 1.0,
        lag: float = 0.01,
    ) -> None:
        self.cluster = cluster
        self.ready_after = ready_after
        self.stop_after = stop_after
        self.frozen = False
        self._lag = lag
        self._due = False
        self._names = itertools.count(1)
        self._stopping: set[str] = set()
        self._starting: set[str] = set()
        cluster.hooks.append(self._changed)

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        if resource == PODS and kind != "DELETED":
            self._kubelet(obj)
        if not self._due:
            self._due = True
            self.cluster.clock.after(self._lag, self._sync)

    def _kubelet(self, pod: Object) -> None:
        uid, where = objects.uid(pod), (objects.namespace(pod), objects.name(pod))
        if objects.is_terminating(pod):
            if uid not in self._stopping:
                self._stopping.add(uid)
                seconds = min(self.stop_after, objects.grace(pod))
                self.cluster.clock.after(seconds, lambda: self._gone(uid, *where))
        elif not objects.is_finished(pod) and not (
            readiness.is_ready(pod) or uid in self._starting
        ):
            self._starting.add(uid)
            self.cluster.clock.after(self.ready_after, lambda: self._ready(uid, *where))

    def _gone(self, uid: str, namespace: str, name: str) -> None:
        if any(objects.uid(pod) == uid for pod in self.cluster.find(PODS, namespace)):
            self.cluster.remove(PODS, namespace, name)

    def _ready(self, uid: str, namespace: str, name: str) -> None:
        self._starting.discard(uid)

        def edit(pod: Object) -> None:
            pod.setdefault("status", {})["phase"] = "Running"
            pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]

        if any(objects.uid(pod) == uid for pod in self.cluster.find(PODS, namespace)):
            self.cluster.change(PODS, namespace, name, edit)

    def _sync(self) -> None:
        self._due = False
        if self.frozen:
            return
        for deployment in self.cluster.find(DEPLOYMENTS):
            if objects.is_terminating(deployment):
                self._collect(deployment)
            else:
                self._roll(deployment)
        self._orphans()
        for namespace in self.cluster.find(NAMESPACES):
            if objects.is_terminating(namespace):
                self._empty(objects.name(namespace))

    def _roll(self, deployment: Object) -> None:
        wanted = deployment["spec"].get("replicas", 1)
        new = self._replicaset(deployment)
        pods = [
            pod
            for rs in self._owned(REPLICASETS, deployment)
            for pod in self._owned(PODS, rs)
            if not objects.is_terminating(pod)
        ]
        fresh = [pod for pod in pods if objects.controller_uid(pod) == objects.uid(new)]
        old = [pod for pod in pods if pod not in fresh]
        for _ in range(max(0, min(wanted - len(fresh), wanted + 1 - len(pods)))):
            self._pod(new)
        spare = sum(readiness.is_ready(pod) for pod in pods) - wanted
        for pod in old[: max(0, spare)] if old else fresh[wanted:]:
            self.cluster.take(PODS, objects.name(pod), objects.namespace(pod))
        self._status(deployment, wanted, pods, fresh)

    def _status(
        self, deployment: Object, wanted: int, pods: list[Object], fresh: list[Object]
    ) -> None:
        ready = sum(readiness.is_ready(pod) for pod in pods)
        status = {
            "observedGeneration": deployment["metadata"].get("generation", 1),
            "replicas": len(pods),
            "updatedReplicas": len(fresh),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        if deployment.get("status") != status:
            self.cluster.change(
                DEPLOYMENTS,
                objects.namespace(deployment),
                objects.name(deployment),
                lambda obj: obj.update(status=status),
            )

    def _replicaset(self, deployment: Object) -> Object:
        template = json.dumps(deployment["spec"]["template"], sort_keys=True)
        for rs in self._owned(REPLICASETS, deployment):
            if rs["template"] == template:
                return rs
        name = f"{objects.name(deployment)}-rs{next(self._names)}"
        return self.cluster.put(
            REPLICASETS,
            {
                "template": template,
                "spec": deployment["spec"],
                "metadata": {
                    "name": name,
                    "namespace": objects.namespace(deployment),
                    "ownerReferences": [_owner(deployment)],
                },
            },
        )

    def _pod(self, rs: Object) -> None:
        template = json.loads(rs["template"])
        self.cluster.put(
            PODS,
            {
                "metadata": {
                    "name": f"{objects.name(rs)}-{next(self._names)}",
                    "namespace": objects.namespace(rs),
                    "ownerReferences": [_owner(rs)],
                    "labels": template["metadata"]["labels"],
                },
                "spec": {"terminationGracePeriodSeconds": 30, "nodeName": "node-1"}
                | template["spec"],
                "status": {
                    "phase": "Pending",
                    "containerStatuses": [{"name": "web", "restartCount": 0}],
                },
            },
        )

    def _owned(self, resource: Resource, owner: Object) -> list[Object]:
        return [
            obj
            for obj in self.cluster.find(resource, objects.namespace(owner))
            if objects.controller_uid(obj) == objects.uid(owner)
        ]

    def _collect(self, deployment: Object) -> None:
        """Foreground: the owner goes when its Pods are gone."""
        left = [pod for rs in self._owned(REPLICASETS, deployment) for pod in self._owned(PODS, rs)]
        for pod in left:
            if not objects.is_terminating(pod):
                self.cluster.take(PODS, objects.name(pod), objects.namespace(pod))
        if not left:
            self.cluster.remove(
                DEPLOYMENTS, objects.namespace(deployment), objects.name(deployment)
            )

    def _orphans(self) -> None:
        uids = {objects.uid(obj) for obj in self.cluster.find(DEPLOYMENTS)}
        for rs in self.cluster.find(REPLICASETS):
            if objects.controller_uid(rs) not in uids:
                self.cluster.remove(REPLICASETS, objects.namespace(rs), objects.name(rs))

    def _empty(self, namespace: str) -> None:
        left = [
            (kind, obj)
            for kind in KNOWN
            if kind.namespaced
            for obj in self.cluster.find(kind, namespace)
        ]
        for kind, obj in left:
            if not objects.is_terminating(obj):
                self.cluster.take(kind, objects.name(obj), namespace)
        if not left:
            self.cluster.remove(NAMESPACES, "", namespace)


def _owner(obj: Object) -> Object:
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": objects.name(obj),
        "uid": objects.uid(obj),
        "controller": True,
        "blockOwnerDeletion": True,
    }
