"""Whether a Pod that does not start can start by itself, and if not, what to do. Pure.

There are three classes, by who could still change something:

- No one: the object itself is wrong (an image name, a Pod that its namespace's PodSecurity or quota
  does not admit). Final at once.
- Someone else, by creating the missing object (an image, a Secret, a key, a ServiceAccount, a node
that
  fits). Often an operator does so a moment later: so it is final after `OTHERS` seconds in that
  state, which is also when the kubelet has pulled twice.
- The cluster itself: a registry that timed out, a crash loop, a quota or node that is full, a node
  that is not ready, a volume that is being provisioned. This is never final.

Unknown states count as the third. Texts are those of the kubelet (pkg/kubelet/images, kuberuntime),
the scheduler (framework.FitError), and the admission plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.kube import objects, readiness
from resilience.kube.image_pulls import may_pass
from resilience.kube.objects import Object
from resilience.model.quantity import parse_quantity

AT_ONCE = 0.0
OTHERS = 10.0
"""Seconds in which someone else may create the missing object."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """`kind` stays equal as long as the same thing is missing; the state is final after it has
    lasted `after` seconds. `remedy` says what to do."""

    kind: str
    after: float
    remedy: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """The `reason` of a waiting container, and a pattern for its message ("" matches anything)."""

    reason: str
    message: str
    stuck: Stuck


IMAGE = "image"
_IMAGE = Stuck(
    IMAGE, OTHERS,
    "push the image, correct its name, or give the Pod an imagePullSecret that may read it",
)  # fmt: skip
_UNMAPPED = Stuck(IMAGE, OTHERS, "correct the image's name, or map it")
_SECRET = Stuck("configuration", OTHERS, "create it, or correct its name or key in the Pod")
_ROOT = Stuck("root", AT_ONCE, "set runAsUser in the Pod, or use an image with another user")
_COMMAND = Stuck("command", OTHERS, "correct `command`, or use an image that has the program")

_DENIED = (
    r"not found|manifest unknown|does not exist|unauthorized|authentication required"
    r"|access denied|denied:|forbidden|no basic auth|no match for platform"
)

_WAITING = (
    _Rule("InvalidImageName", "", Stuck("name", AT_ONCE, "correct the image's name")),
    _Rule("ErrImageNeverPull", "", Stuck(
        "never", AT_ONCE, "load the image onto the node, or change imagePullPolicy: Never")),
    _Rule("CreateContainerConfigError", r"runAsNonRoot|non-root policy", _ROOT),
    _Rule("CreateContainerConfigError", r"not found|couldn't find key", _SECRET),
    _Rule("CrashLoopBackOff|RunContainerError|CreateContainerError",
          r"executable file not found|no such file or directory|exec format error", _COMMAND),
)  # fmt: skip

_PLACED = Stuck(
    "volume's node", OTHERS, "its volume is bound to a node that does not accept the Pod"
)
_NODES = (
    (r"node affinity/selector", "correct nodeSelector or nodeAffinity"),
    (r"untolerated taint", "add a toleration"),
    (r"Insufficient |Too many pods", "request less in the Pod"),
    (r"free ports", "choose another hostPort"),
    (r"topology spread", "correct topologySpreadConstraints"),
    (r"pod affinity rules", "correct podAffinity"),
    (r"anti-affinity", "correct podAntiAffinity"),
)
"""Remedies in the Pod, by the scheduler's reasons against nodes."""
_CLAIM = Stuck("claim", OTHERS, "create the PersistentVolumeClaim, or correct its name")
_PASSING_ON_NODES = re.compile(
    r"were unschedulable|node\.kubernetes\.io/|untolerated taint\(s\)|unbound immediate"
)
_UNHELPFUL = re.compile(r"preemption: 0/(\d+) nodes are available: (\d+) Preemption is not helpful")

_CREATION = (
    (r"must specify ", Stuck(
        "quota", AT_ONCE, "set requests and limits in the Pod, or add a LimitRange")),
    (r"(maximum|minimum) \S+ usage per |\S+ max limit to request ratio per ", Stuck(
        "limit range", AT_ONCE, "change requests and limits in the Pod, or the LimitRange")),
    (r"violates PodSecurity", Stuck(
        "security", AT_ONCE, "change the Pod's securityContext, or the namespace's label")),
    (r"(is|are) invalid: ", Stuck("invalid", AT_ONCE, "correct the Pod's template")),
    (r"serviceaccount .*not found", Stuck(
        "account", OTHERS, "create the ServiceAccount, or correct its name")),
    (r"no (PriorityClass|RuntimeClass)|(priorityclass|runtimeclass).*not found", Stuck(
        "class", OTHERS, "create that class, or correct its name")),
    (r"denied the request", Stuck("webhook", OTHERS, "change what the webhook does not admit")),
)  # fmt: skip

_QUANTITIES = re.compile(r"requested: (.*?), used: (.*?), limited: (.*)$")


def of_pod(pod: Object, before: Stuck | None = None) -> Stuck | None:
    """Why the Pod cannot start; None if it may. `before` is the last result: the message of a
    back-off may lack the reason."""
    for reason, message in _reasons(pod):
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            return _of_pull(message, before)
        for rule in _WAITING:
            if re.fullmatch(rule.reason, reason) and re.search(rule.message, message):
                return rule.stuck
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return of_scheduling(str(scheduled.get("message") or ""))
    return None


def _of_pull(message: str, before: Stuck | None) -> Stuck | None:
    if "the sandbox has " in message:  # the sandbox pulls nothing, so pushing an image cannot help
        return _UNMAPPED
    if may_pass(message):
        return None
    if re.search(_DENIED, message, re.IGNORECASE):
        return _IMAGE
    return before if before in (_IMAGE, _UNMAPPED) else None


def of_scheduling(message: str) -> Stuck | None:
    """Judge by the scheduler's message: no node fits, and removing Pods would not help."""
    if re.search(r'persistentvolumeclaim "[^"]*" not found', message):
        return _CLAIM
    found = _UNHELPFUL.search(message)
    if not found or found[1] != found[2] or _PASSING_ON_NODES.search(message):
        return None
    if re.search(r"volume node affinity|PersistentVolume's", message):
        return _PLACED
    reasons = message.partition(" no new claims to deallocate")[0].partition(" preemption:")[0]
    changes = [change for reason, change in _NODES if re.search(reason, reasons)]
    first = f"{', '.join(changes)}, or " if changes else ""
    return Stuck("node", OTHERS, f"{first}add a node that fits")


def of_creation(message: str) -> Stuck | None:
    """Why a controller's Pod is not admitted; None if it may be admitted later."""
    if over := _too_large(message):
        return over
    return next((stuck for text, stuck in _CREATION if re.search(text, message, re.I)), None)


def _too_large(message: str) -> Stuck | None:
    """A quota that even an empty namespace would be too small for."""
    found = _QUANTITIES.search(message)
    if not found:
        return None
    requested, _, limited = (_amounts(each) for each in found.groups())
    if any(parse_quantity(value) > parse_quantity(limited[name])
           for name, value in requested.items() if name in limited):  # fmt: skip
        return Stuck("quota", AT_ONCE, "request less in the Pod, or raise the quota")
    return None


def _amounts(text: str) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs if value}


def in_the_way(statefulset: Object, pods: Iterable[Object]) -> list[Object]:
    """Pods that have the name of one that the StatefulSet wants, and are not its own: it creates
    no other Pod for that ordinal, and writes no Event about it."""
    first = objects.first_ordinal(statefulset)
    wanted = range(first, first + (readiness.wanted(statefulset) or 0))
    names = {f"{objects.name(statefulset)}-{ordinal}" for ordinal in wanted}
    return [
        pod
        for pod in pods
        if objects.name(pod) in names
        and objects.controller_uid(pod) != objects.uid(statefulset)
        and not objects.is_terminating(pod)
    ]


def of_name(statefulset: Object, pod: Object, *, kept: bool) -> Stuck:
    """A StatefulSet's Pod that cannot exist yet. `kept`: this run took the labels of `pod`."""
    title, owner = objects.title(pod), f"statefulset/{objects.name(statefulset)}"
    other = f"{owner} creates no other Pod of that name"
    if kept:
        return Stuck(
            "name", AT_ONCE,
            f"{title} is quarantined and keeps its name until the undo, and {other}: use `kill` to"
            " see it replaced, or judge what is left with a probe",
        )  # fmt: skip
    return Stuck(
        "name", OTHERS,
        f"{title} exists without belonging to {owner}, and {other}: delete it, or give it the"
        " set's labels",
    )  # fmt: skip


_COUNTED = ("BackoffLimitExceeded", "FailedIndexes", "MaxFailedIndexesExceeded")
"""Reasons of a Job's end to which each lost Pod adds."""


def of_job(workload: Object) -> Stuck | None:
    """A Job that has failed starts no Pod any more."""
    why = readiness.why_failed(workload) if workload.get("kind") == "Job" else ""
    if not why:
        return None
    text = f"job/{objects.name(workload)} has failed for good: {why}"
    reasons = {objects.condition(workload, kind).get("reason") for kind in readiness.FAILED}
    if reasons.intersection(_COUNTED):
        text += (
            "; each lost Pod counts as a failure unless a podFailurePolicy ignores the condition"
            " DisruptionTarget, which evictions and drains set, and `kill` does not"
        )
    return Stuck("failed", AT_ONCE, text)


def of_mount(message: str) -> Stuck | None:
    """A FailedMount Event: a Secret or ConfigMap that a volume names is missing."""
    missing = re.search(r"(secret|configmap) \"[^\"]*\" not found|references non-existent", message)
    return _SECRET if missing else None


def _reasons(pod: Object) -> Iterator[tuple[str, str]]:
    """(reason, message) of each container that waits; a crash's own message behind the back-off's.
    Init containers come first."""
    status = pod.get("status") or {}
    for field in ("initContainerStatuses", "containerStatuses"):
        listed: Sequence[Mapping[str, Any]] = status.get(field) or ()
        for container in listed:
            waiting = (container.get("state") or {}).get("waiting") or {}
            ended = (container.get("lastState") or {}).get("terminated") or {}
            texts = (waiting.get("message"), ended.get("message"))
            if waiting.get("reason"):
                yield str(waiting["reason"]), " ".join(str(each) for each in texts if each)
