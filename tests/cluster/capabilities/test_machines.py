"""Who stops a node: the sandbox by its fault, a target's command by its exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resilience.cluster.capabilities.machines import (
    FAULT,
    OFF,
    Driver,
    MachineFailed,
    SandboxMachines,
)
from resilience.cluster.requests.request import Request
from resilience.kube.objects import Object


class Sent:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def send(self, request: Request) -> Object:
        assert (request.method, request.path) == ("POST", FAULT)
        self.states.append(f"{request.body['name']} {request.body['state']}")
        return {}


def driver(folder: Path, program: str) -> Driver:
    path = folder / "power.py"
    path.write_text(program)
    return Driver((sys.executable, str(path)), "staging")


def test_the_sandbox_goes_through_the_cluster_that_the_caller_holds() -> None:
    via, power = Sent(), SandboxMachines()
    power.down(via, "n1", 1.0)
    power.silence(via, "n1", 1.0)
    power.up(via, "n1", 1.0)
    assert via.states == ["n1 dead", "n1 kubelet-stopped", "n1 running"]


def test_a_reboot_on_the_sandbox_turns_all_off_before_any_is_on_again() -> None:
    via, pauses = Sent(), list[float]()
    SandboxMachines().reboot(via, ["n1", "n2"], lambda: 1.0, pauses.append)
    assert via.states == ["n1 dead", "n2 dead", "n1 running", "n2 running"]
    assert pauses == [OFF]


def test_a_driver_gets_the_order_the_node_and_the_context(tmp_path: Path) -> None:
    said = tmp_path / "said"
    power = driver(
        tmp_path,
        "import os, pathlib, sys\n"
        f"with pathlib.Path({str(said)!r}).open('a') as file:\n"
        "    print(*sys.argv[1:], os.environ['RESILIENCE_CONTEXT'], file=file)\n",
    )
    power.down(Sent(), "n1", 10.0)
    power.up(Sent(), "n1", 10.0)
    power.reboot(Sent(), ["n1", "n2"], lambda: 10.0, lambda seconds: None)
    assert said.read_text().splitlines() == [
        "down n1 staging", "up n1 staging", "reboot n1 staging", "reboot n2 staging",
    ]  # fmt: skip


def test_a_driver_that_fails_says_why_in_its_own_words(tmp_path: Path) -> None:
    power = driver(tmp_path, "import sys\nsys.exit('no such machine')\n")
    with pytest.raises(MachineFailed, match=r"down n1` ended with exit code 1: no such machine"):
        power.down(Sent(), "n1", 10.0)


def test_a_driver_that_is_not_there_or_never_ends_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed, match="No such file"):
        Driver((str(tmp_path / "absent"),), "staging").down(Sent(), "n1", 1.0)
    power = driver(tmp_path, "import threading\nthreading.Event().wait()\n")
    with pytest.raises(MachineFailed, match=r"timed out after 1\.0 seconds"):
        power.down(Sent(), "n1", 0.0)


def test_a_driver_leaves_kubelets_alone(tmp_path: Path) -> None:
    power = driver(tmp_path, "raise SystemExit(1)")
    assert not power.stops_kubelets
    with pytest.raises(MachineFailed, match="whole nodes"):
        power.silence(Sent(), "n1", 1.0)
