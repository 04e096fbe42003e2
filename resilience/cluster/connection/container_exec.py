"""Run a command in a container, as `kubectl exec` does, over the API server's WebSocket.

Uses v5.channel.k8s.io, whose close signal ends stdin, and v4 on older servers; v4 cannot end stdin,
so a command that reads all of it is refused. The exit code comes from the server's own Status; a
stream that ends without one is `Unreachable`, never a success.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol
from urllib.parse import urlencode

from resilience.cluster.connection.server_refusal import excerpt, refusal
from resilience.cluster.connection.websocket import HandshakeRefused, WebSocket
from resilience.cluster.errors import ClusterError, Invalid, Unreachable
from resilience.cluster.interface import PODS
from resilience.cluster.requests.command import Cancelled, Command, Result, Sink

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
END_OF_STDIN = bytes((255, STDIN))

WINDOW = 1024 * 1024
"""Bytes of stdin kept ready to send; the rest waits in its iterator."""

STEP = 0.25
"""Longest time in seconds between two calls of `cancelled`."""


class Line(Protocol):
    """Opens a stream to an API server."""

    def websocket(self, path: str, protocols: Sequence[str]) -> WebSocket: ...

    def unreachable(self, request: str, error: Exception) -> ClusterError: ...


def run(
    line: Line,
    command: Command,
    *,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Run it. Output without a sink is kept, and returned."""
    kept, errors = bytearray(), bytearray()
    code = _stream(line, command, stdout or kept.extend, stderr or errors.extend, cancelled)
    return Result(code, bytes(kept), bytes(errors))


def _stream(
    line: Line, command: Command, stdout: Sink, stderr: Sink, cancelled: Callable[[], bool]
) -> int:
    """Run the command and pass on its output as it arrives; return its exit code."""
    end = time.monotonic() + command.timeout
    request = str(command)
    socket = _open(line, command)
    try:
        source = _stdin(socket, command)
        status: Any = None
        while not socket.closed:
            if cancelled():
                raise Cancelled(f"{request}: stopped")
            if time.monotonic() > end:
                raise Unreachable(f"{request}: not done after {command.timeout:g} s")
            _feed(socket, source)
            for channel, payload in _gathered(socket.step(STEP)):
                status = _deliver(channel, payload, stdout, stderr) or status
        return _code(status, request)
    except OSError as error:
        raise line.unreachable(request, error) from error
    finally:
        socket.close()


def _open(line: Line, command: Command) -> WebSocket:
    query = [("command", word) for word in command.words]
    query += [("container", command.container)] if command.container else []
    query += [("stdin", "true")] if command.stdin is not None else []
    query += [("stdout", "true"), ("stderr", "true")]
    path = PODS.path(command.namespace, command.pod, "exec") + "?" + urlencode(query)
    try:
        return line.websocket(path, PROTOCOLS)
    except HandshakeRefused as error:
        raise _refused(error, str(command)) from None
    except OSError as error:
        raise line.unreachable(str(command), error) from error


def _refused(error: HandshakeRefused, request: str) -> ClusterError:
    try:
        status = json.loads(error.body)
    except ValueError:
        status = None
    said = status if isinstance(status, dict) else {}
    return refusal(error.code, said, request, otherwise=excerpt(error.body))


def _stdin(socket: WebSocket, command: Command) -> Iterator[bytes]:
    """Messages for stdin, including its end."""
    if command.stdin is None:
        return iter(())
    if socket.protocol != PROTOCOLS[0]:
        raise Invalid(
            400,
            "the server speaks v4 of the exec protocol, which cannot end stdin",
            request=str(command),
        )
    return _messages(command.stdin)


def _messages(chunks: Iterable[bytes]) -> Iterator[bytes]:
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


def _gathered(messages: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Channel and payload. Output that arrived together is one piece: a kubelet sends 32 KiB at a
    time, and a volume's data passes through several threads, which costs as much for each piece as
    hashing it."""
    for channel, together in groupby(filter(None, messages), key=itemgetter(0)):
        payloads = (memoryview(each)[1:] for each in together)
        if channel in (STDOUT, STDERR):
            yield channel, b"".join(payloads)
        else:
            yield from ((channel, bytes(each)) for each in payloads)


def _deliver(channel: int, payload: bytes, stdout: Sink, stderr: Sink) -> Any:
    """The Status if this payload is it, else None."""
    if channel == STDOUT:
        stdout(payload)
    elif channel == STDERR:
        stderr(payload)
    elif channel == ERROR:
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
