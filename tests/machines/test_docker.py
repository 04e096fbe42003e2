"""Nodes that are containers: only containers of kind, k3d and minikube, and only the node's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.docker import Docker
from resilience.verbs.context import Refused
from tests.machines.fakes import Program

NODE = NodeIdentity(name="kind-worker", addresses=("172.18.0.3",))
ORDERS = ("down", "up", "reboot")
KIND = {"io.x-k8s.kind.cluster": "kind"}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program("docker", tmp_path, monkeypatch)
    made.answers("inspect", described())
    for words in ("kill kind-worker", "start kind-worker", "restart --time 0 kind-worker"):
        made.answers(words)
    return made


def described(
    status: str = "running", labels: dict[str, str] | None = KIND, address: str = "172.18.0.3"
) -> str:
    container: dict[str, Any] = {
        "State": {"Status": status},
        "Config": {"Labels": labels},
        "NetworkSettings": {"Networks": {"kind": {"IPAddress": address}}},
    }
    return json.dumps([container])


@pytest.mark.parametrize(
    ("order", "call"),
    [("down", "kill kind-worker"), ("reboot", "restart --time 0 kind-worker")],
)
def test_an_order_to_docker_stops_the_node_without_grace(
    docker: Program, order: Any, call: str
) -> None:
    assert Docker().send(order, NODE, 10) == "container kind-worker"
    assert docker.calls[-1] == call


def test_a_stopped_container_is_started_and_not_killed_again(docker: Program) -> None:
    docker.answers("inspect", described("exited", address=""))
    Docker().send("down", NODE, 10)
    assert not any(call.startswith("kill") for call in docker.calls)
    Docker().send("up", NODE, 10)
    assert docker.calls[-1] == "start kind-worker"


@pytest.mark.parametrize(
    ("status", "power"),
    [("running", Power.ON), ("exited", Power.OFF), ("restarting", Power.BETWEEN)],
)
def test_the_power_of_a_node_is_the_state_of_its_container(
    docker: Program, status: str, power: Power
) -> None:
    docker.answers("inspect", described(status))
    assert Docker().power(NODE, 10) is power


NO_NODE = "is not a node of kind, k3d or minikube"


@pytest.mark.parametrize(
    ("order", "answer", "words"),
    [
        *((order, described(labels={"app": "shop"}), NO_NODE) for order in ORDERS),
        *((order, described(labels=None), NO_NODE) for order in ORDERS),
        ("down", described(address="172.18.0.9"), "it belongs to another cluster"),
        ("reboot", described(address="172.18.0.9"), "it belongs to another cluster"),
    ],
)
def test_a_container_that_is_not_the_nodes_is_left_alone(
    docker: Program, order: Any, answer: str, words: str
) -> None:
    docker.answers("inspect", answer)
    with pytest.raises(Refused, match=words):
        Docker().send(order, NODE, 10)
    assert all(call.startswith("inspect") for call in docker.calls)


def test_a_container_may_have_another_address_once_it_is_started_again(docker: Program) -> None:
    docker.answers("inspect", described(address="172.18.0.9"))
    Docker().send("up", NODE, 10)
    assert docker.calls[-1] == "start kind-worker"
    assert Docker().power(NODE, 10) is Power.ON


def test_a_rehearsal_only_inspects_the_container(docker: Program) -> None:
    assert Docker().rehearse("down", NODE, 10) == "container kind-worker"
    assert all(call.startswith("inspect") for call in docker.calls)


def test_an_absent_container_and_an_absent_program_are_named(
    docker: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.answers("inspect", code=1, errors="No such container: kind-worker")
    with pytest.raises(Refused, match="No such container"):
        Docker().rehearse("down", NODE, 10)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(MachineFailed, match="`docker` is not on this machine's PATH"):
        Docker().rehearse("down", NODE, 10)


@pytest.mark.parametrize("output", ["", "[]", "not json", '[{"State": {}}]', '[{"Config": 1}]'])
def test_a_description_that_cannot_be_read_fails_in_words(docker: Program, output: str) -> None:
    docker.answers("inspect", output)
    with pytest.raises(MachineFailed, match="gave no description of one container"):
        Docker().power(NODE, 10)
