"""Runs a command next to a container's main process: exec probes, hooks, `kubectl exec`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
import signal
from typing import TYPE_CHECKING

from resilience.sandbox.images import catalogue
from resilience.sandbox.inside.launch import Launch

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.container import Container

OUTPUT_LIMIT = 10 * 1024


def launch_beside(container: Container, command: list[str]) -> Launch:
    """A launch in the environment of `container`; LookupError when that is impossible."""
    main = container.launch
    if main is None or not container.state.running:
        raise LookupError(f"container {container.state.name} is not running")
    image = catalogue.told_by({catalogue.IMAGE_VARIABLE: main.image, **main.environment})
    if not command or not catalogue.has_program(image, command[0]):
        name = command[0] if command else ""
        raise LookupError(f'exec: "{name}": executable file not found in $PATH')
    pid = container.pod.kubelet.zygote.pids.get(main.id, 0)
    return dataclasses.replace(
        main,
        id=secrets.token_hex(16),
        argv=tuple(command),
        within=main.id,
        environment={**main.environment, "RESILIENCE_MAIN": str(pid)},
    )


async def execute(
    container: Container, command: list[str], timeout: float | None
) -> tuple[int, str]:
    """Exit code and the first 10 KiB of output. TimeoutError kills it; LookupError: no program."""
    launch = launch_beside(container, command)
    zygote = container.pod.kubelet.zygote
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    read, write = os.pipe()

    def note(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    zygote.start(launch, (write, write), note)
    os.close(write)
    output = bytearray()
    os.set_blocking(read, False)
    loop.add_reader(read, _take, read, output)
    try:
        async with asyncio.timeout(timeout):
            code = await asyncio.shield(ended)
    except (TimeoutError, asyncio.CancelledError):
        zygote.signal(launch.id, signal.SIGKILL)
        raise
    finally:
        loop.remove_reader(read)
        while _take(read, output):
            pass
        os.close(read)
    return code, output.decode(errors="replace")


def _take(read: int, output: bytearray) -> bool:
    """Take one piece of output; False when there is no more now."""
    try:
        piece = os.read(read, 65536)
    except BlockingIOError:
        return False
    output += piece[: max(0, OUTPUT_LIMIT - len(output))]
    return bool(piece)
