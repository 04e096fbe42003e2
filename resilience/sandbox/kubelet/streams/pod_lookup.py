"""Which Pod and which container a request to the kubelet names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.pod import Pod

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.node.kubelet import Kubelet


def find_pod(kubelet: Kubelet, namespace: str, name: str) -> Pod:
    """The Pod with that name as the kubelet runs it: the newest, if an old one is still ending."""
    found = [p for p in kubelet.pods.values() if (p.namespace, p.name) == (namespace, name)]
    if not found:
        raise ApiError(404, "NotFound", f'pods "{name}" not found')
    return found[-1]


def choose(pod: Pod, name: str) -> Container:
    """The container `name`, the annotated default, or the only one; ApiError 400 otherwise."""
    annotations = pod.obj["metadata"].get("annotations") or {}
    name = name or annotations.get("kubectl.kubernetes.io/default-container", "")
    mains = [c for c in pod.containers if c.state.role == "main"]
    if not name and len(mains) == 1:
        return mains[0]
    found = [c for c in pod.every_container() if c.state.name == name]
    if found:
        return found[0]
    if name:
        raise ApiError(400, "BadRequest", f"container {name} is not valid for pod {pod.name}")
    names = " ".join(c.state.name for c in mains)
    raise ApiError(
        400,
        "BadRequest",
        f"a container name must be specified for pod {pod.name}, choose one of: [{names}]",
    )
