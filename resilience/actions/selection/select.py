"""Choosing victims: match, then filter, then choose. Pure: Each function takes Pods and returns
Pods.

Pods are chosen without replacement and in a stable order; the only randomness is the given stream.
Choosing nobody is an error that says which Pods exist instead, never an empty list: an action on
nobody proves nothing (kube-monkey, krkn and chaoskube have each passed tests that way).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from resilience.actions.selection.choice import PodChoice
from resilience.actions.selection.eligible import Eligible
from resilience.actions.selection.nobody import all_dropped, names_of, nobody
from resilience.actions.selection.victim_filters import Filter, Pods, Surroundings, born, filters
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.verbs.context import ActionFailed, NothingToDo


def select(pods: Iterable[Object], choice: PodChoice, around: Surroundings, random: Random) -> Pods:
    """The victims, at least one. Raises NothingToDo or ActionFailed, with the reason, if there are
    none."""
    everyone = objects.in_order(pods)
    matched = match(everyone, choice, around)
    if not matched:
        raise NothingToDo(nobody(everyone, choice, around))
    left, dropped = sift(matched, choice, around, random)
    if not left:
        raise NothingToDo(all_dropped(matched, dropped, choice, around))
    if around.eligible is None:
        return choose(left, choice, random, around)
    own, others = _on_own_terms(left, around.eligible, random)
    if not others and not own:
        raise NothingToDo(
            "the kill-value of each workload that opted in is less than one Pod"
            f" ({names_of(left)}); nothing was harmed"
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
    for name, keep in (*filters(choice, around), *_one_of_each(choice, random, around)):
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
            f"Pod{'s' * (len(pods) != 1)} can be chosen ({names_of(pods)})"
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
        pods, key=lambda pod: (born(pod), objects.name(pod)), reverse=choice.order == "newest"
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


def _one_of_each(choice: PodChoice, random: Random, around: Surroundings) -> Iterable[Filter]:
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
