"""The unschedulable text, as `kubectl describe pod` prints it.

Source: framework.FitError.Error and preemption's messages. Reasons are counted over nodes and
sorted as strings, numbers included, which is why "10 ..." stands before "2 ...".
"""

from __future__ import annotations

from collections.abc import Mapping

HOPELESS = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_NODES = "no nodes available to schedule pods"


def histogram(counts: Mapping[str, int]) -> str:
    """ "1 reason, 2 other reason"."""
    return ", ".join(sorted(f"{number} {reason}" for reason, number in counts.items() if number))


def unschedulable(nodes: int, reasons: Mapping[str, int], hopeless: int) -> str:
    """The whole message; `hopeless` is the number of nodes on which preemption would not help."""
    if not nodes:
        return NO_NODES
    head = f"0/{nodes} nodes are available"
    second = histogram({HOPELESS: hopeless, NO_VICTIMS: nodes - hopeless})
    return (
        f"{head}: {histogram(reasons)}. no new claims to deallocate, preemption: {head}: {second}."
    )


def with_victims(text: str) -> str:
    """The message of a Pod for which others are displaced: its second half has nothing to say."""
    return text.partition(" no new claims to deallocate")[0]


def refused_outright(nodes: int, reason: str) -> str:
    """When a Pod is refused before any node is looked at (a missing claim, for instance)."""
    head = f"0/{nodes} nodes are available"
    tail = f"preemption: {head}: {nodes} {HOPELESS}."
    return f"{head}: {reason}. no new claims to deallocate, {tail}"
