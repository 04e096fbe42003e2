"""The rules of Deployments, ReplicaSets, StatefulSets and DaemonSets.

Source: pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from resilience.sandbox.apiserver.validation import metadata_names
from resilience.sandbox.apiserver.validation.template_rules import counts, template
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_POSITIVE = "must be greater than or equal to 0"
_IMMUTABLE = "field is immutable"
_PERCENT = re.compile(r"^\d+%$")
_STATEFUL = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)


def share(value: Any, where: str) -> list[Cause]:
    """Causes in an int-or-percent."""
    if isinstance(value, int):
        return [refusals.value_invalid(where, value, _POSITIVE)] if value < 0 else []
    if not _PERCENT.match(value):
        return [
            refusals.value_invalid(
                where,
                value,
                "a valid percent string must be a numeric string followed by an ending '%' (e.g."
                " '1%',  or '93%', regex used for validation is '[0-9]+%')",
            )
        ]
    return []


def _is_zero(value: Any) -> bool:
    return value in (0, None) or (isinstance(value, str) and value.rstrip("%").strip("0") == "")


def deployment(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    causes += template(spec)
    strategy = spec.get("strategy") or {}
    rolling, where = strategy.get("rollingUpdate"), "spec.strategy.rollingUpdate"
    if strategy.get("type") not in ("Recreate", "RollingUpdate"):
        causes.append(
            refusals.value_unsupported(
                "spec.strategy",
                {"Type": strategy.get("type"), "RollingUpdate": rolling},
                ["Recreate", "RollingUpdate"],
            )
        )
    elif strategy["type"] == "Recreate" and rolling is not None:
        causes.append(
            refusals.value_forbidden(
                where, "may not be specified when strategy `type` is 'Recreate'"
            )
        )
    elif strategy["type"] == "RollingUpdate":
        causes += _rolling(rolling or {}, where)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        causes.append(
            refusals.value_invalid(
                "spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"
            )
        )
    return causes + _same_selector(obj, old)


def _rolling(rolling: Obj, where: str) -> list[Cause]:
    surge, unavailable = rolling.get("maxSurge", 0), rolling.get("maxUnavailable", 0)
    causes = share(unavailable, f"{where}.maxUnavailable") + share(surge, f"{where}.maxSurge")
    if not causes and _is_zero(unavailable) and _is_zero(surge):
        causes.append(
            refusals.value_invalid(
                f"{where}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"
            )
        )
    if isinstance(unavailable, str) and not causes and int(unavailable.rstrip("%")) > 100:
        causes.append(
            refusals.value_invalid(
                f"{where}.maxUnavailable", unavailable, "must not be greater than 100%"
            )
        )
    return causes


def _same_selector(obj: Obj, old: Obj | None) -> list[Cause]:
    if old is not None and obj["spec"].get("selector") != old["spec"].get("selector"):
        return [refusals.value_invalid("spec.selector", obj["spec"].get("selector"), _IMMUTABLE)]
    return []


def replication_controller(obj: Obj, old: Obj | None) -> list[Cause]:
    """A ReplicaSet with a plain map as selector, which may change."""
    spec = obj["spec"]
    causes = counts(spec, "replicas", "minReadySeconds")
    if not spec.get("selector"):
        causes.append(refusals.value_required("spec.selector"))
        return causes
    causes += metadata_names.pairs(spec["selector"], "spec.selector")
    return causes + template({**spec, "selector": {"matchLabels": spec["selector"]}})


def replica_set(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    return [
        *counts(spec, "replicas", "minReadySeconds"),
        *template(spec),
        *_same_selector(obj, old),
    ]


def daemon_set(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = [*counts(spec, "minReadySeconds", "revisionHistoryLimit"), *template(spec)]
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "RollingUpdate":
        where = "spec.updateStrategy.rollingUpdate"
        rolling = strategy.get("rollingUpdate") or {}
        causes += share(rolling.get("maxUnavailable", 0), f"{where}.maxUnavailable")
        causes += share(rolling.get("maxSurge", 0), f"{where}.maxSurge")
    return causes + _same_selector(obj, old)


def stateful_set(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    claims = {_name(claim) for claim in spec.get("volumeClaimTemplates") or ()}
    causes = [
        *counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit"),
        *template(_with_identity(spec, claims), claims=claims),
    ]
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    if partition < 0:
        causes.append(
            refusals.value_invalid(
                "spec.updateStrategy.rollingUpdate.partition", partition, _POSITIVE
            )
        )
    if old is not None:
        fixed = {
            field
            for field in {*spec, *old["spec"]} - _STATEFUL
            if spec.get(field) != old["spec"].get(field)
        }
        if fixed:
            causes.append(
                refusals.value_forbidden(
                    "spec",
                    "updates to statefulset spec for fields other than 'replicas', 'ordinals',"
                    " 'template', 'updateStrategy', 'revisionHistoryLimit',"
                    " 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
                )
            )
    return causes


def _with_identity(spec: Obj, claims: Collection[str]) -> Obj:
    """A StatefulSet's spec with the changes that the controller will make: it sets name and
    subdomain, and the claims replace volumes with the same name."""
    template = spec.get("template") or {}
    pod = {key: value for key, value in (template.get("spec") or {}).items()
           if key not in ("hostname", "subdomain")}  # fmt: skip
    if pod.get("volumes"):
        pod["volumes"] = [volume for volume in pod["volumes"] if volume.get("name") not in claims]
    return {**spec, "template": {**template, "spec": pod}}


def _name(obj: Obj) -> str:
    return str((obj.get("metadata") or {}).get("name", ""))
