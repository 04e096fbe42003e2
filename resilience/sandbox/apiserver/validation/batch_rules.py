"""The rules of Jobs and CronJobs.

Source: pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Any

from resilience.sandbox.apiserver.validation import job_policies, pod_spec
from resilience.sandbox.apiserver.validation.template_rules import counts, template
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.store.store import clone

Obj = dict[str, Any]
_IMMUTABLE = "field is immutable"
_CRON_FIELD = re.compile(r"^[\d*/,\-?a-zA-Z]+$")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def job(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = [
        *counts(
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
        if not _schedules_otherwise(old, spec):
            fixed.append("template")
        if spec.get("completionMode") != "Indexed":
            fixed.append("completions")
        causes += [
            refusals.value_invalid(f"spec.{field}", spec.get(field), _IMMUTABLE)
            for field in fixed
            if spec.get(field) != before.get(field)
        ]
    return causes


_SCHEDULING = ("nodeSelector", "tolerations", "affinity", "schedulingGates")


def _schedules_otherwise(old: Obj, spec: Obj) -> bool:
    """Whether the template differs in scheduling alone, and the Job was never started
    (pkg/apis/batch/validation, validatePodTemplateUpdate)."""
    if not old["spec"].get("suspend") or (old.get("status") or {}).get("startTime"):
        return False
    before, after = clone(old["spec"]["template"]), clone(spec["template"])
    for each in (before, after):
        about = each["metadata"] = each.get("metadata") or {}
        for key in ("labels", "annotations"):
            about.pop(key, None)
        for key in _SCHEDULING:
            each["spec"].pop(key, None)
    return bool(before == after)


def cron_job(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = schedule(spec.get("schedule") or "")
    causes += counts(
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
    return _cron_fields(text, parts)


def _cron_fields(text: str, parts: list[str]) -> list[Cause]:
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
