"""`restart`: a rolling restart, done as `kubectl rollout restart` does it.

The Pod template gets a new `kubectl.kubernetes.io/restartedAt`; the controller does the rest.
Reverting the annotation would be one more rollout, so nothing is undone; the revision stays and is
declared as a residue. The old Pods are victims: all of them are replaced, except a StatefulSet's
below its partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from resilience.actions.pods.members import pods_of
from resilience.actions.shared.workload import RESOURCES, only, read
from resilience.actions.workloads import conflicts, new_pods, rolling
from resilience.cluster.interface import PODS, REPLICASETS, Object
from resilience.kube import objects
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo, sparing

ANNOTATION = "kubectl.kubernetes.io/restartedAt"
KINDS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Parameters of `restart`."""

    workload: Reference = parameter(
        "A Deployment, StatefulSet or DaemonSet.", example="deployment/checkout"
    )


def _check(restart: Restart) -> Sequence[Complaint]:
    return only(restart.workload, KINDS, "workload")


def _describe(restart: Restart) -> str:
    return f"restart {restart.workload}"


def run(restart: Restart, context: ActionContext) -> None:
    """Change the template; return once a Pod of the new revision exists."""
    workload = read(restart.workload, context)
    rolling.require(restart.workload, workload)
    old = rolling.replaced(workload, pods_of(workload, context))
    if not old:
        raise NothingToDo(f"{restart.workload} has no Pods, so there is nothing to restart")
    conflicts.note(restart.workload, workload, context)
    context.may_harm(old)
    for pod in old:
        context.victim(pod, _describe(restart))
    context.affected(workload, f"{restart.workload} gets a new Pod template")
    now = datetime.fromtimestamp(context.clock.wall(), UTC).isoformat()
    with sparing(context, workload, *old):
        context.cluster.patch(
            RESOURCES[restart.workload.kind],
            restart.workload.name,
            {"spec": {"template": {"metadata": {"annotations": {ANNOTATION: now}}}}},
            context.namespace,
        )
    _prove(restart, workload, {objects.uid(pod) for pod in old}, context)


def _prove(restart: Restart, workload: Object, old: set[str], context: ActionContext) -> None:
    def new() -> list[Object]:
        return [pod for pod in pods_of(workload, context) if objects.uid(pod) not in old]

    def begun() -> bool:
        view = context.view(PODS, context.namespace)
        kept = [view.by_uid(uid) for uid in old]
        return bool(new()) or any(pod is None or objects.is_terminating(pod) for pod in kept)

    if not new_pods.shown(restart.workload, begun, context):
        raise ActionFailed(
            f"{restart.workload} was changed, but within {context.step.within} no Pod of it was "
            "created or deleted; its controller may be stopped, or a quota may forbid new Pods"
        )
    fresh = new()
    text = f"{objects.title(fresh[0])} is new" if fresh else "an old Pod is terminating"
    context.proof(f"{restart.workload} rolls: {text}", {"uid": objects.uid(workload)})


def _rights(restart: Restart, namespace: str) -> Sequence[Right]:
    plural = RESOURCES[restart.workload.kind].plural
    wanted = [("apps", plural, "get"), ("apps", plural, "patch"), ("", PODS.plural, "list"),
              ("", PODS.plural, "watch")]  # fmt: skip
    if restart.workload.kind == "deployment":
        wanted += [("apps", REPLICASETS.plural, verb) for verb in ("get", "list", "watch")]
    return [Right(verb=verb, group=group, resource=resource, namespace=namespace)
            for group, resource, verb in wanted]  # fmt: skip


VERB = Verb(
    name="restart",
    family=Family.ACTION,
    summary="Do a rolling restart of a workload.",
    parameters=Restart,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    check=_check,
    shorthand="workload",
    rights=_rights,
    residue=Residue.NAMED,
    spoils_given=True,
    residue_text=f"one more revision, with the annotation {ANNOTATION}",
    proof="The watch shows a Pod of the new revision, or an old one terminating.",
    example="restart: deployment/checkout",
)
