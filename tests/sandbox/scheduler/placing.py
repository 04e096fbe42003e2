"""What the scheduler's tests ask for, and what became of it."""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, pod

PREEMPTION = "no new claims to deallocate, preemption: 0/{n} nodes are available: {text}."


def node_of(world: World, name: str) -> str | None:
    found: str | None = world.get("pods", name)["spec"].get("nodeName")
    return found


def why(world: World, name: str) -> str:
    found = condition(world.get("pods", name), "PodScheduled")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    assert world.events("FailedScheduling", name)[-1] == found["message"]
    return str(found["message"])


def asking(cpu: str = "0", memory: str = "0", **more: str) -> list[Obj]:
    requests = {"cpu": cpu, "memory": memory, **more}
    image = "registry.k8s.io/pause:3.10"
    return [{"name": "app", "image": image, "resources": {"requests": requests}}]


def require(key: str, operator: str, *values: str) -> Obj:
    expression = {"key": key, "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def place(world: World, name: str, app: str = "web", **spec: Any) -> str | None:
    world.create("pods", pod(name, app, **spec))
    world.run(0)
    return node_of(world, name)
