"""The means of a cluster: capabilities that are chosen when it is opened.

Verbs and checks ask for a capability; none of them asks which kind of cluster it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience.cluster.capabilities.machines import Machines, SandboxMachines
from resilience.cluster.capabilities.processes import Processes, SandboxProcesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What may be done to a cluster beside its API. By default: nothing, as on a real cluster
    without a target.

    `machines` stops nodes, `processes` ends those of containers. `privileged` allows Pods that
    reach into a node. `helper_image` is what helper Pods run from there; "" for the default.
    `loopback`: addresses of Services are loopback addresses of this machine. `registry`: images
    are pulled, so that one that is missing may still come.
    """

    machines: Machines | None = None
    processes: Processes | None = None
    privileged: bool = False
    helper_image: str = ""
    loopback: bool = False
    registry: bool = True


SANDBOX = Means(
    machines=SandboxMachines(), processes=SandboxProcesses(), loopback=True, registry=False
)
"""The embedded cluster's own."""
