"""`set_image`: rolls a workload out with another image, for instance one that cannot be pulled.

The prior image is restored at the end, which is one more rollout; the revisions stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from resilience.actions.pods.members import pods_of
from resilience.actions.shared.workload import RESOURCES, only, read
from resilience.actions.undo import reverting
from resilience.actions.workloads import conflicts, new_pods, rolling
from resilience.cluster.interface import PODS, REPLICASETS, Object
from resilience.kube import objects
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo

KINDS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetImage:
    """Parameters of `set_image`."""

    workload: Reference = parameter(
        "A Deployment, StatefulSet or DaemonSet.", example="deployment/checkout"
    )
    image: str = parameter("The image.", example="registry.example/shop:no-such-tag")
    container: str = parameter("The container; required if there are several.", default="")


def _check(chosen: SetImage) -> Sequence[Complaint]:
    return only(chosen.workload, KINDS, "workload")


def _describe(chosen: SetImage) -> str:
    return f"set the image of {chosen.workload} to {chosen.image}"


def run(chosen: SetImage, context: ActionContext) -> None:
    """Change the template; return once a Pod with the new image exists."""
    workload = read(chosen.workload, context)
    container = _container(chosen, workload)
    if container["image"] == chosen.image:
        raise NothingToDo(f"{chosen.workload} already has the image {chosen.image}")
    name = container["name"]
    rolling.require(chosen.workload, workload)
    conflicts.note(chosen.workload, workload, context)
    context.may_harm(rolling.replaced(workload, pods_of(workload, context)))
    context.affected(workload, f"{chosen.workload} gets the image {chosen.image}")
    reverting.change(
        context,
        RESOURCES[chosen.workload.kind],
        workload,
        lambda now: _container(chosen, now).update(image=chosen.image),
        f"set the image of {chosen.workload} back to {container['image']}",
    )

    def rolled() -> list[Object]:
        return [pod for pod in pods_of(workload, context) if _image(pod, name) == chosen.image]

    if not new_pods.shown(chosen.workload, lambda: bool(rolled()), context):
        raise ActionFailed(f"{chosen.workload} has the new image, but within "
                           f"{context.step.within} no Pod with it was created")  # fmt: skip
    context.proof(f"{objects.title(rolled()[0])} has the image {chosen.image}",
                  {"uid": objects.uid(workload)})  # fmt: skip


def _container(chosen: SetImage, workload: Object) -> dict[str, Any]:
    spec = workload["spec"]["template"]["spec"]
    found = spec["containers"]
    if chosen.container:  # as in kubectl, an init container can be named as well
        found = [*found, *(spec.get("initContainers") or ())]
    names = ", ".join(each["name"] for each in found)
    if not chosen.container and len(found) > 1:
        raise ActionFailed(f"{chosen.workload} has several containers; say which: {names}")
    for each in found:
        if chosen.container in ("", each["name"]):
            return cast("dict[str, Any]", each)
    raise ActionFailed(f"{chosen.workload} has no container {chosen.container}; it has: {names}")


def _image(pod: Object, container: str) -> str:
    """Of that container alone: another one may have had the image before."""
    spec = pod.get("spec") or {}
    every = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return next((str(each.get("image")) for each in every if each["name"] == container), "")


def _rights(chosen: SetImage, namespace: str) -> Sequence[Right]:
    plural = RESOURCES[chosen.workload.kind].plural
    wanted = [("apps", plural, "get"), ("apps", plural, "patch"), ("", PODS.plural, "list"),
              ("", PODS.plural, "watch"), ("apps", REPLICASETS.plural, "list"),
              ("apps", REPLICASETS.plural, "watch")]  # fmt: skip
    if chosen.workload.kind == "statefulset":  # the undo may have to (`undo.stuck_pods`)
        wanted.append(("", PODS.plural, "delete"))
    return [Right(verb=verb, group=group, resource=resource, namespace=namespace)
            for group, resource, verb in wanted]  # fmt: skip


VERB = Verb(
    name="set_image",
    family=Family.ACTION,
    summary="Roll out another image of a workload.",
    parameters=SetImage,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    check=_check,
    rights=_rights,
    undo=reverting.undo,
    undo_text="The previous image is rolled out again, unless someone changed it since. A "
    "StatefulSet's Pod that is not ready with the new image is deleted: its controller would wait "
    "for it forever.",
    residue=Residue.NAMED,
    spoils_given=True,
    residue_text="two more revisions",
    proof="The watch shows a Pod with the image.",
    example="set_image: {workload: deployment/checkout, image: 'registry.example/shop:broken'}",
)
