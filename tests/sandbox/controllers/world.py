"""A whole control plane in virtual time: the real registry, real controllers, a played kubelet.

`World` stands for a cluster without processes. Its kubelet runs a scheduled Pod after `start`
seconds and ends a deleted one after `stop` seconds; a node can fall silent. Time moves only by
`run`, and the queue's real timer stands still, so every run of a test is the same.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.controllers.manager import CONTROLLERS, Manager
from resilience.sandbox.host.sandbox_clock import VirtualClock, stamp, stamp_micro
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.reconcile.controller_context import Controller, Issue

CONDITIONS = ("MemoryPressure", "DiskPressure", "PIDPressure")


class World:
    """See the module."""

    def __init__(
        self,
        *,
        nodes: int = 3,
        start: float = 0.5,
        stop: float = 1.0,
        controllers: Sequence[type[Controller]] = CONTROLLERS,
        issue: Issue | None = None,
    ) -> None:
        self.clock = VirtualClock()
        numbers = itertools.count(1)
        self.api = Registry(
            self.clock, chance=random.Random(7), ids=lambda: f"uid-{next(numbers):06d}"
        )
        self.start, self.stop = start, stop
        self.unready: set[str] = set()
        self.silent: set[str] = set()
        self.directories = PlayedDirectories(self.clock)
        self.manager = Manager(
            self.api,
            self.clock,
            controllers=controllers,
            timer=lambda: 0.0,
            root_ca="CERTIFICATE",
            issue=issue,
            directories=self.directories,
        )
        self.manager.start()
        self.api.subscribe(self.kind("pods"), self._pod_changed)
        for number in range(1, nodes + 1):
            self.add_node(f"node-{number}")
        self.run(0)

    # -- time ------------------------------------------------------------------------------------

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass; controllers and the kubelet act when they are due."""
        self.clock.advance(seconds)

    def until(self, holds: Callable[[], bool], within: float = 600.0, step: float = 0.1) -> float:
        """Run in small steps until a fact holds; returns the seconds it took."""
        passed = 0.0
        while not holds():
            assert passed < within, f"not within {within} virtual seconds"
            self.run(step)
            passed += step
        return passed

    # -- objects ---------------------------------------------------------------------------------

    def kind(self, plural: str) -> Resource:
        """A resource by "plural" or "plural.group"."""
        name, _, group = plural.partition(".")
        return self.api.resource(name, group)

    def create(self, plural: str, body: Obj, *, namespace: str = "default") -> Obj:
        """Create an object; apiVersion, kind and namespace are filled in."""
        kind = self.kind(plural)
        metadata = dict(body["metadata"])
        if kind.namespaced:
            metadata.setdefault("namespace", namespace)
        base = {"apiVersion": kind.api_version, "kind": kind.kind}
        return self.api.create(kind, {**base, **body, "metadata": metadata})

    def refuse(self, plural: str, *answers: ApiError) -> None:
        """The next creations of this kind are answered so, then as usual."""
        usual, left = self.api.create, list(answers)

        def create(resource: Resource, obj: Obj, **more: Any) -> Obj:
            if resource.plural == plural and left:
                raise left.pop(0)
            return usual(resource, obj, **more)

        self.api.create = create  # type: ignore[method-assign]

    def get(self, plural: str, name: str, namespace: str = "default") -> Obj:
        """One object; 404 as from the API."""
        kind = self.kind(plural)
        return self.api.get(kind, namespace if kind.namespaced else "", name)

    def find(self, plural: str, name: str, namespace: str = "default") -> Obj | None:
        """One object or None."""
        kind = self.kind(plural)
        return self.api.find(kind, namespace if kind.namespaced else "", name)

    def all(self, plural: str, namespace: str | None = "default", **labels: str) -> list[Obj]:
        """Objects of a namespace, with these labels."""
        kind = self.kind(plural)
        where = namespace if kind.namespaced else None
        return list(self.api.list(kind, where, labels=labels or None))

    def patch(
        self, plural: str, name: str, patch: Any, namespace: str = "default", **more: Any
    ) -> Obj:
        """A merge patch."""
        kind = self.kind(plural)
        return self.api.patch(kind, namespace if kind.namespaced else "", name, patch, **more)

    def delete(self, plural: str, name: str, namespace: str = "default", **options: Any) -> None:
        """DELETE."""
        kind = self.kind(plural)
        self.api.delete(kind, namespace if kind.namespaced else "", name, **options)

    def pods(self, namespace: str = "default", **labels: str) -> list[Obj]:
        """Pods that are not being deleted."""
        found = self.all("pods", namespace, **labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def events(self, reason: str, about: str | None = None) -> list[str]:
        """Messages of Events with a reason, oldest first."""
        found = [
            event
            for event in self.api.list(self.kind("events"))
            if event["reason"] == reason
            and (about is None or event["involvedObject"]["name"] == about)
        ]
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [event["message"] for event in found]

    # -- nodes -----------------------------------------------------------------------------------

    def add_node(self, name: str, *, pods: int = 110, cpu: str = "8", **labels: str) -> None:
        """A Ready node with a kubelet that renews its Lease."""
        size = {"cpu": cpu, "memory": "16Gi", "pods": str(pods)}
        self.create(
            "nodes",
            {
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
                "spec": {},
                "status": {"capacity": size, "allocatable": size},
            },
        )
        self.report_node(name, "True")
        lease = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {}}
        self.create("leases.coordination.k8s.io", lease, namespace="kube-node-lease")
        self._renew(name)

    def report_node(self, name: str, ready: str, **conditions: str) -> None:
        """Write a node's status as its kubelet would."""
        node = self.get("nodes", name)
        now = stamp(self.clock.now())
        states = {**dict.fromkeys(CONDITIONS, "False"), "Ready": ready, **conditions}
        entries = [
            {
                "type": type,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
                "reason": "Kubelet",
                "message": "",
            }
            for type, status in states.items()
        ]
        status = {**(node.get("status") or {}), "conditions": entries}
        self.api.update(self.kind("nodes"), {**node, "status": status}, "status")

    def _renew(self, name: str) -> None:
        lease = self.find("leases.coordination.k8s.io", name, "kube-node-lease")
        if lease is None:
            return
        if name not in self.silent:
            spec = {"holderIdentity": name, "renewTime": stamp_micro(self.clock.now())}
            self.patch("leases.coordination.k8s.io", name, {"spec": spec}, "kube-node-lease")
        self.clock.call_later(10.0, lambda: self._renew(name))

    # -- the kubelet -----------------------------------------------------------------------------

    def _pod_changed(self, change: Change) -> None:
        pod, old = change.obj, change.old
        metadata = pod["metadata"]
        if change.type == "DELETED" or not pod["spec"].get("nodeName"):
            return
        key = (metadata["namespace"], metadata["name"], metadata["uid"])
        if "deletionTimestamp" in metadata:
            if old is None or "deletionTimestamp" not in old["metadata"]:
                self.clock.call_later(self.stop, lambda: self._stop(*key))
        elif old is None or not old["spec"].get("nodeName"):
            self.clock.call_later(self.start, lambda: self._start(*key))

    def _alive(self, namespace: str, name: str, uid: str) -> Obj | None:
        pod = self.api.find(self.kind("pods"), namespace, name)
        if pod is None or pod["metadata"]["uid"] != uid or pod["spec"]["nodeName"] in self.silent:
            return None
        return pod

    def _start(self, namespace: str, name: str, uid: str) -> None:
        pod = self._alive(namespace, name, uid)
        ended = pod is not None and pod["status"].get("phase") in ("Succeeded", "Failed")
        if pod is not None and not ended and "deletionTimestamp" not in pod["metadata"]:
            app = pod["metadata"].get("labels", {}).get("app", "")
            ready = name not in self.unready and app not in self.unready
            self.report(name, namespace=namespace, phase="Running", ready=ready)

    def _stop(self, namespace: str, name: str, uid: str) -> None:
        pod = self._alive(namespace, name, uid)
        if pod is None:
            return
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            self.report(name, namespace=namespace, phase="Succeeded", ready=False)
        if self._alive(namespace, name, uid) is not None:
            self.api.delete(self.kind("pods"), namespace, name, grace=0, uid=uid)

    def report(
        self, name: str, *, phase: str = "Running", ready: bool = True, namespace: str = "default"
    ) -> None:
        """Write a Pod's status as its kubelet would."""
        pod = self.get("pods", name, namespace)
        now = stamp(self.clock.now())
        status = pod.get("status") or {}
        conditions = [c for c in status.get("conditions") or () if c["type"] not in READINESS]
        known = {c["type"]: c for c in status.get("conditions") or ()}
        for type in READINESS:
            value = "True" if ready else "False"
            old = known.get(type)
            since = old["lastTransitionTime"] if old and old["status"] == value else now
            conditions.append({"type": type, "status": value, "lastTransitionTime": since})
        last = name.encode()
        address = f"127.20.{32 + sum(last) % 90}.{sum(i * b for i, b in enumerate(last)) % 250 + 1}"
        fresh = {
            **status,
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "hostIP": "127.20.0.1",
            "conditions": conditions,
        }
        self.api.update(self.kind("pods"), {**pod, "status": fresh}, "status")


class PlayedDirectories:
    """Contents by name; a copy takes `seconds` and reads its source at its end."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.contents: dict[str, str] = {}
        self.seconds = 2.0
        self.complaint = ""

    def copy(
        self, source: str, target: str, done: Callable[[str], None], *, needed: bool = True
    ) -> None:
        """As `Directories.copy`."""

        def end() -> None:
            missing = needed and source not in self.contents
            complaint = self.complaint or (f"{source} is not there" if missing else "")
            if not complaint:
                self.contents[target] = self.contents.get(source, "")
            done(complaint)

        self._clock.call_later(self.seconds, end)

    def remove(self, name: str) -> None:
        """As `Directories.remove`."""
        self.contents.pop(name, None)

    def exists(self, name: str) -> bool:
        """As `Directories.exists`."""
        return name in self.contents


READINESS = ("Ready", "ContainersReady")


def template(app: str = "web", **spec: Any) -> Obj:
    """A Pod template with one container."""
    containers = [{"name": "app", "image": "registry.k8s.io/pause:3.10"}]
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": containers, **spec}}


def pod(name: str, app: str = "web", **spec: Any) -> Obj:
    """A bare Pod."""
    made = template(app, **spec)
    return {"metadata": {"name": name, **made["metadata"]}, "spec": made["spec"]}


def replicaset(name: str = "web", replicas: int = 3, **spec: Any) -> Obj:
    """A ReplicaSet of `template`."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
            **spec,
        },
    }


deployment = replicaset
"""A Deployment has the same shape."""
