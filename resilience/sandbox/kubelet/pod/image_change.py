"""The image of a running Pod's container is the one field of it, besides its resources, that may be
changed: the container is restarted, under any restart policy.

Source: computePodActions and containerChanged in pkg/kubelet/kuberuntime/kuberuntime_manager.go. An
init container that has ended is not run again.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod.container import Container


def take(container: Container, pod: Obj) -> None:
    """Take over the image of `container` from the Pod's object."""
    state = container.state
    every = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    image = next((c["image"] for c in every if c["name"] == state.name), state.spec["image"])
    if image != state.spec["image"] and not state.finished:
        container.change_image(image)
