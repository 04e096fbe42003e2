"""A Pod that is resized in place: at once, or once its node has room."""

from __future__ import annotations

import json
from typing import Any

from resilience.cluster.interface import NODES
from resilience.sandbox.kubelet.pod.admitting import room_of
from resilience.sandbox.kubelet.pod.resizing import held
from tests.sandbox.running import Pods

NODE: dict[str, Any] = {
    "metadata": {"name": "node-1"},
    "status": {"allocatable": {"cpu": "2", "pods": "9"}},
}


def spec(cpu: str) -> dict[str, Any]:
    return {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}


def test_room_that_others_have_is_waited_for_and_room_that_is_not_there_is_not() -> None:
    other = [room_of(spec("1"))]
    assert held(spec("1"), NODE, other) is None
    said = "Node didn't have enough resource: cpu, requested: 1001, used: 1000, capacity: 2000"
    assert held(spec("1001m"), NODE, other) == {"reason": "Deferred", "message": said}
    assert (held(spec("3"), NODE, other) or {})["reason"] == "Infeasible"


def cpu(pods: Pods, name: str, amount: str) -> None:
    resources = {"requests": {"cpu": amount}}
    patch = {"spec": {"containers": [{"name": "main", "resources": resources}]}}
    pods.kubectl("patch", "pod", name, "--subresource=resize", f"--patch={json.dumps(patch)}")


def given(pods: Pods, name: str) -> str:
    return str(pods.status(name)["resources"]["requests"]["cpu"])


def pending(pod: dict[str, Any]) -> str:
    found = [c for c in pod["status"]["conditions"] if c["type"] == "PodResizePending"]
    return str(found[0]["reason"]) if found else ""


def test_a_resize_waits_until_another_pod_leaves_or_shrinks(pods: Pods) -> None:
    node = pods.sandbox.cluster.list(NODES)[0]
    half = int(node["status"]["allocatable"]["cpu"]) // 2
    name = node["metadata"]["name"]
    for each in ("one", "two", "three"):
        share = {"resources": {"requests": {"cpu": f"{half * 1000 // 2 - 100}m"}}}
        pods.run(each, main=share, nodeName=name)
    for each in ("one", "two", "three"):
        pods.until_ready(each)
    before = given(pods, "one")
    cpu(pods, "one", f"{half * 1000 + 500}m")
    pods.until("one", lambda pod: pending(pod) == "Deferred", "it waits")
    assert given(pods, "one") == before
    cpu(pods, "two", "100m")
    pods.until("one", lambda pod: not pending(pod), "two has shrunk")
    assert given(pods, "one") == f"{half * 1000 + 500}m"
    cpu(pods, "one", f"{half * 2 * 1000 - 400}m")
    pods.until("one", lambda pod: pending(pod) == "Deferred", "it waits again")
    pods.kubectl("delete", "pod", "three")
    pods.until("one", lambda pod: not pending(pod), "three is gone")
    cpu(pods, "two", "700m")
    pods.until("two", lambda pod: pending(pod) == "Deferred", "one has it all")
    cpu(pods, "two", "100m")
    pods.until("two", lambda pod: not pending(pod), "it no longer asks")
