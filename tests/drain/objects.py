"""Small API objects for the drain's tests."""

from __future__ import annotations

from typing import Any

from resilience.cluster.interface import Object


def pod(
    name: str,
    *,
    app: str = "web",
    node: str = "node-1",
    phase: str = "Running",
    ready: bool = True,
    owner: str | None = "ReplicaSet",
    volumes: tuple[dict[str, Any], ...] = (),
    **metadata: Any,
) -> Object:
    """A Pod as a kubelet would have written it."""
    reference = {"kind": owner, "apiVersion": "apps/v1", "name": app, "controller": True,
                 "uid": f"uid-of-{app}"}  # fmt: skip
    owners = [] if owner is None else [reference]
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": f"uid-{name}",
            "labels": {"app": app},
            "ownerReferences": owners,
            **metadata,
        },
        "spec": {"nodeName": node, "volumes": list(volumes)},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def budget(
    name: str = "web",
    *,
    allowed: int = 1,
    healthy: int = 3,
    desired: int = 2,
    disrupted: dict[str, str] | None = None,
    generation: int = 1,
    observed: int = 1,
    selector: dict[str, Any] | None = None,
    policy: str | None = None,
    version: int = 1,
) -> Object:
    """A PodDisruptionBudget with the status its controller would have written."""
    wanted = {"matchLabels": {"app": "web"}} if selector is None else selector
    spec: dict[str, Any] = {"selector": wanted}
    if policy:
        spec["unhealthyPodEvictionPolicy"] = policy
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "generation": generation,
            "resourceVersion": str(version),
        },
        "spec": spec,
        "status": {
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "observedGeneration": observed,
            "disruptedPods": disrupted or {},
        },
    }
