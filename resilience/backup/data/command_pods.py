"""Which Pods a plan's commands run in: those that match the selector and are alive, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BadRequest
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects
from resilience.kube.objects import is_finished, is_terminating
from resilience.kube.readiness import serves
from resilience.kube.selectors import Selector

READY_WITHIN = 120.0
"""Seconds that a command waits for a Pod to be ready."""

_PAUSE = 0.5
_OURS = "app.kubernetes.io/managed-by"


def living(cluster: Cluster, namespace: str, selector: Selector | None = None) -> list[Object]:
    """All matching running Pods; never a helper of this project."""
    return sorted(
        (
            pod
            for pod in cluster.list(PODS, namespace, labels=str(selector or ""))
            if (pod.get("status") or {}).get("phase") == "Running"
            and not is_terminating(pod)
            and not is_finished(pod)
            and (pod["metadata"].get("labels") or {}).get(_OURS) != "pytest-resilience"
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
