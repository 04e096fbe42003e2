"""Runs commands in a container and streams their input and output; volumes, dumps and hooks need
nothing else from a cluster.

The four proofs of a stream: the producer's byte count, its sha256, its end marker, and exit status
zero in the status channel. A tar without its tail, a dump whose producer died, a connection that
was closed early: each of these lacks at least one proof (kubernetes #60140, kubectl #1361, k8up
#910).
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Any, Protocol

from resilience.backup.format.errors import VolumeFailed
from resilience.cluster.errors import Unreachable
from resilience.cluster.requests.command import Command
from resilience.model.masks import ending

if TYPE_CHECKING:
    from resilience.cluster.interface import Cluster

MARKER = "resilience-end "
"""Prefix of the producer's last line on stderr; JSON follows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """`status` is None if the connection ended before the status channel reported anything."""

    status: int | None
    stderr: str


def packed(agent: str) -> str:
    """A program of this project for `python -c` in a container. Commands of an exec are sent in a
    URL, and proxies accept only a few kilobytes, so it is compressed."""
    source = package_files("resilience.backup.data").joinpath(f"{agent}.py").read_text("utf-8")
    text = base64.b64encode(zlib.compress(_bare(source).encode(), 9)).decode()
    return f"import base64, zlib; exec(zlib.decompress(base64.b64decode('{text}')))"


def _bare(source: str) -> str:
    """A program without its docstrings and annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for each in (*node.args.args, *node.args.kwonlyargs):
                each.annotation = None
    return ast.unparse(tree)


class Exec(Protocol):
    """Runs a command in a container; blocks until it has ended."""

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 3600.0,
    ) -> Ended:
        """`stdin` is closed when it is exhausted; `stdout` gets the bytes as they arrive."""


class ClusterExec:
    """Runs commands over the API server's WebSocket. A stream that ends without a status gives
    `Ended(None, ...)`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 3600.0,
    ) -> Ended:
        stderr = bytearray()
        wanted = Command(namespace=namespace, pod=pod, words=tuple(command), container=container,
                         stdin=stdin, timeout=timeout)  # fmt: skip
        try:
            code: int | None = self._cluster.exec(wanted, stdout=stdout, stderr=stderr.extend).code
        except Unreachable as problem:
            code = None
            stderr += f"\n{problem}".encode()
        return Ended(code, stderr.decode("utf-8", "replace"))


class Counted:
    """Counts and hashes on the local side of the stream; `told` is called with the size of each
    part."""

    def __init__(
        self, sink: Callable[[bytes], object], told: Callable[[int], object] = lambda size: None
    ) -> None:
        self._sink, self._told = sink, told
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Hand on."""
        self._hash.update(data)
        self.bytes += len(data)
        self._sink(data)
        self._told(len(data))

    @property
    def sha256(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Footer:
    """The producer's report on its stream. `tree` is the hash of the files themselves; `warnings`
    name files that are not in the stream or could not be restored."""

    bytes: int
    sha256: str
    tree: str
    warnings: tuple[str, ...] = ()


def proven(what: str, ended: Ended, counted: Counted) -> Footer:
    """All four proofs, or `VolumeFailed` that names the missing one."""
    if ended.status is None:
        said = f" (last words: {_tail(ended.stderr)})" if ended.stderr.strip() else ""
        raise VolumeFailed(
            f"{what}: the connection ended without an exit status{said}; nothing is kept"
        )
    if ended.status != 0:
        raise VolumeFailed(f"{what}: ended with {ended.status}: {_tail(ended.stderr)}")
    footer = _footer(what, ended.stderr)
    if footer.bytes != counted.bytes:
        raise VolumeFailed(f"{what}: {counted.bytes} bytes arrived, {footer.bytes} were sent")
    if footer.sha256 != counted.sha256:
        raise VolumeFailed(f"{what}: what arrived has another sha256 than what was sent")
    return footer


def _footer(what: str, stderr: str) -> Footer:
    for line in reversed(stderr.splitlines()):
        if line.startswith(MARKER):
            try:
                found = json.loads(line.removeprefix(MARKER))
                return Footer(
                    found["bytes"], found["sha256"], found.get("tree", ""), _warnings(found)
                )
            except (ValueError, KeyError, TypeError):
                break
    raise VolumeFailed(f"{what}: no end marker; the stream was cut: {_tail(stderr)}")


def _warnings(found: dict[str, Any]) -> tuple[str, ...]:
    named = tuple(map(str, found.get("warnings", ())))
    more = int(found.get("warned", len(named))) - len(named)
    return (*named, f"and {more} more") if more > 0 else named


def last_words(ended: Ended) -> str:
    """The end of a command's error output."""
    return _tail(ended.stderr)


def _tail(text: str) -> str:
    said = "\n".join(line for line in text.splitlines() if not line.startswith(MARKER))
    return ending(said, 300) or "no message"
