"""A command to run in a container, and how it ended: what `Cluster.exec` takes and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from resilience.cluster.errors import ClusterError
from resilience.model.masks import excerpt

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`words` are the program and its arguments. `container` "" is the Pod's first one. `stdin` is
    closed when it is exhausted. `timeout` is in seconds, for the whole command."""

    namespace: str
    pod: str
    words: tuple[str, ...]
    container: str = ""
    stdin: Iterable[bytes] | None = None
    timeout: float = 60.0

    def __str__(self) -> str:
        """The name for error messages."""
        return f"EXEC {self.namespace}/{self.pod} {excerpt(' '.join(self.words), 80)}"


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. `code` is its exit code; output that went to a sink is not kept."""

    code: int
    stdout: bytes = b""
    stderr: bytes = b""


class Cancelled(ClusterError):
    """The caller stopped waiting; the command may still run."""
