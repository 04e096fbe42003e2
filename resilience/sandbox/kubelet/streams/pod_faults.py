"""Faults of Pods and nodes: a process dies, a Pod freezes, a kubelet stops, a node dies.

Each is what an accident does, not what the API does: nothing is announced, nothing is written.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.base.httpd import KubeletRequest
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.streams.pod_lookup import find_pod

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.node.kubelet import Kubelet

STATES = ("running", "kubelet-stopped", "dead")


def handle(kubelet: Kubelet, request: KubeletRequest, name: str) -> None:
    """Answer `/sandbox/v1/faults/NAME`; ApiError for an invalid request."""
    if request.method == "GET" and name == "node":
        request.answer(200, {"stopped": sorted(kubelet.nodes.stopped)})
        return
    if request.method != "POST":
        raise ApiError(405, "MethodNotAllowed", f"{request.method} is not allowed on this path")
    if name == "node":
        request.answer(200, {"done": [_node(kubelet, request.json())]})
        return
    act = _ACTS.get(name)
    if act is None:
        raise ApiError(404, "NotFound", f"no fault {name!r}; there are {sorted([*_ACTS, 'node'])}")
    request.answer(200, {"done": _pod(kubelet, request.json(), act)})


def _pod(kubelet: Kubelet, body: Obj, act: Callable[[Container], bool]) -> list[str]:
    """Act on one container of a Pod, or on all running ones; returns their names."""
    pod = find_pod(kubelet, _text(body, "namespace"), _text(body, "pod"))
    uid, wanted = body.get("uid"), body.get("container")
    if uid and uid != pod.uid:
        raise ApiError(409, "Conflict", f'pod "{pod.name}" now has the uid {pod.uid}, not {uid}')
    chosen = [c for c in pod.containers if not wanted or c.state.name == wanted]
    done = [container.state.name for container in chosen if act(container)]
    if not done:
        raise ApiError(409, "Conflict", f'pod "{pod.name}" has no such container running')
    return done


def _text(body: Obj, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(400, "BadRequest", f"the body needs {name!r}, a text")
    return value


def _freeze(number: signal.Signals) -> Callable[[Container], bool]:
    def act(container: Container) -> bool:
        if container.launch is None or not container.state.running:
            return False
        container.pod.kubelet.zygote.signal(container.launch.id, number)
        return True

    return act


_ACTS: dict[str, Callable[[Container], bool]] = {
    "crash": Container.crash,
    "freeze": _freeze(signal.SIGSTOP),
    "thaw": _freeze(signal.SIGCONT),
}


def _node(kubelet: Kubelet, body: Obj) -> str:
    name, state = _text(body, "name"), _text(body, "state")
    if name not in kubelet.nodes:
        raise ApiError(404, "NotFound", f'nodes "{name}" not found')
    if state not in STATES:
        raise ApiError(400, "BadRequest", f"state {state!r} is none of {', '.join(STATES)}")
    if state == "running":
        kubelet.start_node(name)
    else:
        kubelet.stop_node(name, dead=state == "dead")
    return name
