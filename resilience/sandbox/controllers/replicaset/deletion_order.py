"""Which Pods a ReplicaSet deletes first when it has too many.

The order is ActivePodsWithRanks of pkg/controller/controller_utils.go: unassigned first, then by
phase, readiness, deletion cost, crowded nodes, short readiness, many restarts, youth. Times are
compared on a log2 scale, so Pods of about the same age are chosen by uid, that is, at random; a
simple "newest first" would be wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cmp_to_key

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of, uid_of
from resilience.sandbox.kube.pod_facts import (
    is_active,
    is_ready,
    node_of,
    phase_of,
    ready_since,
    restarts,
)
from resilience.sandbox.kube.times import parse_or_zero

COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_ORDER: Mapping[str, int] = {"Pending": 0, "Unknown": 1, "Running": 2}


def crowding(related: Iterable[Obj]) -> Counter[str]:
    """Active Pods per node among those of all ReplicaSets with the same owner."""
    return Counter(node_of(pod) for pod in related if is_active(pod))


def rank_for_deletion(pods: Iterable[Obj], crowd: Mapping[str, int], now: float) -> list[Obj]:
    """Pods with the first victim first."""

    def compare(one: Obj, other: Obj) -> int:
        return _compare(one, other, crowd, now)

    return sorted(pods, key=cmp_to_key(compare))


def deletion_cost(pod: Obj) -> int:
    """The annotation's value; 0 when absent or not a plain 32-bit number."""
    text = annotations_of(pod).get(COST, "0")
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isascii() or not digits.isdigit() or (len(digits) > 1 and digits[0] == "0"):
        return 0
    cost = int(text)
    return cost if -(2**31) <= cost < 2**31 else 0


def _compare(one: Obj, other: Obj, crowd: Mapping[str, int], now: float) -> int:
    first, second = _plain_rank(one, crowd), _plain_rank(other, crowd)
    if first != second:
        return -1 if first < second else 1
    if is_ready(one) and is_ready(other):
        ages = _by_age(ready_since(one), ready_since(other), one, other, now)
        if ages:
            return ages
    more = [b - a for a, b in zip(restarts(one), restarts(other), strict=True)]
    for difference in more:
        if difference:
            return difference
    created = [parse_or_zero(pod["metadata"].get("creationTimestamp")) for pod in (one, other)]
    return _by_age(created[0], created[1], one, other, now)


def _plain_rank(pod: Obj, crowd: Mapping[str, int]) -> tuple[int, int, int, int, int]:
    node = node_of(pod)
    return (
        1 if node else 0,
        PHASE_ORDER.get(phase_of(pod), 0),
        1 if is_ready(pod) else 0,
        deletion_cost(pod),
        -crowd.get(node, 0),
    )


def _by_age(first: float, second: float, one: Obj, other: Obj, now: float) -> int:
    """Younger first on a log2 scale; equal buckets by uid; 0 only for equal times."""
    if first == second:
        return 0
    if not first or not second:
        return -1 if not first else 1
    difference = _bucket(now - first) - _bucket(now - second)
    if difference:
        return difference
    return -1 if uid_of(one) < uid_of(other) else 1


def _bucket(seconds: float) -> int:
    return int(math.log2(seconds * 1e9)) if seconds > 0 else -1
