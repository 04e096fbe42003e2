"""What a plan runs inside the application's own containers: hooks, dumps, a sentinel.

Commands are lists of words, run without a shell, in the named container or the Pod's first. They
run in Pods of the plan's namespaces that match the selector and are running. What a command does is
the plan's responsibility; that it succeeded is verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resilience.kube.selectors import Selector
from resilience.model.values import Duration
from resilience.model.verb import parameter

DEFAULT_TIMEOUT = Duration.of(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHook:
    """Commands before and after a snapshot."""

    pods: Selector = parameter(
        "Label selector of the Pods; all running ones are used.", example="app=db"
    )
    container: str = parameter("The container; the Pod's first by default.", default="")
    before: tuple[str, ...] = parameter(
        "Command to run before anything is read.", default=(), example="[fsfreeze, -f, /data]"
    )
    after: tuple[str, ...] = parameter(
        "Command to run afterwards, also after a failure.",
        default=(),
        example="[fsfreeze, -u, /data]",
    )
    timeout: Duration = parameter("How long a command may take.", default=DEFAULT_TIMEOUT)
    optional: bool = parameter(
        "Report a failure and continue; by default it fails the snapshot.", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """How the data of claims is read."""

    from_: Literal["live", "snapshot", "clone"] = parameter(
        "What to read: the volume itself, or a VolumeSnapshot or clone of it as of one moment, if "
        "the CSI driver supports that.",
        key="from",
        default="live",
    )
    class_: str = parameter(
        "The VolumeSnapshotClass; the driver's default if left out.", key="class", default=""
    )
    changing: Literal["warn", "fail"] = parameter(
        "What to do when files disappear or shrink while they are read, or are sockets or pipes: "
        "leave them out with a warning in the manifest, or fail the snapshot.",
        default="warn",
    )
    local: int = parameter(
        "How many VolumeSnapshots of each claim stay on the cluster for a fast restore. They are "
        "lost together with its storage, so they supplement the data in the store.",
        default=0,
        at_least=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """An application's own export, taken from one Pod in each namespace that has one."""

    name: str = parameter("The name of the dump in the store.", example="orders")
    pods: Selector = parameter(
        "Label selector of the Pods; the first ready one is used.", example="app=db"
    )
    container: str = parameter("The container; the Pod's first by default.", default="")
    take: tuple[str, ...] = parameter(
        "Prints the dump.", at_least=1, example="[pg_dump, -Fc, orders]"
    )
    load: tuple[str, ...] = parameter(
        "Command that loads the dump once the restored Pods are ready.",
        at_least=1,
        example="[pg_restore, --clean, --if-exists, -d, orders]",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel:
    """A record that the application keeps: written before a snapshot, read after its restore."""

    pods: Selector = parameter(
        "Label selector of the Pods; the first ready one is used.", example="app=db"
    )
    container: str = parameter("The container; the Pod's first by default.", default="")
    write: tuple[str, ...] = parameter(
        "Command that stores the record, one line on its standard input, unchanged. If its Pod"
        " leaves meanwhile, it runs again in the next one.",
        at_least=1,
        example="[tee, /data/sentinel]",
    )
    read: tuple[str, ...] = parameter(
        "Prints the record.", at_least=1, example="[cat, /data/sentinel]"
    )
