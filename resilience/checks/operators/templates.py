"""Pods of custom resources whose Pod template this run wrote. How their operators roll out is not
known: right after the change all old Pods are ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.cluster.interface import PODS, Object
from resilience.cluster.survey import WORKLOADS
from resilience.kube import objects, readiness
from resilience.kube.selectors import Selector
from resilience.model.words import many
from resilience.verbs.context import Change, CheckContext


def unrolled(context: CheckContext, selector: Selector | None = None) -> list[str]:
    """What is missing of their Pods. With `selector` only Pods that existed before are judged: the
    check itself says how many it expects."""
    newest = {change.uid: change for change in context.changes if has_template(change, context)}
    found = []
    for change in newest.values():
        labels = objects.labels(change.new_spec["template"])
        if selector is None or (selector.matches(labels) and not change.is_new):
            found.append(_unrolled(change, labels, context))
    return [text for text in found if text]


def has_template(change: Change, context: CheckContext) -> bool:
    """Whether it makes Pods, as far as its spec shows, and is of no kind that is known."""
    template = objects.mapping(change.new_spec.get("template"))
    containers = objects.mapping(template.get("spec")).get("containers")
    known = {resource.kind for resource in WORKLOADS}
    here = change.namespace == context.namespace and change.kind not in known
    return here and bool(containers) and bool(objects.labels(dict(template)))


def _unrolled(change: Change, labels: Mapping[str, str], context: CheckContext) -> str:
    title = f"{change.kind.lower()}/{change.name}"
    mine = [pod for pod in context.view(PODS, context.namespace).objects() if _has(pod, labels)]
    serving = [pod for pod in mine if readiness.serves(pod)]
    if change.is_new:
        want = change.new_spec.get("replicas", 1)
        if not isinstance(want, int) or len(serving) >= want:
            return ""
        return f"{title}, which this run created, wants {want} Pods, and {len(serving)} serve"
    if change.template == change.new_spec["template"]:
        return ""
    old = [pod for pod in serving if not _is_of(pod, change, context)]
    if not old:
        return ""
    return (
        f"{title}: this run changed its Pod template, and {many(len(old), 'Pod')} of the old one"
        f" still {'serves' if len(old) == 1 else 'serve'} ({objects.title(old[0])}): nothing"
        " proves the new one"
    )


def _has(pod: Object, labels: Mapping[str, str]) -> bool:
    """Whether it has these labels, and belongs to no Deployment."""
    own = objects.labels(pod)
    return labels.items() <= own.items() and "pod-template-hash" not in own


def _is_of(pod: Object, change: Change, context: CheckContext) -> bool:
    """Whether the Pod is of the new template: made since, or with its new images in place."""
    first = next((event.received for event in context.history(PODS)
                  if objects.uid(event.object) == objects.uid(pod)), change.since)  # fmt: skip
    wanted = set(_images(change.new_spec["template"])) - set(_images(change.template))
    here = set(_images(pod))
    return first > change.since or (bool(wanted) and wanted <= here)


def _images(obj: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec = objects.mapping(obj.get("spec"))
    listed = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [(str(each.get("name")), str(each.get("image"))) for each in listed]
