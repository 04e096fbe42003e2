"""Nodes that are reached by SSH: a reboot without stopping services, and a power cut after which
the machine's clock starts it again.

A machine that is off does not answer SSH, so `down` is possible only with `wake_after`: the
machine's own clock is set to start it again before the power is cut. A host counts as a node's only
if its /etc/machine-id is the node's machineID. Host keys must be known; password prompts are
disabled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines import processes
from resilience.model.verb import parameter
from resilience.verbs.context import Refused

OPTIONS = ("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10",
           "ServerAliveInterval=5", "ServerAliveCountMax=3")  # fmt: skip

SOON = "sudo -n systemd-run --collect --on-active=2s --timer-property=AccuracySec=100ms"
"""A timer on the host executes the command, so that this connection ends before the machine
stops."""

FORCED = "--force --force"
"""Without stopping services and without syncing disks (systemctl(1))."""

SHORTEST, LONGEST = 60, 180
"""Limits of `wake_after` in seconds: longer than the control plane needs to notice, no longer than
an undo waits."""

HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_%-]*")
"""A name or an address: nothing that ssh reads as an option or a command."""

NO_CONNECTION = 255
"""ssh's own exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """Settings, and the driver itself."""

    kind: ClassVar[str] = "ssh"
    about: ClassVar[str] = "Nodes that are reached by SSH, with `sudo` that asks for no password."

    user: str = parameter("The user to log in as.", default="", example="ops")
    port: int = parameter("The port.", default=22, example="2222")
    identity_file: str = parameter("The private key.", default="", example="/etc/keys/ops")
    hosts: Mapping[str, str] = parameter(
        "Hosts of nodes that are not reached at their InternalIP.",
        default_factory=dict,
        example='{worker-1 = "worker-1.example.com"}',
    )
    wake_after: int = parameter(
        f"For `node_down`: seconds, {SHORTEST} to {LONGEST}, after which the machine's own clock"
        " starts it again (`rtcwake`). Without it only `reboot` is possible.",
        default=0,
        example="90",
    )

    def __post_init__(self) -> None:
        if self.wake_after and not SHORTEST <= self.wake_after <= LONGEST:
            raise ValueError(f"wake_after = {self.wake_after}; expected {SHORTEST} to {LONGEST}")
        if not 0 < self.port < 65536:
            raise ValueError(f"port = {self.port}; expected 1 to 65535")
        for host in self.hosts.values():
            if not HOST.fullmatch(host):
                raise ValueError(f"host {host!r} is neither a name nor an address")

    @property
    def title(self) -> str:
        return "ssh"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """Log in, compare the machine's id, and check that sudo allows the command."""
        host = self._proven(node, seconds)
        self._possible(order, node)
        self._must(host, "sudo -n true", seconds)
        if order == "down":
            self._must(host, "sudo -n rtcwake --mode show", seconds)
        return f"host {host}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        host = self._host(node)
        if order == "up":  # its own clock starts it
            return f"host {host}"
        self._possible(order, node)
        self._proven(node, seconds)
        if order == "down":
            alarm = f"sudo -n rtcwake --mode no --seconds {self.wake_after}"
            self._must(host, alarm, seconds)
        word = "poweroff" if order == "down" else "reboot"
        self._must(host, f"{SOON} systemctl {word} {FORCED}", seconds)
        return f"host {host}"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        """A host that does not answer may be off or only unreachable."""
        done = self._run(self._host(node), "true", seconds)
        return Power.ON if done.code == 0 else None

    def _possible(self, order: Order, node: NodeIdentity) -> None:
        if order == "down" and not self.wake_after:
            raise Refused(
                f"{node.name} could be stopped by ssh, but not started again: set `wake_after`"
                " in the target's driver, if the machine has a clock that wakes it, or use"
                " `reboot` or a driver that reaches its power (redfish, libvirt, ec2)"
            )

    def _proven(self, node: NodeIdentity, seconds: float) -> str:
        host = self._host(node)
        found = self._must(host, "cat /etc/machine-id", seconds).strip()
        if not node.machine_id or found != node.machine_id:
            raise Refused(
                f"host {host} has the machine id {found}, node {node.name}"
                f" {node.machine_id or '(none)'}: name the node's host in the target,"
                f' hosts = {{{node.name} = "HOST"}}'
            )
        return host

    def _host(self, node: NodeIdentity) -> str:
        listed = self.hosts.get(node.name) or next(iter(node.addresses), "")
        if not HOST.fullmatch(listed):
            raise Refused(
                f"node {node.name} has the InternalIP {listed or '(none)'}; name its host in the"
                f' target, hosts = {{{node.name} = "HOST"}}'
            )
        return listed

    def _must(self, host: str, remote: str, seconds: float) -> str:
        done = self._run(host, remote, seconds)
        if done.code:
            what = "could not be reached" if done.code == NO_CONNECTION else (
                f"`{remote}` ended with exit code {done.code}")  # fmt: skip
            raise MachineFailed(f"ssh to {host}: {what}: {done.said}")
        return done.output

    def _run(self, host: str, remote: str, seconds: float) -> processes.Done:
        options = [word for option in OPTIONS for word in ("-o", option)]
        login = ["-l", self.user] if self.user else []
        key = ["-i", self.identity_file] if self.identity_file else []
        return processes.run(
            ["ssh", *options, "-p", str(self.port), *login, *key, "--", host, remote], seconds
        )
