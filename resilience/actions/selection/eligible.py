"""The Pods of workloads that opted in, read from the cluster, and which of them are due today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random

from resilience.actions.selection import chance, opt_in, roots
from resilience.actions.selection.choice import PodChoice, WideChoice
from resilience.actions.selection.opt_in import Terms, Unreadable
from resilience.actions.selection.roots import Root
from resilience.actions.shared.workload import RESOURCES
from resilience.cluster.interface import Cluster, Object
from resilience.kube import objects

READABLE = ("deployment", "statefulset", "daemonset", "replicaset", "job", "cronjob")
"""Kinds of workloads whose labels are read; for other kinds only the labels of their Pods count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligible:
    """The terms of each Pod's workload, by the Pod's uid, if it opted in; `due` holds those that
    are due today. `unreadable` describes workloads whose labels are invalid."""

    day: date
    terms: Mapping[str, Terms] = field(default_factory=dict)
    due: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    unreadable: Sequence[str] = ()


def wants(choice: object) -> bool:
    """Whether a choice is limited to workloads that opted in."""
    return isinstance(choice, WideChoice) and choice.opted_in


def find(choice: WideChoice, pods: Iterable[Object], cluster: Cluster, token: int) -> Eligible:
    """Find the eligible ones among these Pods. Each kind of workload is listed once in each
    namespace."""
    pods = list(pods)
    found = roots.of(pods, cluster)
    workloads = _workloads(found.values(), cluster)
    day = chance.day_of(cluster.now())
    terms: dict[str, Terms] = {}
    unreadable: dict[str, None] = {}
    names: dict[str, str] = {}
    for pod in pods:
        uid = objects.uid(pod)
        root = found.get(uid)
        names[uid] = str(root or objects.title(pod))
        try:
            given = opt_in.terms(workloads.get(root.uid) if root else None, pod)
        except Unreadable as error:
            unreadable[f"{names[uid]} is left out: {error}"] = None
            continue
        if given is not None:
            terms[uid] = given
    due = {uid for uid, given in terms.items() if _due(given, choice, token, day, names[uid])}
    return Eligible(day=day, terms=terms, due=frozenset(due), names=names,
                    unreadable=tuple(unreadable))  # fmt: skip


def _due(given: Terms, choice: WideChoice, token: int, day: date, name: str) -> bool:
    mtbf = given.mtbf or choice.mtbf
    return mtbf is None or chance.is_due(token, day, name, mtbf)


def not_due(choice: PodChoice, what: str, cluster: Cluster, random: Random) -> str:
    """Why a step with `mtbf` alone is not due today; "" when it is due, or when that is decided for
    each workload."""
    if not isinstance(choice, WideChoice) or choice.mtbf is None or choice.opted_in:
        return ""
    day = chance.day_of(cluster.now())
    if chance.is_due(random.getrandbits(64), day, what, choice.mtbf):
        return ""
    return f"not due on {day}: with `mtbf: {choice.mtbf}` each day is decided by chance"


def nobody_due(found: Eligible) -> str:
    """Why there is nothing to do although some workloads opted in; "" otherwise."""
    if not found.terms or found.due:
        return ""
    names = sorted({found.names[uid] for uid in found.terms})
    listed = ", ".join(names[:5]) + (", ..." if names[5:] else "")
    return f"none of the workloads that opted in is due on {found.day}: {listed}"


def still(choice: WideChoice, pod: Object, cluster: Cluster) -> str:
    """Why a chosen Pod must no longer be disrupted; "" if it may. Its workload is read again."""
    found = roots.of([pod], cluster).get(objects.uid(pod))
    try:
        given = opt_in.terms(_workloads([found], cluster).get(found.uid) if found else None, pod)
    except Unreadable as error:
        return str(error)
    return "" if given else "its workload does not opt in any more"


def _workloads(found: Iterable[Root], cluster: Cluster) -> Mapping[str, Object]:
    wanted = {(root.namespace, root.kind.lower()) for root in found}
    return {
        objects.uid(obj): obj
        for namespace, kind in sorted(wanted) if kind in READABLE
        for obj in cluster.list(RESOURCES[kind], namespace)
    }  # fmt: skip


def rights() -> list[tuple[str, str, str]]:
    """`(group, verb, resource)` that are needed to read workloads."""
    return [(RESOURCES[kind].group, "list", RESOURCES[kind].plural) for kind in READABLE]
