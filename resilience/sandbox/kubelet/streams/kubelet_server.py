"""What the kubelet answers on its socket: logs, exec, attach, port-forward, and faults.

Paths are those of the API server, which passes requests on unchanged after it has checked them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.httpd import Request
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.streams import forwarding, log_api, pod_faults, remote

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.node.kubelet import Kubelet

_POD = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/(log|exec|attach|portforward)")
_FAULT = "/sandbox/v1/faults/"
_HELD = "/sandbox/v1/held"
"""What the kubelet holds for Pods: nothing of it may stay when they are gone."""


class KubeletServer:
    """Routes requests."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet

    async def handle(self, request: Request) -> None:
        """Answer one request; ApiError for what is refused."""
        if request.path.startswith(_FAULT):
            pod_faults.handle(self._kubelet, request, request.path.removeprefix(_FAULT))
            return
        if request.path == _HELD:
            held = {"addresses": self._kubelet.addresses.used, "pods": len(self._kubelet.pods)}
            request.answer(200, held)
            return
        match = _POD.fullmatch(request.path)
        if match is None:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        pod = find_pod(self._kubelet, match[1], match[2])
        if match[3] == "portforward":
            await forwarding.serve(pod, request)
            return
        container = choose(pod, request.first("container"))
        if match[3] == "log":
            await log_api.serve(container, request)
        elif match[3] == "exec":
            await remote.exec_command(container, request)
        else:
            await remote.attach(container, request)


def find_pod(kubelet: Kubelet, namespace: str, name: str) -> Pod:
    """The Pod of that name as the kubelet runs it: the newest, if an old one still ends."""
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
