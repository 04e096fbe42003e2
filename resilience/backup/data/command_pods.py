"""Which Pods a plan's commands run in: those that match the selector and are alive, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BackupError, BadRequest
from resilience.cluster.errors import ApiError
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects
from resilience.kube.objects import is_finished, is_terminating
from resilience.kube.readiness import serves
from resilience.kube.selectors import Selector

READY_WITHIN = 120.0
"""Seconds that a command waits for a Pod to be ready."""

TRIES = 3
"""How often a command is started at most, if its Pods leave."""

_PAUSE = 0.5


def living(cluster: Cluster, namespace: str, selector: Selector | None = None) -> list[Object]:
    """All matching running Pods; never a helper of this project."""
    return sorted(
        (
            pod
            for pod in cluster.list(PODS, namespace, labels=str(selector or ""))
            if (pod.get("status") or {}).get("phase") == "Running"
            and not is_terminating(pod)
            and not is_finished(pod)
            and not objects.is_ours(pod)
        ),
        key=lambda pod: str(pod["metadata"]["name"]),
    )


def serving(cluster: Cluster, namespace: str, selector: Selector) -> Object | None:
    """The first ready Pod; None if there is none."""
    return next((pod for pod in living(cluster, namespace, selector) if serves(pod)), None)


def ready_in(
    cluster: Cluster, namespaces: Sequence[str], selector: Selector, clock: Clock
) -> tuple[Mapping[str, Object], Sequence[str]]:
    """(the first ready Pod of each namespace that has one, namespaces whose Pods did not become
    ready in time). A Pod that starts or is being replaced is waited for: without that, its
    namespace would be missing from a snapshot of several."""
    until = clock.monotonic() + READY_WITHIN
    while True:
        found = {each: pod for each in namespaces if (pod := serving(cluster, each, selector))}
        late = [
            each for each in namespaces if each not in found and has_any(cluster, each, selector)
        ]
        if not late or clock.monotonic() >= until:
            return found, late
        clock.wait(_PAUSE)


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPod:
    """The Pod of a namespace in which a command runs: the first ready one.

    A Pod may leave (an eviction, a rollout) before the command has ended, or before it began. That
    says nothing about the application, so the command runs again in the Pod that is ready next.
    """

    cluster: Cluster
    clock: Clock
    namespace: str
    selector: Selector
    within: float = READY_WITHIN

    def run(self, command: Callable[[Object], T], not_ready: Callable[[str], BackupError]) -> T:
        """The result of `command` with the Pod. `not_ready` makes the error of a namespace without
        a ready Pod."""
        for _ in range(TRIES - 1):
            pod = self._awaited(not_ready)
            try:
                return command(pod)
            except (ApiError, BackupError):
                if not self._has_left(pod):
                    raise
        return command(self._awaited(not_ready))

    def _awaited(self, not_ready: Callable[[str], BackupError]) -> Object:
        until = self.clock.monotonic() + self.within
        while not (pod := serving(self.cluster, self.namespace, self.selector)):
            if self.clock.monotonic() >= until:
                raise not_ready(f"no Pod {self.selector} is ready in {self.namespace} after "
                                f"{self.within:.0f}s")  # fmt: skip
            self.clock.wait(_PAUSE)
        return pod

    def _has_left(self, pod: Object) -> bool:
        uid = objects.uid(pod)
        now = self.cluster.list(PODS, self.namespace, labels=str(self.selector))
        return not any(objects.uid(each) == uid and serves(each) for each in now)


def has_any(cluster: Cluster, namespace: str, selector: Selector) -> bool:
    """Whether a Pod matches that has not finished, be it in whatever state."""
    pods = cluster.list(PODS, namespace, labels=str(selector))
    return any(not is_finished(pod) and not objects.is_ours(pod) for pod in pods)


def container(pod: Object, wanted: str, whose: str) -> str:
    """The named container, or by default the first one; `BadRequest` lists the containers."""
    names = [str(each["name"]) for each in objects.lasting_containers(pod)]
    if wanted and wanted not in names:
        metadata = pod["metadata"]
        raise BadRequest(
            f"{whose}: Pod {metadata['namespace']}/{metadata['name']} has no container {wanted!r}; "
            f"there are {', '.join(names)}"
        )
    return wanted or str(pod["spec"]["containers"][0]["name"])
