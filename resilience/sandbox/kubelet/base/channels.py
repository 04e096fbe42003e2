"""The streams of exec and attach, whichever protocol carries them.

Channels (k8s.io/apimachinery, `remotecommand`): 0 stdin, 1 stdout, 2 stderr, 3 the final Status,
4 the terminal's size. Before v4 of the protocol the result is a text, and an empty one means
success. `websocket_channels` and `spdy_channels` carry them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.base.httpd import KubeletRequest

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The streams that the client requested; a terminal has no separate stderr."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @classmethod
    def of(cls, request: KubeletRequest) -> Wanted:
        """Read the query; raises ApiError 400 when no stream is requested."""
        tty = request.flag("tty")
        found = cls(
            stdin=request.flag("stdin"),
            stdout=request.flag("stdout"),
            stderr=request.flag("stderr") and not tty,
            tty=tty,
        )
        if not (found.stdin or found.stdout or found.stderr):
            raise ApiError(
                400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr"
            )
        return found

    def channels(self) -> frozenset[int]:
        """The channels besides the error channel."""
        asked = {STDIN: self.stdin, STDOUT: self.stdout, STDERR: self.stderr, RESIZE: self.tty}
        return frozenset(channel for channel, wanted in asked.items() if wanted)


class Channels(Protocol):
    """Both directions of one exec or attach."""

    async def send(self, channel: int, data: bytes) -> None:
        """Send a piece of stdout or stderr; ConnectionError when the client is gone."""
        ...

    def incoming(self) -> AsyncIterator[tuple[int, bytes | None]]:
        """The client's data; None is the end of that channel. Ends when the client disconnects."""
        ...

    async def finish(self, status: Obj) -> None:
        """Report the result, and close."""
        ...


def ending(status: Obj, *, has_status: bool) -> bytes:
    """The final content of the error channel, for protocols with and without a Status."""
    if has_status:
        return json.dumps(status).encode()
    return b"" if status["status"] == "Success" else str(status["message"]).encode()
