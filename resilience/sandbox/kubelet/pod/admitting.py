"""What a kubelet refuses although its node was chosen: host ports that another Pod has.

The scheduler never chooses such a node; but a Pod that sets its node itself bypasses the scheduler.
Source: pkg/kubelet/lifecycle/predicate.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from resilience.sandbox.scheduler.demand import meet, ports_of
from resilience.sandbox.scheduler.node_filters import PORTS

Spec = dict[str, Any]


def refusal(spec: Spec, others: Iterable[Spec]) -> tuple[str, str] | None:
    """Reason and message of a Pod that fails at once; `others` have not ended on its node."""
    wanted = ports_of(spec)
    if not wanted:
        return None
    used = {port for other in others for port in ports_of(other)}
    if not any(meet(one, two) for one in wanted for two in used):
        return None
    return "NodePorts", f"Pod was rejected: Predicate NodePorts failed: {PORTS}"
