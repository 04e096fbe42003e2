"""The kubelet's description of one process for the zygote: a value that survives JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """`path` as the container sees it, `source` the real location."""

    path: str
    source: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The addresses of one Pod: the meaning of `0.0.0.0` and `127.0.0.1` inside it.

    `shift` is added to ports below 1024 if the user may not bind those (see `ports`).
    """

    address: str
    loopback: str
    namespace: str
    dns_socket: str
    policy_flag: str = ""
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process: the main one of a container instance, or one that `exec` starts.

    `hosts` is the text of its /etc/hosts; `resolv_conf` that of /etc/resolv.conf, empty to show the
    host's own. `id` names it on the channel. `root` is the instance's own layer of files, which its
    main process creates (see `rootfs`) from the files of `image_root`; the image's `directories`
    lie below the machine's own. `within` is the container instance of an exec: when that ends, so
    does the exec.
    """

    id: str
    image: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    hostname: str
    network: Network
    mounts: tuple[Mount, ...] = ()
    root: str = ""
    image_root: str = ""
    directories: tuple[str, ...] = ()
    read_only: bool = False
    within: str = ""
    hosts: str = ""
    resolv_conf: str = ""
    marker: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def load(cls, data: dict[str, Any]) -> Launch:
        """The inverse of `dump`."""
        return cls(
            **{
                **data,
                "argv": tuple(data["argv"]),
                "directories": tuple(data["directories"]),
                "network": Network(**data["network"]),
                "mounts": tuple(Mount(**mount) for mount in data["mounts"]),
            }
        )
