"""The rules of Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

Sources: pkg/apis/{apps,batch}/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from resilience.sandbox.apiserver.validation import job_policies, metadata_names, pod_spec
from resilience.sandbox.kube import labels, refusals
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
_CRON_FIELD = re.compile(r"^[\d*/,\-?a-zA-Z]+$")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def template(
    spec: Obj, *, policies: tuple[str, ...] = ("Always",), claims: Collection[str] = ()
) -> list[Cause]:
    """Causes in selector and template, and between them; `claims` as in `podspec.check`."""
    inner = spec.get("template") or {}
    causes = metadata_names.selector(spec.get("selector"), "spec.selector")
    if causes:
        # A selector that cannot be parsed is not compared with the template.
        return [
            *causes,
            refusals.value_invalid("spec.selector", spec["selector"], "invalid label selector"),
        ]
    given = (inner.get("metadata") or {}).get("labels")
    where, chosen = "spec.template", spec.get("selector")
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
                f"{where}.metadata.labels", given, "`selector` does not match template `labels`"
            )
        )
    causes += metadata_names.pairs(given, f"{where}.labels")
    causes += metadata_names.notes(
        (inner.get("metadata") or {}).get("annotations"), f"{where}.annotations"
    )
    pod = inner.get("spec") or {}
    causes += pod_spec.check(pod, f"{where}.spec", claims)
    if pod.get("ephemeralContainers"):
        causes.append(
            refusals.value_forbidden(
                f"{where}.spec.ephemeralContainers",
                "ephemeral containers not allowed in pod template",
            )
        )
    if pod.get("restartPolicy") in ("Always", "OnFailure", "Never") and (
        pod["restartPolicy"] not in policies
    ):
        field = f"{where}.spec.restartPolicy"
        if "Always" in policies:
            causes.append(refusals.value_unsupported(field, pod["restartPolicy"], policies))
        else:
            causes.append(refusals.value_required(field, 'valid values: "OnFailure", "Never"'))
    if pod.get("activeDeadlineSeconds") is not None and policies == ("Always",):
        causes.append(
            refusals.value_forbidden(
                f"{where}.spec.activeDeadlineSeconds",
                "activeDeadlineSeconds in ReplicaSet is not Supported",
            )
        )
    return causes


def _counts(spec: Obj, *fields: str) -> list[Cause]:
    return [
        refusals.value_invalid(f"spec.{field}", spec[field], _POSITIVE)
        for field in fields
        if spec.get(field) is not None and spec[field] < 0
    ]


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
    causes = _counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
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
    causes = _counts(spec, "replicas", "minReadySeconds")
    if not spec.get("selector"):
        causes.append(refusals.value_required("spec.selector"))
        return causes
    causes += metadata_names.pairs(spec["selector"], "spec.selector")
    return causes + template({**spec, "selector": {"matchLabels": spec["selector"]}})


def replica_set(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    return [
        *_counts(spec, "replicas", "minReadySeconds"),
        *template(spec),
        *_same_selector(obj, old),
    ]


def daemon_set(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = [*_counts(spec, "minReadySeconds", "revisionHistoryLimit"), *template(spec)]
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
        *_counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit"),
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


def job(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = [
        *_counts(
            spec,
            "parallelism",
            "completions",
            "backoffLimit",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
        ),
        *template(spec, policies=("OnFailure", "Never")),
    ]
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        causes.append(
            refusals.value_required("spec.completions", "when completion mode is Indexed")
        )
    causes += job_policies.check(spec)
    if old is not None:
        before = old["spec"]
        fixed = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex",
                 "successPolicy"]  # fmt: skip
        if not (before.get("suspend") and spec.get("template") != before.get("template")):
            fixed.append("template")
        if spec.get("completionMode") != "Indexed":
            fixed.append("completions")
        causes += [
            refusals.value_invalid(f"spec.{field}", spec.get(field), _IMMUTABLE)
            for field in fixed
            if spec.get(field) != before.get(field)
        ]
    return causes


def cron_job(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = schedule(spec.get("schedule") or "")
    causes += _counts(
        spec, "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"
    )
    zone = spec.get("timeZone")
    if zone is not None:
        causes += _zone(zone)
    inner = (spec.get("jobTemplate") or {}).get("spec") or {}
    pod = (inner.get("template") or {}).get("spec") or {}
    where = "spec.jobTemplate.spec.template.spec"
    causes += pod_spec.check(pod, where)
    if pod.get("restartPolicy") == "Always":
        causes.append(
            refusals.value_required(f"{where}.restartPolicy", 'valid values: "OnFailure", "Never"')
        )
    if len(obj["metadata"].get("name", "")) > 52:
        causes.append(
            refusals.value_invalid(
                "metadata.name", obj["metadata"]["name"], "must be no more than 52 characters"
            )
        )
    return causes


def schedule(text: str) -> list[Cause]:
    """Causes in a cron expression of five fields or a macro."""
    if not text:
        return []
    if text.startswith("@"):
        known = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
        fine = text in known or text.startswith("@every ")
        return (
            []
            if fine
            else [refusals.value_invalid("spec.schedule", text, f"unrecognized descriptor: {text}")]
        )
    if "TZ=" in text:
        return [
            refusals.value_invalid(
                "spec.schedule",
                text,
                "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
            )
        ]
    parts = text.split()
    if len(parts) != 5:
        listed = " ".join(parts)
        return [
            refusals.value_invalid(
                "spec.schedule", text, f"expected exactly 5 fields, found {len(parts)}: [{listed}]"
            )
        ]
    for part, (least, most) in zip(parts, _CRON_RANGES, strict=True):
        numbers = [int(word) for word in re.findall(r"(?<![/\d])\d+", part)]
        if not _CRON_FIELD.match(part):
            return [
                refusals.value_invalid("spec.schedule", text, f"failed to parse int from {part}")
            ]
        if any(not least <= number <= most for number in numbers):
            worst = max(numbers)
            return [
                refusals.value_invalid(
                    "spec.schedule", text, f"end of range ({worst}) above maximum ({most}): {part}"
                )
            ]
    return []


def _zone(zone: str) -> list[Cause]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if zone == "" or zone.lower() == "local":
        return [
            refusals.value_invalid(
                "spec.timeZone", zone, "timeZone must be nil or non-empty string"
            )
        ]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [refusals.value_invalid("spec.timeZone", zone, f"unknown time zone {zone}")]
    return []
