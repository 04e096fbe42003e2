"""`chaos_mesh`: one Chaos Mesh resource, for faults that no verb has (latency, loss, stress).

The resource is applied; the step waits until everything is injected; at the end it is deleted.
An injection into no Pod is an error: Chaos Mesh sets AllInjected even if no Pod matched. Chaos Mesh
puts a finalizer on its resources, so a deleted one has recovered; one that hangs is reported as not
undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.actions.network.chaos_mesh_choice import choices
from resilience.actions.shared import manifests
from resilience.actions.undo import object_undo
from resilience.cluster.errors import Invalid, NotFound
from resilience.cluster.interface import PODS, Object, Resource
from resilience.cluster.permit.acts_elsewhere import elsewhere
from resilience.kube import objects
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, Fate, NothingToDo, UndoContext

GROUP = "chaos-mesh.org"
LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosMesh:
    """Parameters of `chaos_mesh`."""

    file: Path = parameter(
        "A manifest with one resource of Chaos Mesh.", example="manifests/checkout.yaml"
    )
    duration: Duration | None = parameter(
        "Duration of the fault (default: until the end of the scenario).",
        default=None,
        example="30s",
    )


def _bounds(chaos: ChaosMesh) -> tuple[Duration, Duration]:
    lasting = chaos.duration or Duration.of(0)
    return lasting, Duration(lasting.exact + Duration.of(120).exact)


def run(chaos: ChaosMesh, context: ActionContext) -> None:
    """Apply it and return once it is injected, or, with `duration`, once it has recovered."""
    resource, body = _read(chaos, context)
    namespace = objects.namespace(body)
    _announce(body, context)
    data = object_undo.creation(resource, body, str(context.run))
    undo = context.will_undo(data, f"delete {resource.kind} {objects.title(body)}")
    made = context.cluster.create(resource, body, namespace)
    context.amend_undo(undo, object_undo.made(resource, data, made))
    context.affected(made, f"{resource.kind} {objects.title(made)} is applied")
    records = _injected(resource, made, context)
    _name_victims(records, context)
    context.proof(
        f"{resource.kind} {objects.title(made)} is injected into {many(len(records), 'target')}",
        {"uid": objects.uid(made), "targets": records},
    )
    if chaos.duration is not None:
        context.clock.wait(chaos.duration.seconds)
        _recovered(resource, made, context)
        context.forget_undo(undo)


def _announce(body: Object, context: ActionContext) -> None:
    """Count what the fault may be injected into, before it is. Only Chaos Mesh knows what a mode
    other than `all` chooses: the worst choice has to keep the limits, and counts until it is known
    what was chosen."""
    for choice in choices(body):
        found = [
            pod
            for space in choice.namespaces
            for pod in context.view(PODS, space).objects()
            if choice.may_select(pod)
        ]
        if choice.is_whole:
            context.may_harm(found)
        else:
            context.may_harm_some(found, choice.most(len(found)))


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Delete it, and wait until Chaos Mesh has removed its finalizer, which it does once it has
    recovered."""
    object_undo.undo(data, context)


def _read(chaos: ChaosMesh, context: ActionContext) -> tuple[Resource, Object]:
    found = [each.body for each in manifests.read(context.directory / chaos.file)]
    if len(found) != 1 or not str(found[0].get("apiVersion", "")).startswith(f"{GROUP}/"):
        kinds = ", ".join(f"{each.get('apiVersion')} {each.get('kind')}" for each in found)
        raise ActionFailed(f"{chaos.file} must hold one resource of {GROUP}, and holds: "
                           f"{kinds or 'nothing'}")  # fmt: skip
    [body] = found
    try:
        resource = context.cluster.resource(body["apiVersion"], body["kind"])
    except (Invalid, NotFound) as error:
        raise ActionFailed(
            f"{context.cluster.context} does not serve {body['kind']}: is Chaos Mesh installed? "
            f"({error}) Nothing was applied"
        ) from error
    metadata = dict(body["metadata"])
    metadata["namespace"] = metadata.get("namespace") or context.namespace
    metadata["labels"] = {**(metadata.get("labels") or {}), objects.MANAGED_BY: objects.OURS}
    notes = metadata.get("annotations") or {}
    metadata["annotations"] = {**notes, object_undo.RUN: str(context.run)}
    return resource, {**body, "metadata": metadata}


def _injected(resource: Resource, made: Object, context: ActionContext) -> list[str]:
    """Identifiers of the targets, in Chaos Mesh's format: NAMESPACE/POD or
    NAMESPACE/POD/CONTAINER."""
    view = context.view(resource, objects.namespace(made))

    def now() -> Object:
        return view.by_uid(objects.uid(made)) or made

    def done() -> bool:
        return objects.condition(now(), "AllInjected").get("status") == "True"

    if not context.clock.until(done, context.deadline):
        raise ActionFailed(f"{resource.kind} {objects.title(made)} is not injected after "
                           f"{context.step.within}: {_said(now())}")  # fmt: skip
    experiment = (now().get("status") or {}).get("experiment") or {}
    records = [str(each.get("id")) for each in experiment.get("containerRecords") or ()
               if each.get("phase") == "Injected"]  # fmt: skip
    if not records:
        raise NothingToDo(f"{resource.kind} {objects.title(made)} reports AllInjected, but its "
                          "selector matches no Pod, so nothing was injected")  # fmt: skip
    return records


def _said(obj: Object) -> str:
    """The resource's conditions and last error, as Chaos Mesh reports them."""
    status = obj.get("status") or {}
    told = [f"{each.get('type')}={each.get('status')}" for each in status.get("conditions") or ()]
    for record in (status.get("experiment") or {}).get("containerRecords") or ():
        events = [each for each in record.get("events") or () if each.get("type") == "Failed"]
        told += [f"{record.get('id')}: {each.get('message')}" for each in events[-1:]]
    return ", ".join(told) or "it has no status: does its controller run?"


def _name_victims(records: Sequence[str], context: ActionContext) -> None:
    names = {tuple(each.split("/")[:2]) for each in records if "/" in each}
    found = [pod for space in sorted({name[0] for name in names})
             for pod in context.view(PODS, space).objects()
             if (space, objects.name(pod)) in names]  # fmt: skip
    context.were_chosen(found)
    for pod in found:
        context.victim(pod, "is a target of Chaos Mesh", Fate.TOUCHED)


def _recovered(resource: Resource, made: Object, context: ActionContext) -> None:
    """Delete it now and wait until it is gone."""
    name, namespace, last = objects.name(made), objects.namespace(made), made
    context.cluster.delete(resource, name, namespace, uid=objects.uid(made))
    end = context.clock.monotonic() + max(context.deadline - context.clock.monotonic(), LOOK_EVERY)
    while True:
        try:
            last = context.cluster.get(resource, name, namespace)
        except NotFound:
            return
        if objects.uid(last) != objects.uid(made):
            return
        if context.clock.monotonic() + LOOK_EVERY > end:
            raise ActionFailed(f"{resource.kind} {objects.title(made)} was deleted, but has not "
                               f"recovered: {_said(last)}")  # fmt: skip
        context.clock.wait(LOOK_EVERY)


def rehearse(chaos: ChaosMesh, context: ActionContext) -> None:
    """Whether the limits allow the worst that it may choose, and the API server accepts the
    resource; only Chaos Mesh knows which Pods it would affect."""
    resource, body = _read(chaos, context)
    _announce(body, context)
    made = context.cluster.create(resource, body, objects.namespace(body))
    context.affected(made, f"{resource.kind} {objects.title(body)} is applied")


def _rights(chaos: ChaosMesh, namespace: str) -> Sequence[Right]:
    return [Right(verb=verb, group=GROUP, resource="*", namespace=where)
            for where in sorted(_places(chaos, namespace))
            for verb in ("create", "get", "list", "watch", "delete")]  # fmt: skip


def _touches(chaos: ChaosMesh, namespace: str) -> Reach:
    """The resource's namespace, and every namespace that its selectors name."""
    named = map(elsewhere, _bodies(chaos))
    return Reach(namespaces=_places(chaos, namespace).union(*named))


def _places(chaos: ChaosMesh, namespace: str) -> frozenset[str]:
    found = {objects.namespace(body) or namespace for body in _bodies(chaos)}
    return frozenset(found or {namespace})


def _bodies(chaos: ChaosMesh) -> list[Object]:
    """An unreadable file needs no permission: reading it fails later, with its own message."""
    try:
        return [each.body for each in manifests.read(chaos.file)]
    except ActionFailed:
        return []


VERB = Verb(
    name="chaos_mesh",
    family=Family.ACTION,
    summary="Apply a Chaos Mesh resource and delete it again.",
    parameters=ChaosMesh,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=lambda chaos: f"apply {chaos.file} to Chaos Mesh",
    bounds=_bounds,
    shorthand="file",
    rights=_rights,
    touches=_touches,
    undo=undo,
    undo_text="The resource is deleted, and its fault has recovered.",
    proof="Its condition AllInjected, with at least one target.",
    example="chaos_mesh: {file: manifests/checkout.yaml, duration: 30s}",
)
