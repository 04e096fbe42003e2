"""What workloads share: a template, the selector that selects its Pods, and numbers.

Sources: pkg/apis/{apps,batch}/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from resilience.sandbox.apiserver.validation import metadata_names, pod_spec
from resilience.sandbox.kube import labels, refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_POSITIVE = "must be greater than or equal to 0"


def template(
    spec: Obj, *, policies: tuple[str, ...] = ("Always",), claims: Collection[str] = ()
) -> list[Cause]:
    """Causes in selector and template, and between them; `claims` as in `pod_spec.check`."""
    inner = spec.get("template") or {}
    causes = metadata_names.selector(spec.get("selector"), "spec.selector")
    if causes:
        # A selector that cannot be parsed is not compared with the template.
        return [
            *causes,
            refusals.value_invalid("spec.selector", spec["selector"], "invalid label selector"),
        ]
    causes += _selected(spec.get("selector"), inner)
    where, metadata = "spec.template", inner.get("metadata") or {}
    causes += metadata_names.pairs(metadata.get("labels"), f"{where}.labels")
    causes += metadata_names.notes(metadata.get("annotations"), f"{where}.annotations")
    pod = inner.get("spec") or {}
    causes += pod_spec.check(pod, f"{where}.spec", claims)
    return causes + _of_templates(pod, f"{where}.spec", policies)


def _selected(chosen: Any, inner: Obj) -> list[Cause]:
    """Whether the selector selects the template's Pods."""
    causes: list[Cause] = []
    given = (inner.get("metadata") or {}).get("labels")
    if chosen is not None and not chosen.get("matchLabels") and not chosen.get("matchExpressions"):
        causes.append(
            refusals.value_invalid(
                "spec.selector", chosen, "empty selector is invalid for deployment"
            )
        )
    elif not labels.matches(chosen, given or {}):
        if chosen is None:
            causes.append(refusals.value_required("spec.selector"))
        causes.append(
            refusals.value_invalid(
                "spec.template.metadata.labels",
                given,
                "`selector` does not match template `labels`",
            )
        )
    return causes


def _of_templates(pod: Obj, where: str, policies: tuple[str, ...]) -> list[Cause]:
    """What a Pod may have and its template may not."""
    causes: list[Cause] = []
    if pod.get("ephemeralContainers"):
        causes.append(
            refusals.value_forbidden(
                f"{where}.ephemeralContainers",
                "ephemeral containers not allowed in pod template",
            )
        )
    if pod.get("restartPolicy") in ("Always", "OnFailure", "Never") and (
        pod["restartPolicy"] not in policies
    ):
        field = f"{where}.restartPolicy"
        if "Always" in policies:
            causes.append(refusals.value_unsupported(field, pod["restartPolicy"], policies))
        else:
            causes.append(refusals.value_required(field, 'valid values: "OnFailure", "Never"'))
    if pod.get("activeDeadlineSeconds") is not None and policies == ("Always",):
        causes.append(
            refusals.value_forbidden(
                f"{where}.activeDeadlineSeconds",
                "activeDeadlineSeconds in ReplicaSet is not Supported",
            )
        )
    return causes


def counts(spec: Obj, *fields: str) -> list[Cause]:
    """Causes in numbers that may not be negative."""
    return [
        refusals.value_invalid(f"spec.{field}", spec[field], _POSITIVE)
        for field in fields
        if spec.get(field) is not None and spec[field] < 0
    ]
