"""Who stops a node: the sandbox, by its fault."""

from __future__ import annotations

from resilience.cluster.capabilities.machines import FAULT, OFF, SandboxMachines
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
