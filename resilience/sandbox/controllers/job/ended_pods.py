"""How ended Pods of a Job count (rules 3.5). Pure.

A deleted or evicted Pod counts as failed as soon as it is terminating, unless the Job replaces
failed Pods only or has a podFailurePolicy. Source: pkg/controller/job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition, is_deleting, key_of
from resilience.sandbox.kube.pod_facts import phase_of


class Outcome(Enum):
    """How a Pod counts."""

    RUNNING = "running"
    TERMINATING = "terminating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Action(Enum):
    """The action of a podFailurePolicy rule; COUNT is also the answer without a rule."""

    FAIL_JOB = "FailJob"
    FAIL_INDEX = "FailIndex"
    IGNORE = "Ignore"
    COUNT = "Count"


@dataclass(frozen=True, slots=True)
class Match:
    """The first rule that matches a failed Pod, with the message for FailJob."""

    action: Action
    message: str = ""


def replaces_failed_only(job: Obj) -> bool:
    """Whether a Pod has to end before it counts."""
    spec = job["spec"]
    return bool(spec.get("podReplacementPolicy") == "Failed" or spec.get("podFailurePolicy"))


def outcome(job: Obj, pod: Obj) -> Outcome:
    """How a Pod counts now."""
    phase = phase_of(pod)
    if phase == "Succeeded":
        return Outcome.SUCCEEDED
    if phase == "Failed":
        return Outcome.FAILED
    if not is_deleting(pod):
        return Outcome.RUNNING
    return Outcome.TERMINATING if replaces_failed_only(job) else Outcome.FAILED


def judge(job: Obj, pod: Obj) -> Match:
    """The podFailurePolicy's decision on a failed Pod."""
    policy = job["spec"].get("podFailurePolicy") or {}
    for index, rule in enumerate(policy.get("rules") or ()):
        why = _exit_code(rule.get("onExitCodes"), pod) or _conditions(
            rule.get("onPodConditions"), pod
        )
        if why:
            action = Action(rule["action"])
            namespace, name = key_of(pod)
            text = why.format(pod=f"{namespace}/{name}")
            return Match(action, f"{text} matching {action.value} rule at index {index}")
    return Match(Action.COUNT)


def _exit_code(rule: Mapping[str, Any] | None, pod: Obj) -> str:
    if rule is None:
        return ""
    for status in _statuses(pod):
        ended = (status.get("state") or {}).get("terminated")
        if ended is None or ended["exitCode"] == 0:
            continue
        if rule.get("containerName") not in (None, status["name"]):
            continue
        inside = ended["exitCode"] in rule["values"]
        if inside == (rule["operator"] == "In"):
            return f"Container {status['name']} for pod {{pod}} failed with exit code " + str(
                ended["exitCode"]
            )
    return ""


def _conditions(rules: Sequence[Mapping[str, Any]] | None, pod: Obj) -> str:
    for rule in rules or ():
        found = condition(pod, rule["type"])
        if found is not None and found["status"] == rule.get("status", "True"):
            return f"Pod {{pod}} has condition {rule['type']}"
    return ""


def _statuses(pod: Obj) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]


def restarts(pods: Sequence[Obj]) -> int:
    """Restarts of running Pods, which restartPolicy OnFailure counts against the limit."""
    return sum(
        status.get("restartCount", 0)
        for pod in pods
        if phase_of(pod) in ("Running", "Pending")
        for status in _statuses(pod)
    )
