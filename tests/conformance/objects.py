"""Objects these tests make. Every Pod runs agnhost, the one image a cluster needs for them."""

from __future__ import annotations

from typing import Any

from tests.conformance.wire import Obj

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"
OLDER = "registry.k8s.io/e2e-test-images/agnhost:2.52"


def pod_spec(*, serves: bool = False, grace: int = 1, image: str = IMAGE, **more: Any) -> Obj:
    """A Pod that idles, or one that serves HTTP on 8080 and is probed for readiness."""
    container: Obj = {"name": "app", "image": image, "args": ["pause"]}
    if serves:
        probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        container |= {
            "args": ["netexec", "--http-port=8080"],
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": probe,
        }
    return {"containers": [container], "terminationGracePeriodSeconds": grace, **more}


def pod(name: str, app: str = "web", **spec: Any) -> Obj:
    """A bare Pod."""
    return {"metadata": {"name": name, "labels": {"app": app}}, "spec": pod_spec(**spec)}


def workload(name: str = "web", replicas: int | None = 3, *, serves: bool = False,
             pod: Obj | None = None, **spec: Any) -> Obj:  # fmt: skip
    """What Deployment, ReplicaSet, StatefulSet and DaemonSet have in common."""
    template = {"metadata": {"labels": {"app": name}}, "spec": pod or pod_spec(serves=serves)}
    counted = {} if replicas is None else {"replicas": replicas}
    selector = {"matchLabels": {"app": name}}
    return {
        "metadata": {"name": name},
        "spec": {**counted, "selector": selector, "template": template, **spec},
    }


def budget(name: str = "web", app: str = "web", **spec: Any) -> Obj:
    """A disruption budget."""
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


def service(name: str = "web", app: str = "web", **spec: Any) -> Obj:
    """A Service for Pods that serve."""
    ports = [{"name": "http", "port": 8080, "targetPort": "http"}]
    return {"metadata": {"name": name}, "spec": {"selector": {"app": app}, "ports": ports, **spec}}


def eviction(name: str, **options: Any) -> Obj:
    """The body of an eviction."""
    body: Obj = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return {**body, "deleteOptions": options} if options else body


def is_ready(pod: Obj) -> bool:
    """Ready and not being deleted."""
    return "deletionTimestamp" not in pod["metadata"] and is_true(pod, "Ready")


def is_true(obj: Obj, type: str) -> bool:
    """Whether a condition is True."""
    return (condition(obj, type) or {}).get("status") == "True"


def condition(obj: Obj, type: str) -> Obj | None:
    """A condition by type."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in found if c["type"] == type), None)


def all_ready(count: int) -> Any:
    """A fact about Pods: so many are ready and no other is there."""
    return lambda pods: len(pods) == count and all(is_ready(p) for p in pods.values())


def rolled_out(deployment: Obj) -> bool:
    """A finished rollout."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = [status.get(f, 0) for f in ("replicas", "updatedReplicas", "availableReplicas")]
    return (
        counts == [wanted] * 3
        and status["observedGeneration"] == (deployment["metadata"]["generation"])
    )
