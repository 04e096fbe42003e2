"""The namespaces of a choice: the scenario's own, or all that have some labels.

Namespaces are read when the step begins, as Pods are. A namespace that is being deleted is left
out. A paused one is left out as well, and the timeline says so. Consent and locks for each of them
were obtained when the run began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resilience.actions.selection.choice import PodChoice, WideChoice
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.cluster.permit.consent_keys import PAUSED, PROTECTED
from resilience.cluster.permit.selected_namespaces import selected
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.nearest import did_you_mean
from resilience.model.timeline import What
from resilience.model.verb import Right
from resilience.verbs.context import ActionContext, NothingToDo, Refused

MOST_LABELS = 8
"""Labels of namespaces listed in one message."""


def is_wide(choice: object) -> bool:
    """Whether the choice selects namespaces by label."""
    return isinstance(choice, WideChoice) and choice.namespaces is not None


def namespaces(choice: PodChoice, context: ActionContext) -> Sequence[str]:
    """Names of the namespaces, at least one. NothingToDo when no namespace matches, Refused when
    all are paused."""
    if not isinstance(choice, WideChoice) or choice.namespaces is None:
        return [context.namespace]
    meant = selected(context.cluster, choice.namespaces)
    if not meant:
        raise NothingToDo(_none(choice.namespaces, context.cluster))
    paused = [each for each in meant if _is_paused(each)]
    for each in paused:
        context.note(What.NOTE, f"namespace {objects.name(each)} is paused ({PAUSED}): left out")
    if len(paused) == len(meant):
        raise Refused(f"each namespace labelled {choice.namespaces} is paused ({PAUSED})")
    return [objects.name(each) for each in meant if each not in paused]


def pods(spaces: Sequence[str], context: ActionContext) -> list[Object]:
    """All Pods of these namespaces: from the run's watch in its own, elsewhere as listed now."""
    return [pod for each in spaces for pod in _in(each, context)]


def rights(
    parameters: object, namespace: str, wanted: Iterable[tuple[str, str, str]]
) -> list[Right]:
    """`(group, verb, resource)` wherever the choice may be made."""
    labels = parameters.namespaces if isinstance(parameters, WideChoice) else None
    text, where = (str(labels), "") if labels else ("", namespace)
    found = [
        Right(verb=verb, group=group, resource=resource, namespace=where, selected=text)
        for group, verb, resource in wanted
    ]
    if labels:
        found += [Right(verb=verb, group="", resource="namespaces") for verb in ("get", "list")]
    return found


def _in(namespace: str, context: ActionContext) -> Sequence[Object]:
    if namespace == context.namespace:
        return context.view(PODS, namespace).objects()
    return context.cluster.list(PODS, namespace)


def _is_paused(namespace: Object) -> bool:
    return objects.annotation(namespace, PAUSED) not in ("", "false")


def _none(selector: Selector, cluster: Cluster) -> str:
    there = [each for each in cluster.list(NAMESPACES) if objects.name(each) not in PROTECTED]
    labels = sorted({
        f"{key}={value}"
        for each in there
        for key, value in objects.labels(each).items()
        if key != "kubernetes.io/metadata.name"
    })  # fmt: skip
    names = ", ".join(objects.name(each) for each in there[:5]) + (", ..." if there[5:] else "")
    listed = ", ".join(labels[:MOST_LABELS]) + (", ..." if labels[MOST_LABELS:] else "")
    return (
        f"no namespace is labelled {selector}; there are {names or 'none'}, their labels:"
        f" {listed or 'none'}; nothing was harmed{did_you_mean(str(selector), labels)}"
    )
