"""One Pod on its node: set-up, init containers, containers, termination, final status.

A task follows the Pod from binding to removal. Deletion follows rules 3.7: readiness probing
continues, containers are stopped in parallel (sidecars after them, last first), then the terminal
phase is written and the object deleted with grace 0. If the object is gone before that (grace 0),
the processes still get SIGTERM at once and SIGKILL two seconds later.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from resilience.sandbox.inside.launch import Network
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod import image_change, resizing
from resilience.sandbox.kubelet.pod import pod_status as status
from resilience.sandbox.kubelet.pod.admitting import room_of
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.container_state import ContainerState, role_of
from resilience.sandbox.kubelet.pod.ephemeral import Ephemeral
from resilience.sandbox.kubelet.pod.executing import execute
from resilience.sandbox.kubelet.setup import environment
from resilience.sandbox.kubelet.setup.pod_volumes import MountError, Volumes

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.node.kubelet import Kubelet

MOUNT_RETRY = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
FORCED_GRACE = 1.0
"""The kubelet never takes less for a Pod whose object is gone (calculateEffectiveGracePeriod)."""
REFRESH = 60.0
UNKNOWN_CODE = 137


class Pod:
    """The kubelet's view of one Pod object. `obj` is its newest version."""

    def __init__(self, kubelet: Kubelet, obj: Obj) -> None:
        self.kubelet = kubelet
        self.obj = obj
        self.uid: str = obj["metadata"]["uid"]
        self.directory = kubelet.config.directory / "pods" / self.uid
        self.gone = False
        self.started_at = kubelet.clock.stamp()
        self.address = ""
        self.network = Network(address="", loopback="", namespace="", dns_socket="")
        self.volumes = Volumes(obj, kubelet.config.directory, kubelet.references, "")
        self.containers = self._make_containers()
        self.ephemeral = Ephemeral(self)
        self.room = room_of(self.spec)
        self.refused = kubelet.refusal(obj)
        self.failure: tuple[str, str] | None = None
        self.held: Obj | None = None
        self.terminal: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: list[asyncio.Future[None]] = []
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._broken = False
        self._deadline = float("inf")
        self.task = self.spawn(self._live())

    def _make_containers(self) -> list[Container]:
        init = [(spec, role_of(spec, init=True)) for spec in self.spec.get("initContainers") or []]
        main = [(spec, role_of(spec, init=False)) for spec in self.spec["containers"]]
        reason = "PodInitializing" if init else "ContainerCreating"
        found = [Container(self, ContainerState(spec, role)) for spec, role in [*init, *main]]
        for container in found:
            container.state.state = {"waiting": {"reason": reason}}
            container.state.recall(self.obj, self.kubelet.clock.stamp())
        return found

    def every_container(self) -> list[Container]:
        """All containers: those of the spec and those added for debugging."""
        return [*self.containers, *self.ephemeral.containers]

    @property
    def has_memory_limit(self) -> bool:
        """Whether any container has an ephemeral one."""
        return any("memory" in c.state.resources.get("limits", {}) for c in self.containers)

    @property
    def spec(self) -> Obj:
        """The Pod's spec."""
        return self.obj["spec"]  # type: ignore[no-any-return]

    @property
    def namespace(self) -> str:
        """The Pod's namespace."""
        return str(self.obj["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """The Pod's name."""
        return str(self.obj["metadata"]["name"])

    @property
    def long_name(self) -> str:
        """Its name in texts: web-1_default(uid)."""
        return f"{self.name}_{self.namespace}({self.uid})"

    @property
    def hostname(self) -> str:
        """`spec.hostname`, else the Pod's name (63 bytes of it)."""
        return str(self.spec.get("hostname") or self.name[:63].rstrip("-."))

    @property
    def holds_room(self) -> bool:
        """Whether it takes part of its node."""
        return self.terminal is None and self.refused is None and not self.gone

    def grace(self) -> float:
        """The spec's termination grace period."""
        return float(self.spec.get("terminationGracePeriodSeconds", 30))

    # The life of a Pod.

    async def _live(self) -> None:
        work = self.spawn(self._work() if not self._stop.is_set() else asyncio.sleep(0))
        stop = asyncio.ensure_future(self._stop.wait())
        await self._until_deadline({work, stop})
        if not work.done() and not self._stop.is_set():
            text = "Pod was active on the node longer than the specified deadline"
            self.failure = ("DeadlineExceeded", text)
            self.event("Normal", "DeadlineExceeded", text)
            self._deadline = time.monotonic() + self.grace()
        await self._stop_containers()
        work.cancel()
        self._settle()
        await self._stop.wait()
        stop.cancel()
        await self._remove()

    async def _until_deadline(self, ends: set[asyncio.Future[Any]]) -> None:
        """Wait until one of `ends` is set, or `activeDeadlineSeconds` (which may change) have
        passed."""
        began = time.monotonic()
        while True:
            limit = self.spec.get("activeDeadlineSeconds")
            left = None
            if limit is not None:
                left = max(0.0, self.kubelet.clock.real(limit) - (time.monotonic() - began))
            changed = asyncio.ensure_future(self._changed.wait())
            done, _ = await asyncio.wait(
                {*ends, changed}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            changed.cancel()
            self._changed.clear()
            if done != {changed}:
                return

    async def _work(self) -> None:
        """Run the Pod from its start to the end of all main containers."""
        if self.refused is not None:
            self.failure = self.refused = await self.kubelet.confirm(self.obj)
        if self.failure is not None:
            self.event("Warning", self.failure[0], self.failure[1].partition(": ")[2])
            return
        self.touch()
        self._take_address()
        await self._set_up_volumes()
        self.ephemeral.can_start.set()
        for container in self.containers:
            if container.state.role == "init":
                await container.run()
                if container.state.exit_code != 0:
                    return  # permanently: the restart policy is Never
            elif container.state.role == "sidecar":
                self.spawn(container.run())
                await self._until_started(container)
        mains = [c for c in self.containers if c.state.role == "main"]
        for container in mains:
            container.state.state = {"waiting": {"reason": "ContainerCreating"}}
        refresh = self.spawn(self._refresh()) if self.volumes.has_data else None
        await asyncio.gather(*(container.run() for container in mains))
        if refresh is not None:
            refresh.cancel()

    def _take_address(self) -> None:
        config = self.kubelet.config
        if self.spec.get("hostNetwork"):
            self.address = self.kubelet.node_address(self.spec["nodeName"])
            loopback = self.address
        else:
            self.address = self.kubelet.addresses.take()
            loopback = self.address.replace(config.network, config.loopback_network, 1)
        self.network = Network(
            address=self.address,
            loopback=loopback,
            namespace=self.namespace,
            dns_socket=str(config.dns_socket),
            policy_flag=str(config.policy_flag),
            shift=self.kubelet.shift,
        )
        references = self.kubelet.references
        allocatable = self.kubelet.allocatable(self.spec["nodeName"])
        self.volumes = Volumes(self.obj, config.directory, references, self.address, allocatable)

    async def _set_up_volumes(self) -> None:
        tries = 0
        while True:
            try:
                await self.volumes.set_up()
            except MountError as error:
                self.event("Warning", "FailedMount", str(error))
                await asyncio.sleep(MOUNT_RETRY[min(tries, len(MOUNT_RETRY) - 1)])
                tries += 1
            except OSError as error:
                if not self.kubelet.health.suffers(error):
                    raise
                await asyncio.sleep(MOUNT_RETRY[-1])
            else:
                return

    async def _until_started(self, container: Container) -> None:
        while not container.state.started:
            await self.changed()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self.kubelet.clock.real(REFRESH))
            try:
                await self.volumes.refresh(self.obj)
            except MountError as error:
                self.event("Warning", "FailedMount", str(error))

    async def _stop_containers(self) -> None:
        def stop(containers: list[Container]) -> list[Coroutine[Any, Any, None]]:
            return [container.stop(self._deadline) for container in containers]

        sidecars = [c for c in self.containers if c.state.role == "sidecar"]
        others = [c for c in self.every_container() if c.state.role != "sidecar"]
        if self._deadline == float("inf"):
            self._deadline = time.monotonic() + self.grace()
        await asyncio.gather(*stop(others))
        for container in reversed(sidecars):
            await container.stop(self._deadline)

    def _settle(self) -> None:
        """All containers have ended: from now on the phase no longer changes."""
        begun = all(status.initialized(container.state) for container in self.containers)
        for container in self.containers:
            state = container.state
            state.ready = state.role == "init" and state.exit_code == 0
            # In a Pod that was never initialized, waiting containers keep waiting (TerminatePod).
            if "terminated" not in state.state and (begun or state.last_state):
                state.state = state.last_state or self._never_found()
        mains = [c.state for c in self.containers if c.state.role != "sidecar"]
        failed = self.failure or any(state.exit_code for state in mains)
        self.terminal = "Failed" if failed else "Succeeded"
        self.touch()

    def _never_found(self) -> Obj:
        message = "The container could not be located when the pod was terminated"
        return {
            "terminated": {
                "exitCode": UNKNOWN_CODE,
                "reason": "ContainerStatusUnknown",
                "message": message,
                "startedAt": None,
                "finishedAt": None,
            }
        }

    async def _remove(self) -> None:
        self.volumes.remove()
        if not self.gone:
            await self.kubelet.writer.flush(self)
            await self.kubelet.delete(self)
        if self.address and not self.spec.get("hostNetwork"):
            self.kubelet.addresses.release(self.address)
        self.kubelet.forget(self)

    # Input from outside.

    def update(self, obj: Obj) -> None:
        """Take over a newer version of the object."""
        before, self.obj = self.obj, obj
        meta = obj["metadata"]
        if "deletionTimestamp" in meta:
            self._end_within(float(meta.get("deletionGracePeriodSeconds", 0)))
        else:
            self._take_changes(before)
        self.kubelet.writer.seen(self)

    def _take_changes(self, before: Obj) -> None:
        self.ephemeral.update()
        self.resize()
        for container in self.containers:
            image_change.take(container, self.obj)
        changed = before["metadata"].get("generation") != self.obj["metadata"].get("generation")
        if changed:
            self._changed.set()
        if changed or self.spec.get("readinessGates"):
            self.touch()

    def resize(self) -> None:
        """Take over the resources of the spec, once the node has room for them."""
        before, self.held = self.held, None
        if any(resizing.is_asked(container, self.obj) for container in self.containers):
            self.held = self.kubelet.held_resize(self)
            if self.held is None:
                self._resized()
        if before != self.held:
            self.touch()

    def _resized(self) -> None:
        for container in self.containers:
            resizing.take(container, self.obj)
        self.room = room_of(self.spec)
        self.kubelet.retry_resizes(self)
        self.touch()

    def vanished(self) -> None:
        """Handle the removal of the object from the API, in any state of the Pod."""
        if not self.gone:
            self.gone = True
            self._end_within(FORCED_GRACE)

    def _end_within(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        if self._stop.is_set() and deadline >= self._deadline:
            return
        self._deadline = min(deadline, self._deadline)
        if self._stop.is_set():
            for container in self.every_container():
                self.spawn(container.stop(self._deadline))
        self._stop.set()

    def kill_now(self) -> None:
        """Simulate a power loss of the node: no signal can be handled, and nothing is written."""
        self.gone = True
        for container in self.every_container():
            container.crash()
        self._end_within(0)

    # What containers need.

    def touch(self) -> None:
        """Record that the status has changed."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if not self.gone:
            self.kubelet.writer.mark(self)

    async def changed(self) -> None:
        """Wait for the next `touch`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    async def environment(self, container: Obj) -> dict[str, str]:
        """The environment of one container; ConfigError when something is missing."""
        kubelet = self.kubelet
        has_links = self.spec.get("enableServiceLinks") is not False
        await kubelet.services_known.wait()
        around = environment.Surroundings(
            address=self.address,
            host_address=kubelet.node_address(self.spec["nodeName"]),
            allocatable=kubelet.allocatable(self.spec["nodeName"]),
            api_address=f"{kubelet.config.network}.128.1",
            services=kubelet.links.variables(self.namespace) if has_links else {},
        )
        return await environment.build(self.obj, container, kubelet.references, around)

    async def exec(
        self, container: Container, command: list[str], timeout: float | None
    ) -> tuple[int, str]:
        """Run a command next to the container's main process; exit code and output."""
        return await execute(container, command, timeout)

    def event(self, kind: Any, reason: str, message: str, *, field_path: str = "") -> None:
        """Record an Event about this Pod."""
        self.kubelet.events.record(self.obj, kind, reason, message, field_path=field_path)

    def spawn(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `body` for as long as it needs; the kubelet reports what it raises."""
        task = asyncio.get_running_loop().create_task(body)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._broken:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """Handle a bug of the sandbox in this Pod: the Pod fails with a message, and the others
        keep running."""
        self._broken = True
        traceback.print_exception(error)
        sys.stderr.flush()
        self.failure = ("SandboxError", f"the sandbox failed here: {type(error).__name__}: {error}")
        self.event("Warning", "FailedSync", self.failure[1])
        self.task.cancel()
        for container in self.every_container():
            container.crash()
        self._settle()
        self.spawn(self._bury())

    async def _bury(self) -> None:
        """The last steps of `_live`, for an interrupted Pod."""
        await self._stop.wait()
        await self._remove()

    def close_soon(self, descriptors: tuple[int, ...]) -> None:
        """Close this process's copies of the descriptors that were passed on."""
        for descriptor in set(descriptors):
            os.close(descriptor)

    # Status.

    def status(self) -> Obj:
        """The kubelet's part of `status`, as of now."""
        states = [container.state for container in self.containers]
        phase = self.terminal or status.phase(self.spec, states)
        if self.failure is not None:
            phase = "Failed"
        host = self.kubelet.node_address(self.spec["nodeName"])
        found: Obj = {
            "phase": phase,
            "conditions": status.conditions(
                self.obj,
                states,
                phase,
                has_network=bool(self.address) and self.terminal is None,
                now=self.kubelet.clock.stamp(),
                held=self.held,
            ),
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "startTime": self.started_at,
            "containerStatuses": [
                status.container_status(state) for state in states if state.role == "main"
            ],
            "qosClass": status.qos_class(self.spec),
        }
        generation = self.obj["metadata"].get("generation")
        if generation is not None:
            found["observedGeneration"] = generation
        init = [status.container_status(state) for state in states if state.role != "main"]
        if init:
            found["initContainerStatuses"] = init
        if self.ephemeral.containers:
            found["ephemeralContainerStatuses"] = self.ephemeral.statuses()
        if self.address:
            found["podIP"] = self.address
            found["podIPs"] = [{"ip": self.address}]
        if self.failure is not None:
            found["reason"], found["message"] = self.failure
        if self.refused is not None:  # no container was ever made
            del found["containerStatuses"]
            found.pop("initContainerStatuses", None)
        return found
