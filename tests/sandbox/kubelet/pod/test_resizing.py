"""A Pod that is resized in place: at once, or once its node has room."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from resilience.cluster.interface import NODES
from resilience.sandbox.kubelet.node.kubelet import Kubelet
from resilience.sandbox.kubelet.pod.admitting import room_of
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.pod.resizing import held
from tests.sandbox.kubelet.pod.states import pod as pod_object
from tests.sandbox.kubelet.pod.test_broken_pods import fake_kubelet, in_time
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


def test_room_that_a_pod_gives_up_is_offered_to_the_others(tmp_path: Path) -> None:
    """By itself: in a sandbox, others come and go as well."""
    offered: list[Any] = []

    async def body() -> None:
        kubelet = fake_kubelet(tmp_path, [])
        kubelet.refusal = lambda obj: None
        kubelet.retry_resizes = offered.append
        kubelet.held_resize = lambda pod: None
        made = Pod(kubelet, pod_object(nodeName="node-1"))
        there = made.obj
        smaller = {"requests": {"cpu": "1m"}}
        spec = {**there["spec"], "containers": [{**there["spec"]["containers"][0],
                                                 "resources": smaller}]}  # fmt: skip
        made.obj = {**there, "spec": spec}
        made.resize()
        made.resize()
        assert offered == [made], "once"
        assert made.room == room_of(spec)
        leaves = SimpleNamespace(pods={}, writer=SimpleNamespace(forget=lambda pod: None),
                                 retry_resizes=offered.append,
                                 _pods=SimpleNamespace(known={}))  # fmt: skip
        Kubelet.forget(leaves, made)  # type: ignore[arg-type]
        assert offered == [made, made]
        made.vanished()

    in_time(body)
