"""postStart and preStop: exec, httpGet, sleep. A tcpSocket hook does nothing, as in the kubelet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from resilience.sandbox.kubelet.probes import probe

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.container import Container

UNABLE = 0.5
"""Seconds until a hook that could not be run is tried again."""
HTTP_TIMEOUT = 30.0
"""The kubelet's timeout for hooks; the grace period usually ends a hook sooner."""


class HookFailed(Exception):
    """The hook ran and failed; the text is the Event's message."""


async def run_hook(container: Container, name: str, hook: dict[str, Any]) -> None:
    """Run one hook to its end. HookFailed when it did not succeed. A hook that fails because of
    this kubelet's own limits is tried again."""
    while True:
        try:
            return await _once(container, name, hook)
        except OSError as error:
            if not container.pod.kubelet.health.suffers(error):
                raise
            await asyncio.sleep(UNABLE)


async def _once(container: Container, name: str, hook: dict[str, Any]) -> None:
    if "sleep" in hook:
        await asyncio.sleep(hook["sleep"]["seconds"])
    elif "exec" in hook:
        await _exec(container, name, hook["exec"]["command"])
    elif "httpGet" in hook:
        await _http(container, name, hook["httpGet"])


async def _exec(container: Container, name: str, command: list[str]) -> None:
    try:
        code, output = await container.pod.exec(container, command, None)
    except LookupError as error:
        code, output = 126, str(error)
    if code != 0:
        raise HookFailed(
            f"{name}Hook failed: command '{' '.join(command)}' exited with {code}: {output}"
        )


async def _http(container: Container, name: str, action: dict[str, Any]) -> None:
    pod = container.pod
    try:
        result = await probe.http(
            action, container.state.spec, pod.address, pod.network.shift, HTTP_TIMEOUT
        )
    except LookupError as error:
        raise HookFailed(f"{name}Hook failed: {error}") from error
    if not result.ok:
        raise HookFailed(f"{name}Hook failed: {result.message}")
