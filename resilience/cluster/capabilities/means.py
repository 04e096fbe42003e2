"""The means of a cluster: capabilities that are chosen when it is opened.

Verbs and checks ask for a capability; none of them asks which kind of cluster it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience.cluster.capabilities.machines import Machines, SandboxMachines
from resilience.cluster.capabilities.processes import Processes, SandboxProcesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What can be done to a cluster outside of its API. The default is nothing, as on a real
    cluster without a target.

    `machines` stops nodes, `processes` ends those of containers. `privileged` allows Pods with
    access to a node's host, `real_time_prober` probers with a real-time priority. `helper_image` is
    the image of helper Pods; "" for the default. With `loopback`, addresses of Services are
    loopback addresses of this machine. With `registry`, images are pulled, so a missing image may
    become available later.
    """

    machines: Machines | None = None
    processes: Processes | None = None
    privileged: bool = False
    real_time_prober: bool = False
    helper_image: str = ""
    loopback: bool = False
    registry: bool = True


SANDBOX = Means(
    machines=SandboxMachines(), processes=SandboxProcesses(), loopback=True, registry=False
)
"""The capabilities of the embedded cluster."""
