"""The filters between the Pods that match a step and those that may be its victims. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience.actions.selection.choice import PodChoice
from resilience.actions.selection.eligible import Eligible
from resilience.actions.selection.opt_in import ENABLED
from resilience.cluster.interface import Object
from resilience.kube import objects, readiness
from resilience.kube.clock import of_stamp

Pods = list[Object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the filters need in addition to the Pods. `wall` is the API server's time; `owners` are
    uids of the workload that `owner:` names and of its ReplicaSets; `own` is (namespace, name) of
    this process's Pod; `kinds` is the kind of each Pod's workload in lower case, by the Pod's
    uid."""

    namespace: str
    wall: float
    owners: frozenset[str] = frozenset()
    own: tuple[str, str] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    namespaces: Sequence[str] = ()
    """The namespaces chosen by label."""
    eligible: Eligible | None = None
    """The workloads that opted in; None if the step does not require it."""
    struck: Mapping[str, float] = field(default_factory=dict)
    """When earlier reports show a Pod (`shop/web-0`) or a workload (`shop/deployment/web`) struck,
    in epoch seconds."""
    mirrors: bool = False
    """Whether the action reaches the containers of static Pods."""
    workloads: Mapping[str, str] = field(default_factory=dict)
    """The name of each Pod's workload in `struck`, by the Pod's uid."""

    @property
    def place(self) -> str:
        """For messages."""
        if not self.namespaces:
            return f"namespace {self.namespace}"
        shown = ", ".join(self.namespaces[:5]) + (", ..." if len(self.namespaces) > 5 else "")
        return f"namespace{'s' * (len(self.namespaces) > 1)} {shown}"


Filter = tuple[str, Callable[[Pods], Pods]]


def filters(choice: PodChoice, around: Surroundings) -> Iterable[Filter]:
    """The filters, in order; their names appear in error messages."""
    yield (
        "the Pod that runs this test",
        lambda pods: [
            pod for pod in pods if (objects.namespace(pod), objects.name(pod)) != around.own
        ],
    )
    if not around.mirrors:
        yield (
            "mirrors of static Pods, which only their node's kubelet ends (use `crash`)",
            lambda pods: [pod for pod in pods if not objects.is_mirror(pod)],
        )
    if choice.kinds:
        yield (
            f"kinds: {', '.join(choice.kinds)} (they are of {_kinds_of(around)})",
            lambda pods: [pod for pod in pods if _of_kinds(pod, choice, around)],
        )
    if choice.annotations is not None:
        wanted = choice.annotations
        yield (
            f"annotations: {wanted}",
            lambda pods: [pod for pod in pods if wanted.matches(_annotations(pod))],
        )
    if around.eligible is not None:
        yield from _opted_in(around.eligible)
    if choice.exclude is not None:
        excluded = choice.exclude
        yield (
            f"exclude: {excluded}",
            lambda pods: [pod for pod in pods if not excluded.matches(objects.labels(pod))],
        )
    if choice.ready is not None:
        yield (
            f"ready: {str(choice.ready).lower()}",
            lambda pods: [pod for pod in pods if readiness.is_ready(pod) is choice.ready],
        )
    if choice.min_age is not None:
        youngest = around.wall - choice.min_age.seconds
        yield (
            f"min_age: {choice.min_age}",
            lambda pods: [pod for pod in pods if born(pod) <= youngest],
        )
    if not choice.bare:
        yield (
            "bare Pods, which no controller recreates (set `bare: true`)",
            lambda pods: [pod for pod in pods if objects.controller(pod) is not None],
        )


def _of_kinds(pod: Object, choice: PodChoice, around: Surroundings) -> bool:
    """Pods of one of the listed kinds, if any are listed, and of none of the excluded kinds."""
    kind = around.kinds.get(objects.uid(pod), "")
    named = [each for each in choice.kinds if not each.startswith("!")]
    return f"!{kind}" not in choice.kinds and (not named or kind in named)


def _opted_in(eligible: Eligible) -> Iterable[Filter]:
    yield (
        f'opted_in: true (the label {ENABLED}: "true", or as for kube-monkey or chaoskube)',
        lambda pods: [pod for pod in pods if objects.uid(pod) in eligible.terms],
    )
    yield (
        f"mtbf: not due on {eligible.day}",
        lambda pods: [pod for pod in pods if objects.uid(pod) in eligible.due],
    )


def _kinds_of(around: Surroundings) -> str:
    return ", ".join(sorted(set(around.kinds.values()))) or "no workload"


def _annotations(pod: Object) -> Mapping[str, str]:
    return objects.metadata(pod).get("annotations") or {}


def born(pod: Object) -> float:
    return of_stamp(str(objects.metadata(pod).get("creationTimestamp") or ""))
