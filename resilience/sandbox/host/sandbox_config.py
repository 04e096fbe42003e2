"""The configuration common to all processes of one sandbox: its files and addresses.

Created once by the owner, passed to each process over `fork`; nothing here changes while it runs.
The whole of 127.SLOT.0.0/16 belongs to one sandbox, so that several can run side by side.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from resilience.sandbox.host.own_image import OwnImage

KUBERNETES_VERSION = "v1.36.2"
"""The release whose rules the sandbox follows, and what `/version` answers."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a bearer token, as `kubectl auth whoami` prints it."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """One sandbox. `directory` is mode 0700 and removed with the sandbox.

    `time_scale` 10 makes ten sandbox seconds pass in one real second for the controllers' timers
    (never for Pods' own processes or the data plane).
    """

    id: str
    directory: Path
    slot: int
    nodes: int = 3
    time_scale: float = 1.0
    clock_ahead: float = 0.0
    """Seconds by which the API server's clock, and it alone, is wrong."""
    started: float = 0.0
    """Wall time when the owner started: where every process' scaled clock begins."""
    tokens: dict[str, Identity] = field(repr=False)
    images: tuple[OwnImage, ...] = ()
    """The user's own images; the first whose pattern matches counts."""

    @property
    def ca_file(self) -> Path:
        """PEM certificate of the sandbox's own authority."""
        return self.directory / "pki" / "ca.crt"

    @property
    def ca_key_file(self) -> Path:
        """PEM key of the authority, mode 0600, until the API server has taken it away."""
        return self.directory / "pki" / "ca.key"

    @property
    def certificate_file(self) -> Path:
        """PEM certificate of the API server: 127.0.0.1, localhost, kubernetes.default.svc."""
        return self.directory / "pki" / "apiserver.crt"

    @property
    def key_file(self) -> Path:
        """PEM key of `certificate_file`, mode 0600."""
        return self.directory / "pki" / "apiserver.key"

    @property
    def api_socket(self) -> Path:
        """Unix socket of the API server for the sandbox's own parts (same HTTP, same tokens)."""
        return self.directory / "api.sock"

    @property
    def kubelet_socket(self) -> Path:
        """Unix socket of the kubelet: logs, exec, port-forward, faults."""
        return self.directory / "kubelet.sock"

    @property
    def dns_socket(self) -> Path:
        """Unix socket of the data plane: resolves Service and Pod names for Pods."""
        return self.directory / "dns.sock"

    @property
    def network(self) -> str:
        """First two octets of every address of this sandbox, e.g. "127.20"."""
        return f"127.{self.slot}"

    @property
    def dns_address(self) -> str:
        """Where the cluster's DNS listens: number 10 of the Services' addresses."""
        return f"{self.network}.128.10"

    @property
    def policy_flag(self) -> Path:
        """Exists while any NetworkPolicy does: Pods then ask before they connect."""
        return self.directory / "policies"

    def sick_file(self, part: str) -> Path:
        """A symbolic link while a part of the sandbox cannot do its work; its target says why."""
        return self.directory / f"sick-{part}"

    def sickness(self) -> str:
        """What is wrong with the first part that cannot do its work; "" if all can."""
        for file in sorted(self.directory.glob("sick-*")):
            try:
                return str(file.readlink())
            except OSError:
                continue  # It has just recovered.
        return ""

    @property
    def loopback_network(self) -> str:
        """First two octets of the twin range, which holds each Pod's own `localhost`."""
        return f"127.{self.slot + 128}"

    def node_address(self, index: int) -> str:
        """InternalIP of node number `index` (from 0): 127.SLOT.0.1 and up, 254 per third octet."""
        return f"{self.network}.{index // 250}.{index % 250 + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessArguments:
    """What one forked process gets in addition to the config.

    `listener` (API server only) is already bound to 127.0.0.1 and listening; `ready` is the write
    end of a pipe: one byte means "serving", closing it without one means "failed". `token` is the
    process' own bearer token.
    """

    config: SandboxConfig
    token: str = field(repr=False)
    ready: int
    listener: socket.socket | None = None
    zygote: socket.socket | None = None
    """Kubelet only: the stream to the process that forks Pods (see `zygote.channel`)."""
