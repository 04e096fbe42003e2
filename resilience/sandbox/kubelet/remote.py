"""exec, attach and port-forward over WebSocket.

Every message begins with a channel byte (k8s.io/apimachinery, `remotecommand`): 0 stdin, 1 stdout,
2 stderr, 3 the final Status, 4 terminal size; v5 adds 255, which closes the channel it names.
Port-forward (v4 binary): channels 2i carry data, 2i+1 errors, each opened with its port number.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
from functools import partial
from typing import Any

from resilience.sandbox.api import ApiError, Obj
from resilience.sandbox.kubelet import websocket
from resilience.sandbox.kubelet.container import Container
from resilience.sandbox.kubelet.executing import launch_beside
from resilience.sandbox.kubelet.httpd import Request
from resilience.sandbox.kubelet.pod import Pod
from resilience.sandbox.kubelet.tunnel import PROTOCOL, Tunnel
from resilience.sandbox.kubelet.websocket import WebSocket
from resilience.sandbox.ports import published

EXEC = ("v5.channel.k8s.io", "v4.channel.k8s.io")
FORWARD = ("v4.channel.k8s.io",)
STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
CLOSE_CHANNEL = 255
PIECE = 32768


def exit_status(code: int) -> Obj:
    """The Status that ends an exec."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
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


async def exec_command(container: Container, request: Request) -> None:
    """Run a command and carry its streams until it ends or the client goes."""
    socket = websocket.accept(request, EXEC)
    try:
        launch = launch_beside(container, request.query.get("command", []))
    except LookupError as error:
        await _finish(socket, _refusal(str(error)))
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def note(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    inputs, outputs, errors = os.pipe(), os.pipe(), os.pipe()
    zygote = container.pod.kubelet.zygote
    zygote.start(launch, (outputs[1], errors[1], inputs[0]), note)
    for descriptor in (outputs[1], errors[1], inputs[0]):
        os.close(descriptor)
    merged = STDOUT if request.flag("tty") else STDERR
    copies = [
        asyncio.ensure_future(_copy(outputs[0], socket, STDOUT)),
        asyncio.ensure_future(_copy(errors[0], socket, merged)),
    ]
    entry = asyncio.ensure_future(_feed(socket, inputs[1]))
    both: set[asyncio.Future[Any]] = {ended, entry}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():  # the client went away
        zygote.signal(launch.id, signal.SIGKILL)
    code = await ended
    await asyncio.gather(*copies)
    entry.cancel()
    await asyncio.gather(entry, return_exceptions=True)
    await _finish(socket, exit_status(code))


async def _finish(socket: WebSocket, status: Obj) -> None:
    await socket.send(bytes((ERROR,)) + json.dumps(status).encode())
    await socket.close()


async def _copy(source: int, socket: WebSocket, channel: int) -> None:
    """Send what a pipe brings, until it ends."""
    reader = await _pipe_reader(source)
    while data := await reader.read(PIECE):
        try:
            await socket.send(bytes((channel,)) + data)
        except ConnectionError:
            return


async def _pipe_reader(descriptor: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = partial(asyncio.StreamReaderProtocol, reader)
    await loop.connect_read_pipe(protocol, os.fdopen(descriptor, "rb", buffering=0))
    return reader


async def _feed(socket: WebSocket, target: int) -> None:
    """Write stdin until the client closes the channel; ends when the client is gone."""
    is_open = True
    try:
        async for message in socket.messages():
            closes = message[:2] == bytes((CLOSE_CHANNEL, STDIN))
            if message[:1] == bytes((STDIN,)) and len(message) > 1 and is_open:
                await asyncio.get_running_loop().run_in_executor(None, _write, target, message[1:])
            elif closes and is_open:
                os.close(target)
                is_open = False
    finally:
        if is_open:
            os.close(target)


def _write(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        pass  # the program does not read any more


async def attach(container: Container, request: Request) -> None:
    """Send the container's output from now on until it ends."""
    log = container.log
    if log is None or log.closed:
        raise ApiError(400, "BadRequest", f"container {container.state.name} is not running")
    socket = websocket.accept(request, EXEC)
    news: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
    log.on_data.append(news.put_nowait)
    gone = asyncio.ensure_future(_until_gone(socket))
    try:
        while not gone.done():
            got = asyncio.ensure_future(news.get())
            await asyncio.wait({got, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not got.done():
                got.cancel()
                return
            piece = got.result()
            if piece is None:
                await _finish(socket, exit_status(container.state.exit_code or 0))
                return
            channel = STDOUT if piece[0] == "stdout" else STDERR
            await socket.send(bytes((channel,)) + piece[1])
    finally:
        gone.cancel()
        log.on_data.remove(news.put_nowait)


async def _until_gone(socket: WebSocket) -> None:
    async for _ in socket.messages():
        pass


async def port_forward(pod: Pod, request: Request) -> None:
    """Carry connections to ports of the Pod, in kubectl's way or in the older one."""
    if PROTOCOL in request.headers.get("sec-websocket-protocol", ""):
        await Tunnel(pod, websocket.accept(request, (PROTOCOL,))).serve()
        return
    ports = [int(p) for word in request.query.get("ports", []) for p in word.split(",") if p]
    if not ports:
        raise ApiError(400, "BadRequest", 'query parameter "ports" is required')
    socket = websocket.accept(request, FORWARD)
    for index, port in enumerate(ports):
        for channel in (2 * index, 2 * index + 1):
            await socket.send(bytes((channel,)) + struct.pack("<H", port))
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks = [
        asyncio.ensure_future(_carry(pod, socket, 2 * index, port, writers))
        for index, port in enumerate(ports)
    ]
    try:
        await asyncio.sleep(0)
        async for message in socket.messages():
            writer = writers.get(message[0])
            if writer is not None and not writer.is_closing():
                writer.write(message[1:])
                await writer.drain()
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers.values():
            writer.close()


async def _carry(
    pod: Pod, socket: WebSocket, channel: int, port: int, writers: dict[int, asyncio.StreamWriter]
) -> None:
    address = (pod.address, published(port, pod.network.shift))
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError as error:
        text = f"error forwarding port {port} to pod {pod.uid}: {error.strerror}"
        await socket.send(bytes((channel + 1,)) + text.encode())
        return
    writers[channel] = writer
    while data := await reader.read(PIECE):
        await socket.send(bytes((channel,)) + data)
    await socket.close()
