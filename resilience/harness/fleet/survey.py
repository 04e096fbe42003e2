"""Before anything is changed: one look at each cluster of a fleet, many at a time.

If no kubeconfig has a context, or a cluster is in the fleet twice, the fleet is wrong, and no run
begins. A cluster that does not answer is named; its scenarios will not be measured, and the others
continue.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from resilience.cluster import open_context
from resilience.cluster.access.access import contexts
from resilience.cluster.access.access_value import IN_CLUSTER, NoAccess
from resilience.cluster.errors import ClusterError
from resilience.config.fleet import Member
from resilience.engine.guard.identity import identity
from resilience.harness.fleet.clusters import same
from resilience.harness.fleet.of_member import environment_of
from resilience.kube.clock import ahead
from resilience.kube.clock import told as told_clock
from resilience.model.words import told

AT_ONCE = 32
"""Requests at the same time."""


class BadFleet(ValueError):
    """A fleet that may not be used; the text names the clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`uid` of its kube-system, or "" and why it could not be read. `ahead` says by how much its
    clock is wrong, or this machine's."""

    name: str
    uid: str = ""
    why: str = ""
    ahead: float = 0.0


def survey(members: Sequence[Member]) -> list[str]:
    """A line for each cluster that cannot be reached, or whose clock is wrong. BadFleet."""
    _require_contexts(members)
    seen = [each for batch in _batches(members) for each in _look(batch)]
    _require_different(seen)
    return [*filter(None, map(_line, seen))]


def _line(seen: Seen) -> str:
    if seen.why:
        return (
            f"cluster {seen.name} of the fleet does not answer, and nothing will be measured there:"
            f" {seen.why}"
        )
    return f"cluster {seen.name} of the fleet: {told_clock(seen.ahead)}" if seen.ahead else ""


def _require_contexts(members: Iterable[Member]) -> None:
    known: dict[str, frozenset[str]] = {}
    for each in members:
        if each.context == IN_CLUSTER:
            continue
        try:
            if each.kubeconfig not in known:
                known[each.kubeconfig] = contexts(each.kubeconfig)
        except NoAccess as error:
            raise BadFleet(f"cluster {each.name} of the fleet: {error}") from None
        if each.context not in known[each.kubeconfig]:
            there = told(sorted(known[each.kubeconfig])) or "none"
            of = each.kubeconfig or "the kubeconfig"
            raise BadFleet(
                f"cluster {each.name} of the fleet: {of} has no context {each.context!r}; it has:"
                f" {there}"
            )


def _batches(members: Iterable[Member]) -> Iterable[Sequence[Member]]:
    """The members with the same variables; a process has one environment for all its threads."""
    found: defaultdict[tuple[tuple[str, str], ...], list[Member]] = defaultdict(list)
    for each in members:
        found[tuple(sorted(each.variables.items()))].append(each)
    return found.values()


def _look(batch: Sequence[Member]) -> list[Seen]:
    with environment_of(batch[0]), ThreadPoolExecutor(min(AT_ONCE, len(batch))) as pool:
        return [*pool.map(_seen, batch)]


def _seen(member: Member) -> Seen:
    try:
        with open_context(member.context, member.kubeconfig) as cluster:
            uid = identity(cluster)
            return Seen(name=member.name, uid=uid, ahead=ahead(cluster.now(), time.time()))
    except ClusterError as error:
        return Seen(name=member.name, why=str(error))


def _require_different(seen: Iterable[Seen]) -> None:
    names: dict[str, str] = {}
    for each in seen:
        if each.uid and names.setdefault(each.uid, each.name) != each.name:
            raise BadFleet(same(names[each.uid], each.name, each.uid))
