"""What a kubelet refuses although its node was chosen."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.cluster.interface import NODES
from resilience.sandbox.kubelet.node.kubelet import Kubelet
from resilience.sandbox.kubelet.pod.admitting import refusal, room_of
from tests.sandbox.running import Pods

Spec = dict[str, Any]
MESSAGE = (
    "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested"
    " pod ports"
)


def spec(port: int | None = 8080, address: str = "", protocol: str = "TCP") -> Spec:
    entry: Spec = {"containerPort": 80, "protocol": protocol}
    if port is not None:
        entry["hostPort"] = port
    if address:
        entry["hostIP"] = address
    return {"containers": [{"name": "c", "ports": [entry]}]}


NODE: dict[str, Any] = {
    "metadata": {"name": "node-1", "labels": {"disk": "hdd"}},
    "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3", "example.com/gpu": "1"}},
}


@pytest.mark.parametrize(
    ("wanted", "other", "refused"),
    [
        (spec(), spec(), True),
        (spec(), spec(address="10.0.0.1"), True),
        (spec(address="10.0.0.1"), spec(address="10.0.0.2"), False),
        (spec(), spec(protocol="UDP"), False),
        (spec(), spec(port=8081), False),
        (spec(port=None), spec(), False),
    ],
)
def test_ports_that_cannot_be_had_twice(wanted: Spec, other: Spec, refused: bool) -> None:
    others = [room_of(spec(port=None)), room_of(other)]
    assert (refusal(wanted, NODE, others) is not None) is refused


def needing(**requests: str) -> Spec:
    named = {name.replace("gpu", "example.com/gpu"): value for name, value in requests.items()}
    return {"containers": [{"name": "c", "resources": {"requests": named}}]}


@pytest.mark.parametrize(
    ("wanted", "other", "reason"),
    [
        (needing(cpu="2"), needing(memory="1Gi"), ""),
        (needing(cpu="1500m"), needing(cpu="501m"), "OutOfcpu"),
        (needing(memory="2Gi"), needing(), "OutOfmemory"),
        (needing(gpu="1"), needing(gpu="1"), "OutOfexample.com/gpu"),
        (needing(**{"example.com/unknown": "1"}), needing(), ""),
        (needing(**{"ephemeral-storage": "1"}), needing(), "OutOfephemeral-storage"),
        ({**needing(), "nodeSelector": {"disk": "hdd"}}, needing(), ""),
        ({**needing(), "nodeSelector": {"disk": "ssd"}}, needing(), "NodeAffinity"),
        ({**needing(cpu="3"), "nodeSelector": {"disk": "ssd"}}, needing(), "OutOfcpu"),
    ],
)
def test_what_the_node_has_not_or_the_pod_does_not_want(
    wanted: Spec, other: Spec, reason: str
) -> None:
    found = refusal(wanted, NODE, [room_of(other)])
    assert (found or ("", ""))[0] == reason


def test_the_numbers_are_told() -> None:
    found = refusal(needing(cpu="1500m"), NODE, [room_of(needing(cpu="501m"))])
    said = "Node didn't have enough resource: cpu, requested: 1500, used: 501, capacity: 2000"
    assert found == ("OutOfcpu", f"Pod was rejected: {said}")


def test_a_node_holds_so_many_pods() -> None:
    rooms = [room_of(needing())] * 3
    assert refusal(needing(), NODE, rooms[1:]) is None
    assert (refusal(needing(), NODE, rooms) or ("",))[0] == "OutOfpods"


def test_a_pod_that_names_its_node_fails_while_the_port_is_taken(pods: Pods) -> None:
    node = pods.sandbox.cluster.list(NODES)[0]["metadata"]["name"]
    sleep = "import time; time.sleep(600)"
    ports = [{"containerPort": 80, "hostPort": 18080}]
    pods.run("first", sleep, main={"ports": ports}, nodeName=node)
    pods.until_ready("first")
    pods.run("second", sleep, main={"ports": ports}, nodeName=node)
    pods.until("second", lambda pod: pod["status"].get("phase") == "Failed", "it fails")
    status = pods.get("second")["status"]
    assert (status["reason"], status["message"]) == ("NodePorts", MESSAGE)
    pods.kubectl("delete", "pod", "first", "second")
    pods.until_gone("first")
    pods.run("third", sleep, main={"ports": ports}, nodeName=node)
    pods.until_ready("third")


def test_a_pod_that_names_its_node_fails_where_it_finds_no_room(pods: Pods) -> None:
    node = pods.sandbox.cluster.list(NODES)[0]["metadata"]["name"]
    pods.run("big", main={"resources": {"requests": {"cpu": "900"}}}, nodeName=node)
    pods.until("big", lambda pod: pod["status"].get("phase") == "Failed", "it fails")
    status = pods.get("big")["status"]
    assert status["reason"] == "OutOfcpu"
    assert "containerStatuses" not in status
    pods.run("picky", nodeName=node, nodeSelector={"disk": "ssd"})
    pods.until("picky", lambda pod: pod["status"].get("reason") == "NodeAffinity", "it fails")


def test_a_label_that_is_newer_than_what_the_kubelet_knows_counts(pods: Pods) -> None:
    node = pods.sandbox.cluster.list(NODES)[0]["metadata"]["name"]
    try:
        for turn in range(5):
            pods.kubectl("label", "node", node, f"turn={turn}", "--overwrite")
            pods.run(f"new-{turn}", nodeName=node, nodeSelector={"turn": str(turn)})
            pods.until_ready(f"new-{turn}")
    finally:
        pods.kubectl("label", "node", node, "turn-")


def test_the_kubelet_asks_for_the_node_itself() -> None:
    asked: list[Any] = []

    async def find(*what: str) -> Any:
        asked.append(what)
        return NODE

    kubelet: Any = SimpleNamespace(
        references=SimpleNamespace(find=find), refusal=lambda obj, node: (obj, node)
    )
    obj = {"spec": {"nodeName": "node-1"}}
    answer: Any = asyncio.run(Kubelet.confirm(kubelet, obj))
    assert answer == (obj, NODE)
    assert asked == [("nodes", "", "node-1")]
