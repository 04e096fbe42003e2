"""`delete`: deletes objects, as a mistake or a broken disk would, so that a restore can be proven.

This cannot be undone, so the step needs `lasting: true`. Owned objects (a Deployment's ReplicaSets
and Pods) are deleted with their owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.actions.pods.members import pods_of
from resilience.actions.shared import kinds
from resilience.actions.shared.workload import RESOURCES, instead
from resilience.actions.undo import finalizers
from resilience.backup.objects.kind_identity import is_built_in
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import PODS, REPLICASETS, Cluster, Object, Resource
from resilience.kube import objects
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, Refused, sparing

_WORKLOADS = {
    (RESOURCES[kind].group, RESOURCES[kind].plural)
    for kind in ("deployment", "statefulset", "daemonset", "replicaset", "replicationcontroller",
                 "job")
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    """Parameters of `delete`."""

    objects: tuple[str, ...] = parameter(
        "KIND/NAME of each object, as in kubectl, or KIND.GROUP/NAME.",
        at_least=1,
        example="[deployment/shop]",
    )


def _check(lose: Lose) -> Sequence[Complaint]:
    return [
        *(Complaint(field="objects", message=f"{text} is not an object", expected="KIND/NAME")
          for text in lose.objects if not all(text.partition("/"))),
        *(Complaint(field="objects", message=_cluster_scoped(text), expected=NAMESPACED)
          for text in lose.objects if kinds.names_cluster_scoped(text.partition("/")[0])),
    ]  # fmt: skip


def _among(lose: Lose, others: Sequence[Any], directory: Path) -> Sequence[Complaint]:
    """Kinds that a manifest of the same scenario defines, before any cluster knows them."""
    from resilience.actions.objects import defined_kinds

    defined = defined_kinds.cluster_scoped(others, directory)
    return [
        Complaint(field="objects", message=f"{_cluster_scoped(text)} ({place} defines its kind)",
                  expected=NAMESPACED)
        for text in lose.objects if (place := defined.get(_word(text)))
    ]  # fmt: skip


def _word(text: str) -> tuple[str, str]:
    """The kind in `KIND.GROUP/NAME`, and the group or ""."""
    word, _, group = text.partition("/")[0].lower().partition(".")
    return kinds.SHORT.get(word, word), group


NAMESPACED = "an object of the scenario's namespace"


def _cluster_scoped(what: str) -> str:
    return f"{what} is cluster-scoped; only namespaced objects can be deleted"


def run(lose: Lose, context: ActionContext) -> None:
    """Find all objects, then delete them by uid; return once all are gone."""
    found = [_find(text, context) for text in lose.objects]
    _require_within_limits(found, context)
    for resource, obj in found:
        context.affected(obj, f"{resource.kind} {objects.title(obj)} is deleted")
        with sparing(context, obj):
            context.cluster.delete(
                resource, objects.name(obj), context.namespace, uid=objects.uid(obj),
                propagation="Foreground")  # fmt: skip
    for resource, obj in found:
        gone = _gone(resource, obj, context.cluster, context.namespace)
        while not gone and context.clock.monotonic() < context.deadline:
            context.clock.wait(0.1)
            gone = _gone(resource, obj, context.cluster, context.namespace)
        if not gone:
            why = "; ".join(finalizers.of(context.cluster, resource, obj))
            raise ActionFailed(f"{resource.kind} {objects.title(obj)} was deleted, but still "
                               f"exists after {context.step.within}: {why}")  # fmt: skip
        context.proof(f"{resource.kind} {objects.title(obj)} is gone", {"uid": objects.uid(obj)})


def _require_within_limits(
    found: Sequence[tuple[Resource, Object]], context: ActionContext
) -> None:
    """The Pods among them, and those of workloads."""
    harmed = list[Object]()
    for resource, obj in found:
        if (resource.group, resource.plural) in _WORKLOADS:
            harmed += pods_of({**obj, "kind": resource.kind}, context)
        elif (resource.group, resource.plural) == (PODS.group, PODS.plural):
            harmed.append(obj)
    context.may_harm(harmed)


def _find(text: str, context: ActionContext) -> tuple[Resource, Object]:
    name = text.partition("/")[2]
    resource = _resource(text, context.cluster)
    try:
        return resource, context.cluster.get(resource, name, context.namespace)
    except NotFound as error:
        there = instead(context.cluster, resource, context.namespace, name)
        raise ActionFailed(
            f"nothing was deleted: {text} does not exist in namespace {context.namespace}{there}"
        ) from error


def _resource(text: str, cluster: Cluster) -> Resource:
    if (found := _meant(text, cluster)) is None:
        kind = text.partition("/")[0]
        raise ActionFailed(f"the cluster does not serve kind {kind}. Nothing was deleted")
    return found


def _meant(text: str, cluster: Cluster) -> Resource | None:
    """One kind: Kubernetes' own, or the only one of that name; `KIND.GROUP` says which. None if
    the cluster does not serve it (yet)."""
    wanted, group = _word(text)
    found = {
        (each.group, each.plural): each
        for each in cluster.resources()
        if wanted in (each.plural, each.kind.lower()) and group in ("", each.group)
    }
    own = [each for each in found.values() if _is_built_in(each)]
    chosen = own[:1] or [*found.values()]
    if len(chosen) > 1:
        names = ", ".join(sorted(each.full_name for each in chosen))
        kind = text.partition("/")[0]
        raise Refused(f"{kind} means several kinds: {names}. Write one of these")
    if chosen and not chosen[0].namespaced:
        raise Refused(_cluster_scoped(text))
    return chosen[0] if chosen else None


def _possible(lose: Lose, cluster: Cluster) -> None:
    """Refused if a kind is cluster-scoped, or its name means several: no earlier step can change
    that. One that is not served yet may come with a manifest."""
    for text in lose.objects:
        _meant(text, cluster)


def _is_built_in(resource: Resource) -> bool:
    version = f"{resource.group}/v1" if resource.group else "v1"
    return is_built_in({"apiVersion": version, "kind": resource.kind})


def _gone(resource: Resource, obj: Object, cluster: Cluster, namespace: str) -> bool:
    try:
        now = cluster.get(resource, objects.name(obj), namespace)
    except NotFound:
        return True
    return objects.uid(now) != objects.uid(obj)


def _rights(lose: Lose, namespace: str) -> Sequence[Right]:
    named = sorted({kinds.resource(text.partition("/")[0]) for text in lose.objects})
    found = [
        Right(verb=verb, group="*", resource=each, namespace=namespace)
        for each in named
        for verb in ("get", "delete")
    ]
    if {plural for _, plural in _WORKLOADS} & set(named):  # their Pods count
        found += [
            Right(verb=verb, group=each.group, resource=each.plural, namespace=namespace)
            for each in (PODS, REPLICASETS)
            for verb in ("list", "watch")
        ]
    return found


def rehearse(lose: Lose, context: ActionContext) -> None:
    """Find the objects, and ask the API server whether they could be deleted."""
    found = [_find(text, context) for text in lose.objects]
    _require_within_limits(found, context)
    for resource, obj in found:
        context.affected(obj, f"{resource.kind} {objects.title(obj)} is deleted")
        context.cluster.delete(
            resource, objects.name(obj), context.namespace, uid=objects.uid(obj), dry_run=True
        )


VERB = Verb(
    name="delete",
    family=Family.ACTION,
    summary="Delete objects permanently.",
    parameters=Lose,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=lambda lose: f"delete {', '.join(lose.objects)}",
    check=_check,
    among=_among,
    possible=_possible,
    shorthand="objects",
    rights=_rights,
    residue=Residue.EVERYTHING,
    residue_text="Deleted objects stay deleted.",
    proof="The API server no longer knows the object's uid.",
    example="delete: [deployment/shop, configmap/shop]\nlasting: true",
)
