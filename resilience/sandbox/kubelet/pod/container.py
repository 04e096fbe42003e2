"""One container of one Pod: start, probe, restart with back-off, stop.

A task executes `run` from the first start until the container will not start again. `stop` ends it
as `killContainer` does: preStop, SIGTERM, the rest of the grace period but at least two seconds,
SIGKILL. All results go into its `ContainerState`, and `pod.touch()` publishes it.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.sandbox.images import catalogue, stand_ins
from resilience.sandbox.inside.launch import Launch, Mount
from resilience.sandbox.kubelet.base import backoff, terminal
from resilience.sandbox.kubelet.base.container_logs import LogFile
from resilience.sandbox.kubelet.pod.container_state import ContainerState
from resilience.sandbox.kubelet.pod.lifecycle_hooks import HookFailed, run_hook
from resilience.sandbox.kubelet.probes.probing import Probing
from resilience.sandbox.kubelet.setup import own_files, pulling, run_as
from resilience.sandbox.kubelet.setup.environment import ConfigError, expand
from resilience.sandbox.kubelet.setup.pod_volumes import MountError

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.pod import Pod

LEAST_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL whatever the grace period says."""
CONFIG_RETRY = 5.0
TERMINATION_MESSAGE_LIMIT = 4096
KILLED = 137
CANNOT_START = 128


class Container:
    """The life of one container; at most one instance of it runs at a time."""

    def __init__(self, pod: Pod, state: ContainerState) -> None:
        self.pod = pod
        self.state = state
        self.launch: Launch | None = None
        self.log: LogFile | None = None
        self.entry = terminal.Entry()
        self._back_off = backoff.BackOff()
        self._pull = pulling.Pull(self)
        self._probing = Probing(self)
        self._exited: asyncio.Future[int] | None = None
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()  # ends a sleep: to stop, or because the image changed
        self._other_image = False
        self._hurry = asyncio.Event()
        self._deadline = float("inf")
        self._out_of_memory = False
        self._ending = False

    # Starting and restarting.

    async def run(self) -> None:
        """Run instances until the restart policy, or `stop`, makes one the last."""
        while not self._stopping.is_set():
            started = await self._start()
            if not started:
                continue
            code = await self._wait_for_exit()
            if self._stopping.is_set():
                break
            if self._other_image:  # regardless of the restart policy, and without a back-off
                self.state.last_state = self.state.state
                continue
            if not self._restarts_after(code):
                break
            await self._wait_back_off()
        self.state.finished = True
        self.pod.touch()

    def _restarts_after(self, code: int) -> bool:
        if self.state.role in ("sidecar", "ephemeral"):
            return self.state.role == "sidecar"
        policy = self.pod.spec.get("restartPolicy", "Always")
        if self.state.role == "init":
            return code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    async def _start(self) -> bool:
        """Try once to start an instance; False when it has to be tried again."""
        self._other_image = False
        self._awake.clear()
        await self.pod.kubelet.nodes.until_running(self.pod.spec["nodeName"])
        image = await self._pull.pull()
        if image is None or self.told_to_end():
            return False
        try:
            launch, log_path = await self._configure(image)
            if self.told_to_end():
                return False  # `stop` found nothing running and would miss this process
            exists = catalogue.has_program(image, launch.argv[0])
            given = self._opened(image, log_path) if exists else ()
        except OSError as error:
            if not self.pod.kubelet.health.suffers(error):
                raise
            await self.sleep(CONFIG_RETRY)
            return False
        except (ConfigError, MountError, stand_ins.NotMounted) as error:
            self.wait_in("CreateContainerConfigError", str(error))
            self.event("Warning", "Failed", f"Error: {error}")
            await self.sleep(CONFIG_RETRY)
            return False
        self.event("Normal", "Created", "Container created")
        if self.state.instance:
            self.state.restarts += 1
        self.state.instance = launch.id
        if not exists:
            return await self._fail_to_start(launch)
        self._begin(launch, given)
        return await self._post_start()

    async def _configure(self, image: catalogue.Image) -> tuple[Launch, Path]:
        spec = self.state.spec
        run_as.verify(self.pod.obj, spec, image.user)
        environment = await self.pod.environment(spec)
        command = [expand(word, environment) for word in spec.get("command") or []]
        args = [expand(word, environment) for word in spec.get("args") or []]
        number = self.state.restarts + (1 if self.state.instance else 0)
        message = self.log_path(number).with_suffix(".message")
        if self._has_process(image):
            self._make_room(message, number)
        path = spec.get("terminationMessagePath") or "/dev/termination-log"
        mounts = self.pod.volumes.mounts(spec, environment)
        launch = Launch(
            id=secrets.token_hex(32),
            image=image.name,
            argv=self._filled(stand_ins.argv(image, command, args), mounts),
            environment={
                **image.environment,
                "HOSTNAME": self.pod.hostname,
                "HOME": "/root",
                **run_as.reported(self.pod.spec, spec, image.user),
                **environment,
                **{name: self._filled([text], mounts)[0] for name, text in image.settings.items()},
                **catalogue.variables(image),
            },
            cwd=spec.get("workingDir") or image.working_directory,
            hostname=self.pod.hostname,
            network=self.pod.network,
            root=str(self.log_path(number).with_suffix(".root")),
            image_root=own_files.image_root(self.pod.kubelet.config.directory, image.name),
            directories=image.directories,
            read_only=bool((spec.get("securityContext") or {}).get("readOnlyRootFilesystem")),
            mounts=(
                *_shown(image.workdir),
                *mounts,
                Mount(path=path, source=str(message)),
            ),
            marker=self.pod.kubelet.config.id,
            hosts=own_files.hosts(self.pod.obj, self.pod.address, self.pod.hostname),
            resolv_conf=own_files.resolv_conf(self.pod.obj, self.pod.kubelet.config.dns_address),
        )
        return launch, self.log_path(number)

    def _filled(self, words: Iterable[str], mounts: Sequence[Mount]) -> tuple[str, ...]:
        """The command of a stand-in, with values that only the Pod knows."""
        places = [(mount.path, mount.source) for mount in mounts]
        address = self.pod.network.address
        return tuple(stand_ins.filled(word, address, places) for word in words)

    def _make_room(self, message: Path, number: int) -> None:
        message.parent.mkdir(parents=True, exist_ok=True)
        message.touch()
        for old in message.parent.glob(f"{number - 2}.[lm]*"):
            old.unlink()  # older logs are deleted: only the previous instance's can be requested
        for layer in message.parent.glob("*.root"):
            shutil.rmtree(layer, ignore_errors=True)  # each instance begins with the image's files

    def _opened(self, image: catalogue.Image, log_path: Path) -> tuple[int, ...]:
        """The log of an instance, and the descriptors that its process gets; OSError."""
        if not self._has_process(image):
            return ()
        log = LogFile(log_path)
        spec = self.state.spec
        try:
            given, self.entry = terminal.of_container(
                log, stdin=bool(spec.get("stdin")), tty=bool(spec.get("tty"))
            )
        except OSError:
            log.close()
            raise
        self.log = log
        return given

    def _begin(self, launch: Launch, given: tuple[int, ...]) -> None:
        self.launch = launch
        self._exited = asyncio.get_running_loop().create_future()
        self._out_of_memory = False
        if given:
            self.pod.kubelet.zygote.start(launch, given, self._on_exit)
            self.pod.close_soon(given)
        self.state.began = time.monotonic()
        self.state.state = {"running": {"startedAt": self.pod.kubelet.clock.stamp()}}
        self.event("Normal", "Started", "Container started")

    def _has_process(self, image: catalogue.Image) -> bool:
        """A `pause` runs nothing and only ends when it is stopped: it needs no process and no
        directory, since thousands of them are created at once."""
        return image.name != "pause" or any(
            key in self.state.spec for key in ("lifecycle", "stdin", "tty")
        )

    async def _post_start(self) -> bool:
        hook = self.state.spec.get("lifecycle", {}).get("postStart")
        if hook is not None:
            try:
                await run_hook(self, "PostStart", hook)
            except HookFailed as failure:
                self.event("Warning", "FailedPostStartHook", str(failure))
                self.event("Normal", "Killing", "FailedPostStartHook")
                await self._end_instance(self.pod.grace())
                return True
        self._probing.begin()
        self.pod.touch()
        return True

    async def _fail_to_start(self, launch: Launch) -> bool:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create"
            " failed: runc create failed: unable to start container process: error during container"
            f' init: exec: "{launch.argv[0]}": executable file not found in $PATH'
        )
        self._exited = asyncio.get_running_loop().create_future()
        self.event("Warning", "Failed", f"Error: {message}")
        now = self.pod.kubelet.clock.stamp()
        self.state.began = time.monotonic()
        self.state.state = {"running": {"startedAt": now}}
        self._finish(CANNOT_START, "StartError", message)
        return True

    # While it runs.

    def _on_exit(self, code: int) -> None:
        if self.log is not None:
            self.log.close()
        self.entry.close()
        if code == KILLED and not (self._ending or self._out_of_memory):
            self._ask_for_memory()
        self._finish(code)

    def _ask_for_memory(self) -> None:
        """Whether the kernel killed it because the machine ran out of memory: no one here did."""
        health = self.pod.kubelet.health
        if health.lost_memory():
            health.tell(
                f"lost a process of Pod {self.pod.long_name}: the machine has no memory left"
            )

    def _finish(self, code: int, reason: str = "", message: str = "") -> None:
        self._probing.end()
        reason = reason or ("Completed" if code == 0 else "Error")
        if self._out_of_memory:
            code, reason = KILLED, "OOMKilled"
        began = self.state.state["running"]["startedAt"]
        self.state.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason,
                "startedAt": began,
                "finishedAt": self.pod.kubelet.clock.stamp(),
                "containerID": f"sandbox://{self.state.instance}",
            }
        }
        text = message or self._termination_message(code)
        if text:
            self.state.state["terminated"]["message"] = text
        self.state.ready = self.state.role == "init" and code == 0
        self.state.started = False
        assert self._exited is not None
        self._exited.set_result(code)
        self.pod.touch()

    def _termination_message(self, code: int) -> str:
        if self.launch is None:
            return ""
        try:
            source = Path(self.launch.mounts[-1].source)
            text = source.read_bytes()[:TERMINATION_MESSAGE_LIMIT].decode(errors="replace")
            policy = self.state.spec.get("terminationMessagePolicy")
            if not text and code and policy == "FallbackToLogsOnError":
                from resilience.sandbox.kubelet.base.log_reading import tail_text

                return tail_text(source.with_suffix(".log"), TERMINATION_MESSAGE_LIMIT)
        except OSError:
            return ""
        return text

    async def _wait_for_exit(self) -> int:
        assert self._exited is not None
        return await asyncio.shield(self._exited)

    async def _wait_back_off(self) -> None:
        ran = (time.monotonic() - self.state.began) * self.pod.kubelet.clock.scale
        wait = self._back_off.next(ran)
        self.state.last_state = self.state.state
        if wait:
            about = f"restarting failed container={self.state.name} pod={self.pod.long_name}"
            self.wait_in("CrashLoopBackOff", f"back-off {backoff.text(wait)} {about}")
            self.event(
                "Warning",
                "BackOff",
                f"Back-off restarting failed container {self.state.name} in pod"
                f" {self.pod.long_name}",
            )
            await self.sleep(wait)

    def restart(self, probe: str) -> None:
        """End this instance after a failed liveness or startup probe; the loop starts a new one."""
        grace = self.state.spec[f"{probe}Probe"].get("terminationGracePeriodSeconds")
        self.replace(f"failed {probe} probe, will be restarted", grace)

    def replace(self, why: str, grace: float | None = None) -> None:
        """End this instance, with a reason; the loop starts the next if the policy allows one."""
        self.event("Normal", "Killing", f"Container {self.state.name} {why}")
        self.pod.spawn(self._end_instance(self.pod.grace() if grace is None else grace))

    def change_image(self, image: str) -> None:
        """Handle a changed image: a running instance is replaced, and a wait ends."""
        self.state.spec = {**self.state.spec, "image": image}
        self._other_image = True
        self._pull = pulling.Pull(self)
        self._back_off = backoff.BackOff()
        self._awake.set()
        if self.state.running:
            self.replace("definition changed, will be restarted")

    def crash(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """End the instance from outside, at once (a fault); False when none runs."""
        if not self.state.running or self.launch is None:
            return False
        if self.log is None:
            self._finish(128 + number)
        else:
            self.pod.kubelet.zygote.signal(self.launch.id, number)
        return True

    def end_for_memory(self) -> None:
        """Handle an exceeded memory limit as the kernel's OOM killer does for process 1."""
        self._out_of_memory = True
        self.crash()

    # Stopping.

    async def stop(self, deadline: float) -> None:
        """End permanently; `deadline` is real monotonic time. A later call may only shorten it."""
        if deadline < self._deadline:
            self._deadline = deadline
            self._hurry.set()
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._awake.set()
        if self.state.running:
            self.event("Normal", "Killing", f"Stopping container {self.state.name}")
            await self._end_instance(max(0.0, deadline - time.monotonic()))

    async def _end_instance(self, grace: float) -> None:
        exited = self._exited
        if exited is None or exited.done():
            return
        self._deadline = min(self._deadline, time.monotonic() + grace)
        if self._ending:  # for instance by a failed probe; it sees the new deadline
            await asyncio.shield(exited)
            return
        self._ending = True
        self._probing.end_liveness()
        hook = self.state.spec.get("lifecycle", {}).get("preStop")
        if hook is not None:
            await self._pre_stop(hook, exited)
        # "always give containers a minimal shutdown window": kuberuntime_container.go
        least = time.monotonic() + LEAST_GRACE
        self._ask_to_end(exited)
        while not exited.done():
            left = max(least, self._deadline) - time.monotonic()
            if left <= 0:
                self.crash()
                await asyncio.shield(exited)
                break
            self._hurry.clear()
            await _first_of((exited,), self._hurry, left)
        self._ending = False
        if not self._stopping.is_set():
            self._deadline = float("inf")

    def _ask_to_end(self, exited: asyncio.Future[int]) -> None:
        if self.log is None:
            if not exited.done():
                self._finish(0)  # pause ends at once on SIGTERM
        elif self.launch is not None:
            self.pod.kubelet.zygote.signal(self.launch.id, signal.SIGTERM)

    async def _pre_stop(self, hook: dict[str, object], exited: asyncio.Future[int]) -> None:
        running = asyncio.ensure_future(run_hook(self, "PreStop", hook))
        while not (running.done() or exited.done()):
            left = self._deadline - time.monotonic()
            if left <= 0:
                break
            self._hurry.clear()
            await _first_of((running, exited), self._hurry, left)
        if not running.done():
            running.cancel()
        elif not running.cancelled() and running.exception() is not None:
            self.event("Warning", "FailedPreStopHook", str(running.exception()))

    # Small things.

    def told_to_end(self) -> bool:
        """Whether `stop` was called: no further instance may start."""
        return self._stopping.is_set()

    @property
    def number(self) -> int:
        """Which instance this is, from 0; -1 before the first."""
        return self.state.restarts if self.state.instance else -1

    def log_path(self, number: int) -> Path:
        """The path of one instance's log."""
        directory: Path = self.pod.directory / self.state.name
        return directory / f"{number}.log"

    def wait_in(self, reason: str, message: str = "") -> None:
        """The container waits; its state says why."""
        self.state.state = {"waiting": {"reason": reason, "message": message}}
        self.pod.touch()

    def event(self, kind: str, reason: str, message: str) -> None:
        """Record an Event about this container."""
        self.pod.event(kind, reason, message, field_path=self.state.field_path)

    async def sleep(self, seconds: float) -> None:
        """Sleep in the sandbox's time, or until the container has to stop or its image changed."""
        try:
            async with asyncio.timeout(self.pod.kubelet.clock.real(seconds)):
                await self._awake.wait()
        except TimeoutError:
            pass


def _shown(workdir: str) -> Sequence[Mount]:
    """The directory of a stand-in's program: read only, since it is the user's own."""
    return [Mount(path=workdir, source=workdir, read_only=True)] if workdir else []


async def _first_of(
    ends: Iterable[asyncio.Future[Any]], hurry: asyncio.Event, timeout: float
) -> None:
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({*ends, hurried}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
