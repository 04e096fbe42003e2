"""A driver as the power over nodes: identity from the node or the journal, proof from its API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from resilience.cluster.capabilities.machine_driver import NodeIdentity, NotNow, Order, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.cluster.errors import NotFound
from resilience.cluster.requests.request import Request
from resilience.kube.objects import Object
from resilience.machines.driven import LOOK_EVERY, DrivenMachines

NODE: Object = {
    "metadata": {"name": "n1"},
    "spec": {"providerID": "aws:///eu-central-1a/i-1"},
    "status": {
        "nodeInfo": {"systemUUID": "u", "machineID": "m"},
        "addresses": [
            {"type": "InternalIP", "address": "10.0.0.7"},
            {"type": "Hostname", "address": "n1"},
        ],
    },
}
IDENTITY = NodeIdentity(
    name="n1", provider_id="aws:///eu-central-1a/i-1", system_uuid="u", machine_id="m",
    addresses=("10.0.0.7",),
)  # fmt: skip


class Nodes:
    """A cluster with one node, or without it."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there

    def send(self, request: Request) -> Object:
        assert (request.method, request.path) == ("GET", "/api/v1/nodes/n1")
        if not self.there:
            raise NotFound(404, "nodes n1")
        return NODE


@dataclass
class Machine:
    """Takes orders as its script says: each order changes the power after so many questions."""

    state: Power | None = Power.ON
    slow: int = 0
    busy: int = 0
    stuck: bool = False
    silent: int = 0
    broken: bool = False
    orders: list[tuple[Order, NodeIdentity]] = field(default_factory=list)
    asked: int = 0
    title: str = "fake"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        return f"machine of {node.name}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        if self.broken:
            raise MachineFailed("no such machine")
        if self.busy:
            self.busy -= 1
            raise NotNow("it is still stopping")
        self.orders.append((order, node))
        return "machine 1"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        self.asked += 1
        if self.asked <= self.silent:
            raise MachineFailed("no answer")
        if self.state is None or self.stuck or self.asked <= self.slow:
            return self.state
        return Power.OFF if self.orders[-1][0] == "down" else Power.ON


class Time:
    """Passes only while something waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


def driven(machine: Machine, clock: Time | None = None) -> DrivenMachines:
    time = clock or Time()
    now: Callable[[], float] = lambda: time.now  # noqa: E731
    return DrivenMachines(machine, wait=time.wait, now=now)


def test_the_machine_is_the_one_of_the_node() -> None:
    machine = Machine()
    driven(machine).down(Nodes(), "n1", 60)
    assert machine.orders == [("down", IDENTITY)]


def test_an_order_is_carried_out_once_the_machines_api_says_so() -> None:
    machine, clock = Machine(slow=3), Time()
    driven(machine, clock).down(Nodes(), "n1", 60)
    assert clock.now == 3 * LOOK_EVERY
    assert len(machine.orders) == 1


def test_a_machine_that_stays_on_is_a_failure_with_its_name() -> None:
    with pytest.raises(MachineFailed, match="fake: machine 1 is not off after 10 s"):
        driven(Machine(stuck=True)).down(Nodes(), "n1", 10)


def test_an_api_that_falls_silent_after_the_order_is_asked_again() -> None:
    machine, clock = Machine(silent=2), Time()
    driven(machine, clock).down(Nodes(), "n1", 60)
    assert clock.now == 2 * LOOK_EVERY
    assert len(machine.orders) == 1
    with pytest.raises(MachineFailed, match="the state of machine 1 is unknown: no answer"):
        driven(Machine(silent=100)).down(Nodes(), "n1", 10)


def test_an_order_that_fails_is_not_repeated() -> None:
    with pytest.raises(MachineFailed, match="no such machine"):
        driven(Machine(broken=True)).down(Nodes(), "n1", 60)


def test_an_order_that_is_possible_later_is_sent_again() -> None:
    machine = Machine(state=Power.OFF, busy=2)
    driven(machine).up(Nodes(), "n1", 60)
    assert [order for order, _ in machine.orders] == ["up"]
    with pytest.raises(MachineFailed, match="did not accept `up`: it is still stopping"):
        driven(Machine(busy=100)).up(Nodes(), "n1", 10)


def test_a_driver_that_cannot_know_is_not_waited_for() -> None:
    machine, clock = Machine(state=None), Time()
    driven(machine, clock).down(Nodes(), "n1", 60)
    assert clock.now == 0


def test_a_node_that_is_gone_is_started_by_what_the_journal_holds() -> None:
    machine = Machine(state=Power.OFF)
    driven(machine).up(Nodes(there=False), "n1", 60, IDENTITY.as_json())
    assert machine.orders == [("up", IDENTITY)]


@pytest.mark.parametrize("known", [None, {}, {"name": "n2"}, {"name": ["n1"]}])
def test_without_it_a_person_has_to_start_the_machine(known: object) -> None:
    machine = Machine()
    with pytest.raises(MachineFailed, match="start that machine by hand"):
        driven(machine).up(Nodes(there=False), "n1", 60, known)  # type: ignore[arg-type]
    assert machine.orders == []


def test_a_rehearsal_sends_no_order() -> None:
    machine = Machine()
    assert driven(machine).rehearse(Nodes(), "down", "n1") == "machine of n1"
    assert machine.orders == []
