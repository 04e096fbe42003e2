"""A Pod that is killed before it can finish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping, texts, whole

_SLEEP = re.compile(r"\bsleep\s+(\d+)\b")


def find(inventory: Inventory) -> Iterator[Hit]:
    """Grace periods of zero, or ones that the preStop hook uses up."""
    for workload in inventory.lasting:
        grace = whole(workload.spec.get("terminationGracePeriodSeconds"), 30)
        slept = max((_slept(each) for each in workload.containers), default=0)
        if grace == 0:
            yield Hit(workload.object, "terminationGracePeriodSeconds: 0 kills without SIGTERM")
        elif slept >= grace:
            yield Hit(workload.object, f"preStop sleeps {slept} s of a grace period of {grace} s")


def _slept(container: Mapping[str, Any]) -> int:
    hook = mapping(container, "lifecycle", "preStop")
    seconds = mapping(hook, "sleep").get("seconds")
    if isinstance(seconds, int):
        return seconds
    command = " ".join(texts(mapping(hook, "exec").get("command")))
    return sum(int(each) for each in _SLEEP.findall(command))


RULE = Rule(
    id="grace-too-short",
    level=Level.WARNING,
    title="a Pod that is killed before it can finish",
    reason=(
        "The grace period covers the preStop hook and the end of the process together. When it is"
        " used up, requests and writes in progress are lost."
    ),
    remedy="Make terminationGracePeriodSeconds longer than the hook and the longest request.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    source="pkg/kubelet/kuberuntime/kuberuntime_container.go",
    find=find,
    prove=restart,
)
