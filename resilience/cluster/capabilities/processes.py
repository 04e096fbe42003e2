"""Ends the processes of a container from outside, as a crash would: the sandbox's kubelet can.

On a real cluster no API does this; a privileged Pod on the node is needed, where the target allows
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from resilience.cluster.requests.request import Request, Sender
from resilience.kube import objects
from resilience.kube.objects import Object

FAULT = "/sandbox/v1/faults/crash"


class Processes(Protocol):
    """Ends processes of Pods."""

    def end(self, via: Sender, pod: Object, container: str) -> None:
        """Send SIGKILL to the processes of one container, or of all containers with ""."""


@dataclass(frozen=True, slots=True)
class SandboxProcesses:
    """Ends processes by the sandbox's own fault."""

    def end(self, via: Sender, pod: Object, container: str) -> None:
        body = {
            "namespace": objects.namespace(pod),
            "pod": objects.name(pod),
            "uid": objects.uid(pod),
            "container": container,
        }
        via.send(Request("POST", FAULT, body=body))
