"""exec and attach: a command next to a container's main process, or that process itself.

`accept` negotiates what carries the streams; from there on everything is `Channels`. An exec ends
with its command's exit code, an attach with success regardless of the container's exit code, which
is in its status (k8s.io/cri-streaming, `remotecommand`).
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.base import terminal
from resilience.sandbox.kubelet.base.channels import RESIZE, STDERR, STDIN, STDOUT, Channels, Wanted
from resilience.sandbox.kubelet.base.httpd import KubeletRequest
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.executing import launch_beside
from resilience.sandbox.kubelet.streams import carrier, spdy_channels, websocket, websocket_channels

PIECE = 32768
SUCCESS: Obj = {"metadata": {}, "status": "Success"}


def exit_status(code: int) -> Obj:
    """The Status that ends an exec."""
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _refusal(text: str) -> Obj:
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: error executing command in container: {text}",
        "reason": "InternalError",
        "code": 500,
    }


async def accept(request: KubeletRequest, wanted: Wanted) -> Channels:
    """Answer the handshake of either kind; ApiError if no protocol matches."""
    if carrier.is_spdy(request):
        plain, chosen = carrier.accept(request, spdy_channels.PROTOCOLS)
        return await spdy_channels.open_streams(plain, chosen, wanted)
    socket = websocket.accept(request, websocket_channels.PROTOCOLS)
    return websocket_channels.InWebSocket(socket, wanted)


async def exec_command(container: Container, request: KubeletRequest) -> None:
    """Run a command and carry its streams until it ends or the client disconnects."""
    wanted = Wanted.of(request)
    channels = await accept(request, wanted)
    try:
        launch = launch_beside(container, request.query.get("command", []))
    except LookupError as error:
        await channels.finish(_refusal(str(error)))
        return
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    zygote = container.pod.kubelet.zygote
    ends = terminal.ends(tty=wanted.tty)
    zygote.start(launch, ends.given, note)
    ends.pass_on()
    copies = [
        asyncio.ensure_future(_copy(source, channels, channel))
        for channel, source in ends.sources.items()
    ]
    entry = terminal.Entry(ends.entry)
    if not wanted.stdin:
        entry.close()
    feeding = asyncio.ensure_future(_feed(channels, entry, ends.terminal))
    both: set[asyncio.Future[Any]] = {ended, feeding}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():  # the client disconnected
        zygote.signal(launch.id, signal.SIGKILL)
    code = await ended
    await asyncio.gather(*copies)
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    entry.close()
    await channels.finish(exit_status(code))


async def _copy(source: int, channels: Channels, channel: int) -> None:
    """Send a descriptor's output, until it ends."""
    reader = await terminal.reader(source)
    try:
        while data := await reader.read(PIECE):
            await channels.send(channel, data)
    except OSError:
        pass  # the client is gone, or no process has the terminal open any more (EIO)


async def _feed(channels: Channels, entry: terminal.Entry, tty: int) -> None:
    """Pass on the client's data, until it disconnects."""
    try:
        async for channel, data in channels.incoming():
            if channel == RESIZE and data is not None and tty >= 0:
                terminal.resize(tty, data)
            elif channel == STDIN and data is not None:
                await entry.write(data)
            elif channel == STDIN and tty < 0:
                entry.close()
    except ConnectionError:
        pass  # it violates the protocol, and counts as gone


async def attach(container: Container, request: KubeletRequest) -> None:
    """Carry the container's own streams from now on until it ends or the client disconnects."""
    wanted = Wanted.of(request)
    log = container.log
    if log is None or log.closed:
        raise ApiError(400, "BadRequest", f"container {container.state.name} is not running")
    channels = await accept(request, wanted)
    news: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
    log.on_data.append(news.put_nowait)
    feeding = asyncio.ensure_future(_feed(channels, container.entry, log.terminal))
    sending = asyncio.ensure_future(_tell(channels, news))
    both: set[asyncio.Future[Any]] = {feeding, sending}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not sending.cancelled() and sending.exception() is None:
            await channels.finish(SUCCESS)
    finally:
        log.on_data.remove(news.put_nowait)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        spec = container.state.spec
        if wanted.stdin and spec.get("stdinOnce") and not spec.get("tty"):
            container.entry.close()


async def _tell(channels: Channels, news: asyncio.Queue[tuple[str, bytes] | None]) -> None:
    """Send pieces of the container's output until it ends."""
    while (piece := await news.get()) is not None:
        await channels.send(STDOUT if piece[0] == "stdout" else STDERR, piece[1])
