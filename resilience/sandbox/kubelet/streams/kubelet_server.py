"""The kubelet's answers on its socket: logs, exec, attach, port-forward, and faults.

Paths are those of the API server, which passes requests on unchanged after it has checked them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.httpd import KubeletRequest
from resilience.sandbox.kubelet.streams import forwarding, log_api, pod_faults, remote
from resilience.sandbox.kubelet.streams.pod_lookup import choose, find_pod

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

    async def handle(self, request: KubeletRequest) -> None:
        """Answer one request; ApiError for refusals."""
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
