"""What a kubelet refuses although its node was chosen."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import NODES
from resilience.sandbox.kubelet.pod.admitting import refusal
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
    assert (refusal(wanted, [spec(port=None), other]) is not None) is refused


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
