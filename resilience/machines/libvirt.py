"""Nodes that are libvirt domains: `virsh destroy`, `start` and `reset`.

A domain counts as a node's only if its UUID is the node's systemUUID, which the guest's firmware
shows to the kubelet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order, Power
from resilience.machines import processes
from resilience.machines.uuids import same_uuid
from resilience.model.verb import parameter
from resilience.verbs.context import Refused

STATES = {"running": Power.ON, "shut off": Power.OFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Libvirt:
    """Settings, and the driver itself."""

    kind: ClassVar[str] = "libvirt"
    about: ClassVar[str] = "Nodes that are virtual machines of libvirt, by `virsh`."

    uri: str = parameter(
        "libvirt's connection URI.", default="qemu:///system", example="qemu+ssh://host/system"
    )
    domains: Mapping[str, str] = parameter(
        "Domains of nodes whose domain has another name than the node.",
        default_factory=dict,
        example='{worker-1 = "k8s_worker_1"}',
    )

    @property
    def title(self) -> str:
        return f"libvirt at {self.uri}"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        return f"domain {self._domain(node, seconds)}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """`destroy` is like pulling the plug, `reset` like pressing the reset button."""
        domain = self._domain(node, seconds)
        power = self.power(node, seconds)
        if (order, power) not in (("down", Power.OFF), ("up", Power.ON)):
            word = {"down": "destroy", "up": "start", "reboot": "reset"}[order]
            self._virsh(seconds, word, domain)
        return f"domain {domain}"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        state = self._virsh(seconds, "domstate", self._domain(node, seconds)).strip()
        return STATES.get(state, Power.BETWEEN)

    def _domain(self, node: NodeIdentity, seconds: float) -> str:
        domain = self.domains.get(node.name, node.name)
        uuid = self._virsh(seconds, "domuuid", domain).strip()
        if not same_uuid(uuid, node.system_uuid):
            raise Refused(
                f"domain {domain} has the UUID {uuid}, node {node.name} the systemUUID"
                f" {node.system_uuid or '(none)'}: name the node's domain in the target,"
                f' domains = {{{node.name} = "DOMAIN"}}'
            )
        return domain

    def _virsh(self, seconds: float, *words: str) -> str:
        return processes.must(["virsh", "--quiet", "--connect", self.uri, *words], seconds)
