"""Pods whose image was changed in place: until the kubelet has replaced the container, the old one
is ready, and proves nothing about the change.

A Pod's status does not name the image of a container as the spec does, and `observedGeneration` is
written before the old container is ended (pkg/kubelet/kubelet_pods.go, generateAPIPodStatus). So
the watch decides: a container belongs to the image that the spec named when it was first seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from resilience.cluster.interface import PODS, Object
from resilience.kube import objects
from resilience.verbs.context import CheckContext


def outdated(pods: Iterable[Object], context: CheckContext) -> list[str]:
    """A phrase for each Pod that still runs a container of an older image."""
    listed = list(pods)
    uids = {objects.uid(pod) for pod in listed}
    versions: dict[str, list[Object]] = {}
    for event in context.history(PODS) if uids else ():
        if (uid := objects.uid(event.object)) in uids:
            versions.setdefault(uid, []).append(event.object)
    return [text for pod in listed for text in _older(pod, versions.get(objects.uid(pod), ()))]


def _older(pod: Object, versions: Sequence[Object]) -> Iterator[str]:
    first: dict[str, str] = {}
    for version in versions:
        for _, image, container in _containers(version):
            first.setdefault(container, image)
    for name, image, container in _containers(pod):
        if first.get(container, image) != image:
            yield f"{objects.title(pod)} still runs {name} of {first[container]}, not of {image}"


def _containers(pod: Object) -> Iterator[tuple[str, str, str]]:
    """(name, image, container's id) of each container that has an id, sidecars included."""
    images = {each["name"]: each.get("image", "") for each in objects.lasting_containers(pod)}
    for status in objects.container_statuses(pod):
        container = status.get("containerID")
        if container and status.get("name") in images:
            yield status["name"], images[status["name"]], container
