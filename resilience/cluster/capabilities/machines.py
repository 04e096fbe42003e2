"""Stops and starts nodes: with the sandbox's own faults, or with the driver of a target.

No Kubernetes API does this. What a target's `driver` says becomes a `DrivenMachines`
(`resilience.machines`). It is read only from the target's file, never from a journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resilience.cluster.capabilities.machine_driver import Order
from resilience.cluster.errors import ClusterError
from resilience.cluster.requests.request import Request, Sender

FAULT = "/sandbox/v1/faults/node"
OFF = 2.0
"""Seconds for which the sandbox's nodes are off during a reboot."""


class MachineFailed(ClusterError):
    """A node could not be stopped or started."""


class Machines(Protocol):
    """Power over nodes. `via` is the cluster with the caller's permissions; `seconds` is the
    remaining time. All raise `MachineFailed` or the cluster's own errors."""

    @property
    def stops_kubelets(self) -> bool:
        """Whether `silence` is possible."""

    def down(self, via: Sender, node: str, seconds: float) -> None:
        """Stop the node without warning."""

    def up(
        self, via: Sender, node: str, seconds: float, known: Mapping[str, Any] | None = None
    ) -> None:
        """Start the machine, or its kubelet; does nothing if both run. `known` is the journal's
        record of its machine, for a node whose object is gone."""

    def silence(self, via: Sender, node: str, seconds: float) -> None:
        """Stop only the node's kubelet."""

    def rehearse(self, via: Sender, order: Order, node: str) -> str:
        """Check that the command would be accepted; returns a description of the machine, "" if
        that cannot be known. Changes nothing."""

    def reboot(
        self,
        via: Sender,
        nodes: Sequence[str],
        left: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        """Restart them. `left` returns the remaining seconds."""


@dataclass(frozen=True, slots=True)
class SandboxMachines:
    """The sandbox's nodes are processes of this machine."""

    stops_kubelets: bool = True

    def down(self, via: Sender, node: str, seconds: float) -> None:
        _turn(via, node, "dead")

    def up(
        self, via: Sender, node: str, seconds: float, known: Mapping[str, Any] | None = None
    ) -> None:
        _turn(via, node, "running")

    def rehearse(self, via: Sender, order: Order, node: str) -> str:
        return ""

    def silence(self, via: Sender, node: str, seconds: float) -> None:
        _turn(via, node, "kubelet-stopped")

    def reboot(
        self,
        via: Sender,
        nodes: Sequence[str],
        left: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        """The sandbox has no reboot, so the node is stopped and started again after a pause."""
        for node in nodes:
            self.down(via, node, left())
        pause(OFF)
        for node in nodes:
            self.up(via, node, left())


def _turn(via: Sender, node: str, state: str) -> None:
    via.send(Request("POST", FAULT, body={"name": node, "state": state}))
