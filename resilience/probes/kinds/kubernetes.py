"""`kubernetes`: requires that a condition, or a number of objects, holds all the time, as seen by
the run's own watch.

It shows what no request can: that a Service kept two ready endpoints, that a Deployment stayed
Available, that a custom resource never left `Ready`. It is judged from the first action until
`when` has ended plus `settle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    JOBS,
    NODES,
    PODS,
    REPLICASETS,
    STATEFULSETS,
    Resource,
)
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration, Reference
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter

if TYPE_CHECKING:
    from resilience.verbs.context import ProbeContext, RunningProbe

RESOURCES = {
    each.kind.lower(): each
    for each in (DAEMONSETS, DEPLOYMENTS, JOBS, NODES, PODS, REPLICASETS, STATEFULSETS)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Ready endpoints of a Service."""

    service: str = parameter("The Service.", example="checkout")
    at_least: int = parameter("How many endpoints must be ready.", default=1, at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Ready Pods with some labels."""

    pods: Selector = parameter("The Pods.", example="app=checkout")
    at_least: int | None = parameter("The minimum number of ready Pods.", default=None, at_least=1)
    at_most: int | None = parameter("The maximum number of ready Pods.", default=None, at_least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition in an object's status."""

    of: Reference = parameter("The object.", example="deployment/checkout")
    type: str = parameter("The condition.", example="Available")
    status: str = parameter("The required status of the condition.", default="True")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """The fact that must hold, and for how long it may be violated."""

    endpoints: Endpoints | None = parameter(
        "Ready endpoints of a Service.", default=None, one_of="what"
    )
    count: Count | None = parameter("Ready Pods.", default=None, one_of="what")
    condition: Condition | None = parameter("A condition of an object.", default=None,
                                            one_of="what")  # fmt: skip
    namespace: str = parameter("Namespace of the objects, if not the scenario's.", default="")
    depends_on: Selector | None = parameter(
        "Other Pods that these depend on: harm to them counts as harm to these.",
        default=None,
        example="app=database",
    )
    longest: Duration = parameter(
        "The longest time for which it may be violated at a stretch.",
        default=Duration.of(0),
        example="5s",
    )


def _check(kubernetes: Kubernetes) -> Iterator[Complaint]:
    if not (kubernetes.endpoints or kubernetes.count or kubernetes.condition):
        yield Complaint(field="", message="nothing to watch",
                        expected="`endpoints`, `count` or `condition`")  # fmt: skip
    count = kubernetes.count
    if count is None:
        pass
    elif count.at_least is None and count.at_most is None:
        yield Complaint(field="count", message="any number would be accepted",
                        expected="`at_least` or `at_most`")  # fmt: skip
    elif None not in (count.at_least, count.at_most) and (count.at_least or 0) > (
        count.at_most or 0
    ):
        yield Complaint(field="count", message="`at_least` is more than `at_most`")
    if kubernetes.condition and kubernetes.condition.of.kind not in RESOURCES:
        yield Complaint(field="condition", message=f"{kubernetes.condition.of} cannot be watched",
                        expected=f"one of {', '.join(sorted(RESOURCES))}")  # fmt: skip


def watched(kubernetes: Kubernetes) -> Resource:
    """The resource to watch."""
    if kubernetes.endpoints:
        return ENDPOINTSLICES
    return RESOURCES[kubernetes.condition.of.kind] if kubernetes.condition else PODS


def promised(kubernetes: Kubernetes) -> str:
    """In words."""
    if kubernetes.endpoints:
        each = kubernetes.endpoints
        text = f"at least {each.at_least} ready endpoints of {each.service}"
    elif kubernetes.count:
        bounds = [("at least", kubernetes.count.at_least), ("at most", kubernetes.count.at_most)]
        told = " and ".join(f"{word} {number}" for word, number in bounds if number is not None)
        text = f"{told} ready Pods {kubernetes.count.pods}"
    else:
        assert kubernetes.condition is not None, "checked"
        each_ = kubernetes.condition
        text = f"{each_.of} {each_.type}={each_.status}"
    return (
        f"{text}, never violated for longer than {kubernetes.longest}"
        if kubernetes.longest.exact
        else text
    )


def _rights(kubernetes: Kubernetes, namespace: str) -> Sequence[Right]:
    resource = watched(kubernetes)
    space = (kubernetes.namespace or namespace) if resource.namespaced else ""
    found = [Right(verb=verb, group=resource.group, resource=resource.plural, namespace=space)
             for verb in ("list", "watch")]  # fmt: skip
    if kubernetes.endpoints:  # its selector says whose harm is noticed
        found.append(Right(verb="get", group="", resource="services", namespace=space))
    return found


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Begin to watch."""
    from resilience.probes.kinds.object_watch import ObjectProbe

    what: Kubernetes = step.parameters
    return ObjectProbe(step, context, what, promised(what), watched(what))


VERB = Verb(
    name="kubernetes",
    family=Family.PROBE,
    summary="A condition, or a number of ready Pods or endpoints, holds all the time.",
    parameters=Kubernetes,
    phases=frozenset({Phase.WHILE}),
    never={"agents": "it reads a watch of the API server, which is the same on every node"},
    run=run,
    describe=promised,
    check=lambda kubernetes: list(_check(kubernetes)),
    measures=False,
    rights=_rights,
    touches=lambda kubernetes, namespace: Reach(),
    example="kubernetes: {endpoints: {service: checkout, at_least: 2}}",
)
