"""Choosing victims: match, then filter, then choose. Pure: Each function takes Pods and returns
Pods.

Pods are chosen without replacement and in a stable order; the only randomness is the given stream.
Choosing nobody is an error that says which Pods exist instead, never an empty list: an action on
nobody proves nothing (kube-monkey, krkn and chaoskube have each passed tests that way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from resilience.actions.selection.choice import PodChoice
from resilience.actions.selection.eligible import Eligible
from resilience.actions.selection.opt_in import ENABLED
from resilience.cluster.interface import Object
from resilience.kube import objects, readiness
from resilience.kube.clock import of_stamp
from resilience.model.nearest import asked, did_you_mean
from resilience.model.words import many
from resilience.verbs.context import ActionFailed, NothingToDo

Pods = list[Object]

MOST_LABELS = 8
"""Labels listed in one message."""

_GENERATED = (
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
)


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
    workloads: Mapping[str, str] = field(default_factory=dict)
    """The name of each Pod's workload in `struck`, by the Pod's uid."""

    @property
    def place(self) -> str:
        """For messages."""
        if not self.namespaces:
            return f"namespace {self.namespace}"
        shown = ", ".join(self.namespaces[:5]) + (", ..." if len(self.namespaces) > 5 else "")
        return f"namespace{'s' * (len(self.namespaces) > 1)} {shown}"


def select(pods: Iterable[Object], choice: PodChoice, around: Surroundings, random: Random) -> Pods:
    """The victims, at least one. Raises NothingToDo or ActionFailed, with the reason, if there are
    none."""
    everyone = objects.in_order(pods)
    matched = match(everyone, choice, around)
    if not matched:
        raise NothingToDo(_nobody(everyone, choice, around))
    left, dropped = sift(matched, choice, around, random)
    if not left:
        raise NothingToDo(_all_dropped(matched, dropped, choice, around))
    if around.eligible is None:
        return choose(left, choice, random, around)
    own, others = _on_own_terms(left, around.eligible, random)
    if not others and not own:
        raise NothingToDo(
            "the kill-value of each workload that opted in is less than one Pod"
            f" ({_names(left)}); nothing was harmed"
        )
    return objects.in_order([*own, *(choose(others, choice, random, around) if others else ())])


def _on_own_terms(pods: Pods, eligible: Eligible, random: Random) -> tuple[Pods, Pods]:
    """The victims of workloads that set their own number, and the Pods of all other workloads."""
    groups: dict[str, Pods] = {}
    others: Pods = []
    for pod in pods:
        uid = objects.uid(pod)
        if eligible.terms[uid].mode:
            groups.setdefault(eligible.names[uid], []).append(pod)
        else:
            others.append(pod)
    chosen: Pods = []
    for group in groups.values():
        given = eligible.terms[objects.uid(group[0])]
        chosen += random.sample(group, given.number(len(group), random))
    return chosen, others


def match(pods: Sequence[Object], choice: PodChoice, around: Surroundings) -> Pods:
    """Pods that match the step and have not ended."""
    return [
        pod
        for pod in pods
        if not objects.is_terminating(pod)
        and not objects.is_finished(pod)
        and not objects.is_ours(pod)
        and (choice.pods is None or choice.pods.matches(objects.labels(pod)))
        and choice.name in (None, objects.name(pod))
        and (choice.owner is None or objects.controller_uid(pod) in around.owners)
        and choice.node in (None, objects.node(pod))
        and choice.phase in (None, objects.phase(pod))
    ]


def sift(
    pods: Sequence[Object], choice: PodChoice, around: Surroundings, random: Random
) -> tuple[Pods, dict[str, int]]:
    """The remaining Pods, and how many each filter removed, by its name."""
    dropped: dict[str, int] = {}
    left = list(pods)
    for name, keep in (*_filters(choice, around), *_one_of_each(choice, random, around)):
        kept = keep(left)
        if len(kept) < len(left):
            dropped[name] = len(left) - len(kept)
        left = kept
    return left, dropped


def choose(pods: Sequence[Object], choice: PodChoice, random: Random, around: Surroundings) -> Pods:
    """Exactly as many Pods as requested, sorted by name."""
    wanted = _number(len(pods), choice)
    if wanted > len(pods):
        raise ActionFailed(
            f"count: {choice.count} was requested, but only {len(pods)} "
            f"Pod{'s' * (len(pods) != 1)} can be chosen ({_names(pods)})"
        )
    return _pick(pods, wanted, choice, random, around)


def _pick(
    pods: Sequence[Object], wanted: int, choice: PodChoice, random: Random, around: Surroundings
) -> Pods:
    if choice.order == "fair":
        return objects.in_order(_fair(pods, wanted, random, around))
    if choice.order == "random":
        return objects.in_order(random.sample(list(pods), wanted))
    by_age = sorted(
        pods, key=lambda pod: (_born(pod), objects.name(pod)), reverse=choice.order == "newest"
    )
    return by_age[:wanted]


def _fair(pods: Sequence[Object], wanted: int, random: Random, around: Surroundings) -> Pods:
    """The Pods whose last disruption is longest ago; chance decides among equals."""

    def last(pod: Object) -> tuple[float, float]:
        own = around.struck.get(objects.title(pod), 0.0)
        return own, around.struck.get(around.workloads.get(objects.uid(pod), ""), 0.0)

    edge = sorted(map(last, pods))[wanted - 1]
    before = [pod for pod in pods if last(pod) < edge]
    equal = [pod for pod in pods if last(pod) == edge]
    return [*before, *random.sample(equal, wanted - len(before))]


def _number(there: int, choice: PodChoice) -> int:
    if choice.share is not None:
        wanted = choice.share.of(there)
        asked = f"share: {choice.share} of {there} Pod{'s' * (there != 1)}"
    elif isinstance(choice.count, int):
        return choice.count
    else:
        wanted = {
            "all": there,
            "minority": (there - 1) // 2,
            "majority": there // 2 + 1,
        }.get(choice.count or "one", 1)
        asked = f"count: {choice.count} of {there} Pod{'s' * (there != 1)}"
    if not wanted:
        raise NothingToDo(f"{asked} is 0, rounded down; to take one, write `count: 1`")
    return wanted


_Filter = tuple[str, Callable[[Pods], Pods]]


def _filters(choice: PodChoice, around: Surroundings) -> Iterable[_Filter]:
    """The filters, in order; their names appear in error messages."""
    yield (
        "the Pod that runs this test",
        lambda pods: [
            pod for pod in pods if (objects.namespace(pod), objects.name(pod)) != around.own
        ],
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
            lambda pods: [pod for pod in pods if _born(pod) <= youngest],
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


def _opted_in(eligible: Eligible) -> Iterable[_Filter]:
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


def _one_of_each(choice: PodChoice, random: Random, around: Surroundings) -> Iterable[_Filter]:
    """One Pod of each owner or node, by `order`; a fixed choice would always spare the others."""
    if choice.one_per is None:
        return
    key = objects.controller_uid if choice.one_per == "owner" else objects.node

    def keep(pods: Pods) -> Pods:
        groups: dict[str, Pods] = {}
        for pod in pods:
            groups.setdefault(key(pod), []).append(pod)
        return objects.in_order(
            _pick(group, 1, choice, random, around)[0] for group in groups.values()
        )

    yield f"one_per: {choice.one_per}", keep


def _born(pod: Object) -> float:
    return of_stamp(str(objects.metadata(pod).get("creationTimestamp") or ""))


def _nobody(pods: Sequence[Object], choice: PodChoice, around: Surroundings) -> str:
    dying = sum(1 for pod in pods if objects.is_terminating(pod))
    are = "there is" if len(pods) == 1 else "there are"
    there = f"{are} {many(len(pods), 'Pod')} ({_names(pods)})" if pods else f"{are} no Pods at all"
    if dying:
        there += f", {dying} of them terminating"
    shown, meant = _labels(pods, choice)
    return (
        f"no living Pod in {around.place}{_matching(choice)}; {there}{shown}; nothing was harmed"
        f"{meant}"
    )


def _matching(choice: PodChoice, verb: str = "matches") -> str:
    return f" {verb} {choice.which}" if choice.which else ""


def _labels(pods: Sequence[Object], choice: PodChoice) -> tuple[str, str]:
    """The labels that exist instead, and the one that was probably meant."""
    if choice.pods is None:
        return "", ""
    found = {
        f"{key}={value}"
        for pod in pods
        for key, value in objects.labels(pod).items()
        if key not in _GENERATED
    }
    if not found:
        return "", ""
    listed = sorted(found)
    shown = ", ".join(listed[:MOST_LABELS]) + (", ..." if len(listed) > MOST_LABELS else "")
    by_value = [each for each in listed if each.partition("=")[2] == str(choice.pods)]
    meant = asked(by_value[:1]) or did_you_mean(str(choice.pods), listed)
    return f"; their labels: {shown}", meant


def _all_dropped(
    matched: Sequence[Object], dropped: Mapping[str, int], choice: PodChoice, around: Surroundings
) -> str:
    reasons = ", ".join(f"{count} by {name}" for name, count in dropped.items())
    verb = "matches" if len(matched) == 1 else "match"
    return (
        f"{many(len(matched), 'Pod')} in {around.place}"
        f"{_matching(choice, verb)} ({_names(matched)}), but none is left after filtering:"
        f" {reasons}. "
        f"Nothing was harmed"
    )


def _names(pods: Sequence[Object]) -> str:
    names = [objects.name(pod) for pod in pods[:5]]
    return ", ".join(names) + (", ..." if len(pods) > 5 else "")
