"""The probes of one container: startup before the others, readiness and liveness after it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.probes import probe, prober
from resilience.sandbox.kubelet.probes.probe import Result

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.container import Container

UNABLE = 0.5
"""Seconds until an attempt that could not be made is repeated."""
TITLES = {"startup": "Startup", "readiness": "Readiness", "liveness": "Liveness"}


class Probing:
    """Tasks that live as long as one instance, and their effect on `ready` and `started`."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self) -> None:
        """Start probing a new instance: it is not ready until a probe succeeds, unless it has no
        probe."""
        if "startupProbe" in self._container.state.spec:
            self._start("startup")
        else:
            self._begun()

    def _begun(self) -> None:
        state = self._container.state
        state.started = True
        if "readinessProbe" in state.spec:
            self._start("readiness")
        else:
            state.ready = state.role != "init"
        if "livenessProbe" in state.spec:
            self._start("liveness")
        self._container.pod.touch()

    def _start(self, kind: str) -> None:
        spec = self._container.state.spec[f"{kind}Probe"]
        timing = prober.Timing.of(spec)
        body = prober.run(
            timing,
            partial(self._attempt, spec),
            on_verdict=partial(self._verdict, kind),
            on_failure=partial(self._failed, kind),
        )
        self._tasks[kind] = self._container.pod.spawn(body)

    async def _attempt(self, spec: Obj, timeout: float) -> Result:
        """Repeat an attempt until this kubelet could make it: a failure because of its own limits
        is not a result, as for errors in prober.go."""
        health = self._container.pod.kubelet.health
        while True:
            try:
                result = await attempt(self._container, spec, timeout)
            except OSError as error:
                if not health.suffers(error):
                    raise
            else:
                if result.ok or not health.sick:
                    return result
            await asyncio.sleep(UNABLE)

    def _failed(self, kind: str, message: str) -> None:
        self._container.event("Warning", "Unhealthy", f"{TITLES[kind]} probe failed: {message}")

    def _verdict(self, kind: str, ok: bool, _message: str) -> None:
        state = self._container.state
        if kind == "readiness":
            if state.ready != ok:
                state.ready = ok
                self._container.pod.touch()
        elif kind == "startup" and ok:
            self._cancel("startup")
            self._begun()
        elif not ok:
            self._cancel(kind)
            self._container.restart(kind)

    def end_liveness(self) -> None:
        """Stop liveness probing: an instance that is being ended must not count as unhealthy."""
        self._cancel("liveness")
        self._cancel("startup")

    def end(self) -> None:
        """Stop all probes: the instance has ended."""
        for kind in list(self._tasks):
            self._cancel(kind)

    def _cancel(self, kind: str) -> None:
        task = self._tasks.pop(kind, None)
        if task is not None:
            task.cancel()


async def attempt(container: Container, spec: Obj, timeout: float) -> Result:
    """One attempt of a probe on the running container."""
    pod, kind = container.pod, probe.kind_of(spec)
    try:
        if kind == "httpGet":
            return await probe.http(
                spec[kind], container.state.spec, pod.address, pod.network.shift, timeout
            )
        if kind == "tcpSocket":
            return await probe.tcp(
                spec[kind], container.state.spec, pod.address, pod.network.shift, timeout
            )
        if kind == "exec":
            code, output = await pod.exec(container, spec[kind]["command"], timeout)
            return Result(code == 0, output.strip() or f"command exited with {code}")
        from resilience.sandbox.kubelet.probes.grpc_health import check

        return await check(spec[kind], pod.address, pod.network.shift, timeout)
    except LookupError as error:
        return Result(False, str(error))
    except TimeoutError:
        return Result(
            False, f"command timed out: {spec.get('exec', {}).get('command')} after {timeout:g}s"
        )
