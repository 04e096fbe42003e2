"""Small objects for the tests of the rules, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.reading.trim import trimmed
from resilience.kube.objects import Object

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def named(
    kind: str, name: str, version: str = "v1", namespace: str = "shop", **rest: Any
) -> Object:
    """Any object; `labels` and `annotations` go to its metadata."""
    meta = {
        key: rest.pop(key) for key in ("labels", "annotations", "ownerReferences") if key in rest
    }
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, **place, **meta},
        **rest,
    }


def container(**fields: Any) -> Object:
    """One of which no rule has anything to say."""
    good: Object = {
        "name": "web",
        "image": "registry.example/web:1.2@sha256:" + "0" * 64,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
        "securityContext": {"runAsNonRoot": True},
    }
    return {key: value for key, value in {**good, **fields}.items() if value is not None}


def template(app: str = "web", **fields: Any) -> Object:
    """A Pod template; `container` holds fields of its one container."""
    given = fields.pop("container", {})
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}},
    }
    good: Object = {
        "automountServiceAccountToken": False,
        "topologySpreadConstraints": [spread],
        "containers": [container(**given)],
    }
    spec = {key: value for key, value in {**good, **fields}.items() if value is not None}
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


def deployment(name: str = "web", replicas: int | None = 3, **fields: Any) -> Object:
    """`spec` holds fields beside the template, everything else goes into the template."""
    kind = fields.pop("kind", "Deployment")
    spec: Object = {
        "selector": {"matchLabels": {"app": name}},
        **({} if replicas is None else {"replicas": replicas}),
        **fields.pop("spec", {}),
    }
    meta = {"annotations": fields.pop("annotations", {}), "labels": {"team": "shop"}}
    return named(kind, name, "apps/v1", **meta, spec={**spec, "template": template(name, **fields)})


def budget(name: str = "web", selector: Any = None, **spec: Any) -> Object:
    """A PodDisruptionBudget that allows one disruption."""
    chosen = {"matchLabels": {"app": name}} if selector is None else selector
    return named(
        "PodDisruptionBudget", name, "policy/v1",
        spec={"selector": chosen, "unhealthyPodEvictionPolicy": "AlwaysAllow",
              **(spec or {"maxUnavailable": 1})},
    )  # fmt: skip


def service(name: str = "web", selector: Any = None, port: Any = "http") -> Object:
    """A Service on port 80."""
    chosen = {"app": name} if selector is None else selector
    ports = [{"name": "http", "port": 80, "targetPort": port}]
    return named("Service", name, spec={"selector": chosen, "ports": ports})


def scaler(name: str = "web", least: int = 2, most: int = 5) -> Object:
    """A HorizontalPodAutoscaler of a Deployment."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    return named("HorizontalPodAutoscaler", name, "autoscaling/v2", spec=spec)


def pod(name: str, node: str, owner: Object | None = None, **fields: Any) -> Object:
    """A Pod of a cluster, on a node."""
    reference: dict[str, Any] = {"ownerReferences": [_controlled_by(owner)]} if owner else {}
    spec = template(**fields)["spec"]
    return named("Pod", name, labels={"app": "web", "team": "shop"}, **reference,
                 spec={**spec, "nodeName": node}, status={"phase": "Running"})  # fmt: skip


def _controlled_by(owner: Object) -> Object:
    name = owner["metadata"]["name"]
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name,
            "controller": True, "uid": name}  # fmt: skip


def node(name: str, zone: str = "") -> Object:
    """A node."""
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    return named("Node", name, namespace="", labels=labels)


def inventory(*objects: Object, live: bool = False, **more: Any) -> Inventory:
    """What the rules would see of these."""
    return Inventory(objects=[trimmed(each) for each in objects], now=NOW, live=live, **more)
