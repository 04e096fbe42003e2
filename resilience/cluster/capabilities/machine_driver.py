"""The interface to machines: what actions may request from the driver of a target.

A driver acts outside of Kubernetes, so it must prove two things itself: before a command, that the
machine belongs to the node; after it, from the machine's own API, the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol

from resilience.kube import objects
from resilience.kube.objects import Object

Order = Literal["down", "up", "reboot"]


class Power(Enum):
    """The power state by the machine's own API. BETWEEN: it is changing, or unknown."""

    ON = "on"
    OFF = "off"
    BETWEEN = "between"


class NotNow(Exception):
    """The command is only possible later, for instance once the machine has finished stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """The identifiers of its machine in a Node object.

    `provider_id` is spec.providerID; `system_uuid` and `machine_id` are those of
    status.nodeInfo; `addresses` are the InternalIPs. Each may be empty.
    """

    name: str
    provider_id: str = ""
    system_uuid: str = ""
    machine_id: str = ""
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: Object) -> NodeIdentity:
        """Read from a Node object."""
        status = node.get("status") or {}
        info = status.get("nodeInfo") or {}
        found = [each.get("address", "") for each in status.get("addresses") or ()
                 if each.get("type") == "InternalIP"]  # fmt: skip
        return cls(
            name=objects.name(node),
            provider_id=str((node.get("spec") or {}).get("providerID") or ""),
            system_uuid=str(info.get("systemUUID") or ""),
            machine_id=str(info.get("machineID") or ""),
            addresses=tuple(found),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NodeIdentity:
        """Read the output of `as_json`; unknown keys are ignored, missing ones are empty."""
        texts = {key: str(data.get(key) or "")
                 for key in ("name", "provider_id", "system_uuid", "machine_id")}  # fmt: skip
        addresses = data.get("addresses")
        listed = addresses if isinstance(addresses, list) else []
        return cls(**texts, addresses=tuple(str(each) for each in listed))

    def as_json(self) -> dict[str, Any]:
        """For a journal."""
        return {
            "name": self.name,
            "provider_id": self.provider_id,
            "system_uuid": self.system_uuid,
            "machine_id": self.machine_id,
            "addresses": list(self.addresses),
        }


class MachineDriver(Protocol):
    """Stops and starts the machines of nodes.

    `seconds` bound each call. All calls raise `resilience.verbs.context.Refused` when it cannot be
    proven that the machine is the node's, or the command is not possible for it, and
    `MachineFailed` when its API fails.
    """

    @property
    def title(self) -> str:
        """The name for messages, such as `ec2 in eu-central-1`."""

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """Check that the command would be accepted; returns a description of the machine. Changes
        nothing."""

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """Begin the operation; returns a description of the machine. Sending a command twice does
        no harm. Raises NotNow when it has to be sent again later."""

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        """The machine's state now; None for a driver that cannot know."""
