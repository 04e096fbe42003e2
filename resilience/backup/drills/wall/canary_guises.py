"""The Pods for which a drill's wall has to hold: every combination of labels and account of its
workloads.

Policies select Pods by labels; those of some plugins select them by account. A canary without a
workload's labels proves nothing about that workload. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object
from resilience.cluster.stand_in import NOBODY, StandIn

_GENERATED = (
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
)


@dataclass(frozen=True, slots=True, order=True)
class Guise:
    """A Pod as policies see it. Labels that differ from Pod to Pod are left out."""

    labels: tuple[tuple[str, str], ...] = ()
    account: str = ""


PLAIN = Guise()


def guises(objects: Iterable[Object]) -> list[Guise]:
    """The labels and accounts of all Pods and Pod templates, each combination once."""
    return sorted({each for obj in objects for each in _of(obj)})


def stand_in(objects: Iterable[Object]) -> StandIn:
    """Settings that let a canary run where the workloads run, from the first Pod or Pod template
    that has any."""
    found = (StandIn.of_any([pod]) for obj in objects for pod in pods(obj))
    return next((each for each in found if each != NOBODY), NOBODY)


def _of(obj: Object) -> Iterator[Guise]:
    for pod in pods(obj):
        yield _guise(pod)


def pods(obj: Object) -> Iterator[Mapping[str, Any]]:
    """The Pod itself, or the Pod templates of an object that creates Pods."""
    if identity(obj) == "Pod":
        yield obj
        return
    yield from _templates(obj.get("spec"))


def _templates(value: Any) -> Iterator[Mapping[str, Any]]:
    """All values that contain a Pod spec under `spec`, at any depth and under any name."""
    if isinstance(value, dict):
        spec = value.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("containers"), list):
            yield value
        for inner in value.values():
            yield from _templates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _templates(inner)


def _guise(pod: Mapping[str, Any]) -> Guise:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    spec = pod.get("spec") or {}
    kept = sorted((key, value) for key, value in labels.items() if key not in _GENERATED)
    account = str(spec.get("serviceAccountName") or "")
    return Guise(tuple(kept), "" if account == "default" else account)
