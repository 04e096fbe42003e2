"""Shared by all Pod actions: read the Pods, choose, prove the effect.

The Pods come from the run's own watch, so every chosen Pod is also watched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from resilience.actions.selection import eligible, roots, wide
from resilience.actions.selection.choice import PodChoice, WideChoice
from resilience.actions.selection.select import select
from resilience.actions.selection.victim_filters import Surroundings
from resilience.actions.shared.workload import RESOURCES, read
from resilience.cluster.interface import (
    DEPLOYMENTS,
    PODS,
    REPLICASETS,
    Cluster,
    Object,
    Resource,
)
from resilience.cluster.permit.selected_namespaces import selected
from resilience.kube import objects
from resilience.model.nearest import did_you_mean
from resilience.model.timeline import What
from resilience.model.verb import Right
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def victims(choice: PodChoice, context: ActionContext, *, mirrors: bool = False) -> list[Object]:
    """The Pods that the step disrupts, at least one. With `mirrors` static Pods as well: the action
    reaches their containers, not only the object that shows them."""
    if why := eligible.not_due(choice, context.step.path, context.cluster, context.random):
        raise NothingToDo(why)
    spaces = wide.namespaces(choice, context)
    pods = wide.pods(spaces, context)
    found = roots.of(pods, context.cluster) if _asks_for_roots(choice) else {}
    around = Surroundings(
        namespace=context.namespace,
        wall=context.cluster.now(),
        owners=_owners(choice, context),
        own=own_pod(os.environ),
        kinds={uid: root.kind.lower() for uid, root in found.items()},
        namespaces=spaces if wide.is_wide(choice) else (),
        mirrors=mirrors,
        eligible=_eligible(choice, pods, context),
        struck=context.struck_before() if choice.order == "fair" else {},
        workloads={uid: str(root) for uid, root in found.items()},
    )
    chosen = select(pods, choice, around, context.random)
    _require_container(choice, chosen)
    context.may_harm(chosen)
    return chosen


def _require_container(choice: PodChoice, pods: Sequence[Object]) -> None:
    """ActionFailed, before anything is touched, if a Pod lacks the container that the step names
    (of actions that act on one)."""
    wanted = str(getattr(choice, "container", "") or "")
    for pod in pods if wanted else ():
        added = (pod.get("spec") or {}).get("ephemeralContainers") or ()
        names = [str(each["name"]) for each in (*objects.lasting_containers(pod), *added)]
        if wanted not in names:
            raise ActionFailed(
                f"{objects.title(pod)} has no container {wanted}; it has: {', '.join(names)};"
                f" nothing was harmed{did_you_mean(wanted, names)}"
            )


def _asks_for_roots(choice: PodChoice) -> bool:
    return bool(choice.kinds) or choice.order == "fair"


def _eligible(
    choice: PodChoice, pods: Sequence[Object], context: ActionContext
) -> eligible.Eligible | None:
    if not isinstance(choice, WideChoice) or not choice.opted_in:
        return None
    found = eligible.find(choice, pods, context.cluster, context.random.getrandbits(64))
    for text in found.unreadable:
        context.note(What.NOTE, text)
    return found


def not_due(choice: WideChoice, path: str, cluster: Cluster, namespace: str, random: Random) -> str:
    """For `Verb.due`: why a step has nothing to do today; "" when it has something to do, or when
    only the step itself can tell."""
    if why := eligible.not_due(choice, path, cluster, random):
        return why
    if not choice.opted_in:
        return ""
    spaces = [namespace]
    if choice.namespaces is not None:
        spaces = [objects.name(each) for each in selected(cluster, choice.namespaces)]
    pods = [pod for each in spaces for pod in cluster.list(PODS, each)]
    return eligible.nobody_due(eligible.find(choice, pods, cluster, random.getrandbits(64)))


def changed_mind(choice: WideChoice, pod: Object, context: ActionContext) -> str:
    """Called just before a Pod is disrupted: why it must no longer be disrupted; "" if it may."""
    if not choice.opted_in:
        return ""
    now = context.cluster.get(PODS, objects.name(pod), objects.namespace(pod))
    return eligible.still(choice, now, context.cluster)


def rights(*more: tuple[str, str]) -> Callable[[object, str], Sequence[Right]]:
    """For `Verb.rights`: permissions to read Pods, to find an owner, and for further `(verb,
    resource)` of Pods."""

    def of(parameters: object, namespace: str) -> Sequence[Right]:
        pods = [("list", "pods"), ("watch", "pods"), *more]
        wanted = [("", *each) for each in pods]
        if isinstance(parameters, PodChoice) and parameters.owner is not None:
            wanted += _of_owner(RESOURCES[parameters.owner.kind])
        if isinstance(parameters, PodChoice) and _asks_for_roots(parameters):
            wanted += [("apps", "list", "replicasets"), ("batch", "list", "jobs")]
        if eligible.wants(parameters):
            wanted += [("", "get", "pods"), *eligible.rights()]
        return wide.rights(parameters, namespace, wanted)

    return of


def _of_owner(kind: Resource) -> Sequence[tuple[str, str, str]]:
    """The resources that `_owners` reads."""
    itself = (kind.group, "get", kind.plural)
    return [itself, ("apps", "list", "replicasets")] if kind == DEPLOYMENTS else [itself]


def prove(
    pods: Sequence[Object],
    context: ActionContext,
    holds: Callable[[Object | None], bool],
    text: str,
) -> None:
    """Wait until the run's watch shows the effect on each Pod; returns a proof for each, or raises
    ActionFailed."""

    def unproven() -> list[Object]:
        return [pod for pod in pods if not holds(seen(pod, context))]

    if not context.clock.until(lambda: not unproven(), context.deadline):
        names = ", ".join(objects.title(pod) for pod in unproven())
        raise ActionFailed(
            f"the API server accepted the request, but within {context.step.within} the watch did "
            f"not show that {names} {text}"
        )
    for pod in pods:
        context.proof(f"{objects.title(pod)} {text}", {"uid": objects.uid(pod)})


def seen(pod: Object, context: ActionContext) -> Object | None:
    """The current state of this Pod, from the run's watch of its namespace."""
    return context.view(PODS, objects.namespace(pod)).by_uid(objects.uid(pod))


def gone_or_terminating(pod: Object | None) -> bool:
    """The proof of a deletion or an eviction."""
    return pod is None or objects.is_terminating(pod)


def own_pod(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """(namespace, name) of the Pod that this process runs in; None outside a cluster."""
    if "KUBERNETES_SERVICE_HOST" not in environment or not _NAMESPACE_FILE.exists():
        return None
    name = environment.get("POD_NAME") or environment.get("HOSTNAME", "")
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip(), name


def _owners(choice: PodChoice, context: ActionContext) -> frozenset[str]:
    if choice.owner is None:
        return frozenset()
    owner = read(choice.owner, context)
    uids = {objects.uid(owner)}
    if RESOURCES[choice.owner.kind] == DEPLOYMENTS:
        uids |= {
            objects.uid(rs)
            for rs in context.cluster.list(REPLICASETS, context.namespace)
            if objects.controller_uid(rs) == objects.uid(owner)
        }
    return frozenset(uids)
