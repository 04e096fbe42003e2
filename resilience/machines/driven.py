"""Lets verbs stop and start nodes through a driver.

The machine is found by the Node object, or by the journal's record of it once the object is gone.
A command counts as done only when the machine's own API says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.cluster.capabilities.machine_driver import (
    MachineDriver,
    NodeIdentity,
    NotNow,
    Order,
    Power,
)
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NODES
from resilience.cluster.requests.request import Request, Sender

LOOK_EVERY = 2.0
"""Seconds between two requests to a machine's API."""

WANTED: Mapping[Order, Power] = {"down": Power.OFF, "up": Power.ON}


@dataclass(frozen=True, slots=True)
class DrivenMachines:
    """With `by_name` the driver needs only the name of a node, so the node is not read. `wait` and
    `now` are the clock of its own waiting."""

    driver: MachineDriver
    by_name: bool = False
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    stops_kubelets: bool = False

    def rehearse(self, via: Sender, order: Order, node: str) -> str:
        """Check that the machine is the node's and would accept the command; returns a description
        of it."""
        return self.driver.rehearse(order, self._identity(via, node), 30.0)

    def down(self, via: Sender, node: str, seconds: float) -> None:
        self._carry_out("down", self._identity(via, node), seconds)

    def up(
        self, via: Sender, node: str, seconds: float, known: Mapping[str, Any] | None = None
    ) -> None:
        self._carry_out("up", self._identity(via, node, known), seconds)

    def silence(self, via: Sender, node: str, seconds: float) -> None:
        raise MachineFailed("a target's driver stops whole nodes, not their kubelets")

    def reboot(
        self,
        via: Sender,
        nodes: Sequence[str],
        left: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        for node in nodes:
            self.driver.send("reboot", self._identity(via, node), left())

    def _carry_out(self, order: Order, node: NodeIdentity, seconds: float) -> None:
        """Send the command, again while the machine cannot accept it, until its API shows the
        result. An API may stop answering for a while, as a BMC does during a power transition."""
        deadline = self.now() + seconds
        sent, machine = False, node.name
        while True:
            left = deadline - self.now()
            try:
                if not sent:
                    machine = self.driver.send(order, node, left)
                    sent = True
                if self.driver.power(node, left) in (WANTED[order], None):
                    return
                why = f"{machine} is not {WANTED[order].value} after {seconds:.0f} s"
            except NotNow as error:
                why = f"it did not accept `{order}`: {error}"
            except MachineFailed as error:
                if not sent:
                    raise
                why = f"the state of {machine} is unknown: {error}"
            if self.now() + LOOK_EVERY > deadline:
                raise MachineFailed(f"{self.driver.title}: {why}")
            self.wait(LOOK_EVERY)

    def _identity(
        self, via: Sender, node: str, known: Mapping[str, Any] | None = None
    ) -> NodeIdentity:
        if self.by_name:
            return NodeIdentity(name=node)
        try:
            return NodeIdentity.of(via.send(Request("GET", NODES.path(name=node))))
        except NotFound:
            recorded = NodeIdentity.from_json(known or {})
            if recorded.name != node:
                raise MachineFailed(
                    f"node {node} was deleted, so its machine can no longer be identified: start "
                    "that machine by hand; the node registers again by itself"
                ) from None
            return recorded
