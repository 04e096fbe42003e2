"""Run a command in a container, as `kubectl exec` does, over the API server's WebSocket.

Uses v5.channel.k8s.io, whose close signal ends stdin, and v4 on older servers; v4 cannot end stdin,
so a command that reads all of it is refused. The exit code comes from the server's own Status; a
stream that ends without one is `Unreachable`, never a success.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from resilience.cluster.connection.websocket import HandshakeRefused, WebSocket
from resilience.cluster.connection.wire import excerpt, refusal
from resilience.cluster.errors import ClusterError, Invalid, Unreachable
from resilience.cluster.interface import PODS
from resilience.cluster.transport import HttpCluster

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
END_OF_STDIN = bytes((255, STDIN))

WINDOW = 1024 * 1024
"""Bytes of stdin kept ready to send; the rest waits in its iterator."""

STEP = 0.25
"""Longest time in seconds between two calls of `cancelled`."""


class Cancelled(ClusterError):
    """The caller stopped waiting; the command may still run."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. `code` is its exit code."""

    code: int
    stdout: bytes
    stderr: bytes


Sink = Callable[[bytes], None]


def run(
    cluster: HttpCluster,
    pod: str,
    namespace: str,
    command: Sequence[str],
    *,
    container: str = "",
    stdin: Iterable[bytes] | None = None,
    timeout: float = 60.0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Run it and return all that it prints."""
    stdout, stderr = bytearray(), bytearray()
    code = stream(
        cluster,
        pod,
        namespace,
        command,
        container=container,
        stdin=stdin,
        timeout=timeout,
        stdout=stdout.extend,
        stderr=stderr.extend,
        cancelled=cancelled,
    )
    return Result(code, bytes(stdout), bytes(stderr))


def stream(
    cluster: HttpCluster,
    pod: str,
    namespace: str,
    command: Sequence[str],
    *,
    stdout: Sink,
    stderr: Sink,
    container: str = "",
    stdin: Iterable[bytes] | None = None,
    timeout: float = 60.0,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Run it, passing on its output as it arrives; returns its exit code."""
    end = time.monotonic() + timeout
    request = f"EXEC {namespace}/{pod} {' '.join(command)[:80]}"
    with_stdin = stdin is not None
    socket = _open(cluster, pod, namespace, command, container, with_stdin, request)
    try:
        source = _stdin(socket, iter(() if stdin is None else stdin), with_stdin, request)
        status: Any = None
        while not socket.closed:
            if cancelled():
                raise Cancelled(f"{request}: stopped")
            if time.monotonic() > end:
                raise Unreachable(f"{request}: not done after {timeout:g} s")
            _feed(socket, source)
            for message in socket.step(STEP):
                status = _deliver(message, stdout, stderr) or status
        return _code(status, request)
    except OSError as error:
        raise cluster.unreachable(request, error) from error
    finally:
        socket.close()


def _open(
    cluster: HttpCluster,
    pod: str,
    namespace: str,
    command: Sequence[str],
    container: str,
    stdin: bool,
    request: str,
) -> WebSocket:
    query = [("command", word) for word in command]
    query += [("container", container)] if container else []
    query += [("stdin", "true")] if stdin else []
    query += [("stdout", "true"), ("stderr", "true")]
    path = PODS.path(namespace, pod, "exec") + "?" + urlencode(query)
    try:
        return cluster.websocket(path, PROTOCOLS)
    except HandshakeRefused as error:
        raise _refused(error, request) from None
    except OSError as error:
        raise cluster.unreachable(request, error) from error


def _refused(error: HandshakeRefused, request: str) -> ClusterError:
    try:
        status = json.loads(error.body)
    except ValueError:
        status = None
    said = status if isinstance(status, dict) else {}
    return refusal(error.code, said, request, otherwise=excerpt(error.body))


def _stdin(
    socket: WebSocket, chunks: Iterator[bytes], wanted: bool, request: str
) -> Iterator[bytes]:
    """Messages for stdin, including its end."""
    if not wanted:
        return iter(())
    if socket.protocol != PROTOCOLS[0]:
        raise Invalid(
            400,
            "the server speaks v4 of the exec protocol, which cannot end stdin",
            request=request,
        )
    return _messages(chunks)


def _messages(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), 32 * 1024):
            yield bytes((STDIN,)) + chunk[start : start + 32 * 1024]
    yield END_OF_STDIN


def _feed(socket: WebSocket, source: Iterator[bytes]) -> None:
    while socket.unsent < WINDOW:
        message = next(source, None)
        if message is None:
            return
        socket.send(message)


def _deliver(message: bytes, stdout: Sink, stderr: Sink) -> Any:
    """The Status if this message is it, else None."""
    channel, payload = message[:1], message[1:]
    if channel == bytes((STDOUT,)):
        stdout(payload)
    elif channel == bytes((STDERR,)):
        stderr(payload)
    elif channel == bytes((ERROR,)):
        try:
            return json.loads(payload)
        except ValueError:
            return {"status": "Failure", "message": excerpt(payload)}
    return None


def _code(status: Any, request: str) -> int:
    if not isinstance(status, dict):
        raise Unreachable(f"{request}: the stream ended without an exit status")
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or ()
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise refusal(int(status.get("code") or 500), status, request)
