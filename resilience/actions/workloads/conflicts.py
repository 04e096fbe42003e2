"""What else controls a workload that an action is about to change, reported before the change.

A rollout in progress mixes with the action's own rollout, and Argo CD or Flux may revert a change
at any time. Both are noted in the timeline. A HorizontalPodAutoscaler sets the number of replicas
itself within seconds: scaling against it would prove nothing, and is refused (scaling to 0 is not:
that disables the autoscaler). These controllers are recognized by their marks on the object; their
settings are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import SCALERS, Object
from resilience.kube import objects
from resilience.kube.readiness import NEVER_ROLLED
from resilience.model.timeline import What
from resilience.model.values import Reference
from resilience.model.verb import Right
from resilience.verbs.context import ActionContext, Refused

KEEPERS = {
    "argocd.argoproj.io/instance": "Argo CD application",
    "argocd.argoproj.io/tracking-id": "Argo CD application",
    "kustomize.toolkit.fluxcd.io/name": "Flux Kustomization",
    "helm.toolkit.fluxcd.io/name": "Flux HelmRelease",
}
"""Labels or annotations with which controllers mark what they manage."""


def note(reference: Reference, workload: Object, context: ActionContext) -> None:
    """Note possible conflicts in the timeline."""
    for text in (*keepers(workload), *rollouts(workload)):
        context.note(What.NOTE, f"{reference} {text}")


def keepers(workload: Object) -> Iterator[str]:
    """The controllers that keep the object as a repository defines it."""
    meta = objects.metadata(workload)
    marks = {**(meta.get("annotations") or {}), **(meta.get("labels") or {})}
    told = {f"{kind} {marks[key].partition(':')[0]}" for key, kind in KEEPERS.items()
            if key in marks}  # fmt: skip
    for keeper in sorted(told):
        yield f"is managed by {keeper}, which may revert the change before the scenario ends"


def rollouts(workload: Object) -> Iterator[str]:
    """A rollout in progress; kinds that replace no Pod have none."""
    if workload.get("kind") in NEVER_ROLLED:
        return
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    # A DaemonSet has its own counters, in its status alone.
    wanted = spec.get("replicas", status.get("desiredNumberScheduled"))
    updated = status.get("updatedReplicas", status.get("updatedNumberScheduled", 0))
    seen, written = objects.generations(workload)
    if seen < written or (wanted is not None and status and updated < wanted):
        counted = f"{updated} of {wanted or 0} Pods updated"
        yield f"is rolling out already ({counted}); the two mix"


def refuse_autoscaled(reference: Reference, replicas: int, context: ActionContext) -> None:
    """Refused if an autoscaler would set another number."""
    for each in _autoscalers(context) if replicas else ():
        target = (each.get("spec") or {}).get("scaleTargetRef") or {}
        if (str(target.get("kind", "")).lower(), target.get("name")) == (
            reference.kind, reference.name,
        ):  # fmt: skip
            raise Refused(
                f"HorizontalPodAutoscaler {objects.title(each)} sets the replicas of {reference} "
                f"and would revert them from {replicas} within seconds; nothing was changed. "
                "Scale to 0, which the autoscaler leaves alone, or delete the autoscaler first"
            )


def _autoscalers(context: ActionContext) -> Sequence[Object]:
    try:
        return context.cluster.list(SCALERS, context.namespace)
    except (Forbidden, NotFound):  # autoscalers may not be read, or are not served
        return ()


def right(namespace: str) -> Right:
    """Permission to read autoscalers; without it they are ignored."""
    return Right(verb="list", group=SCALERS.group, resource=SCALERS.plural,
                 namespace=namespace, optional=True)  # fmt: skip
