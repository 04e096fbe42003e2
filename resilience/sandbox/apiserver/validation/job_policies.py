"""The policies of a Job: failures by rule, limits for each index, early success.

Source: pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_NOT_INDEXED = "requires indexed completion mode"
_POSITIVE = "must be greater than or equal to 0"


class IndexesError(ValueError):
    """A text that does not name indexes correctly; says why."""


def check(spec: Obj) -> Iterator[Cause]:
    """Every cause in one Job's policies."""
    yield from _per_index(spec)
    yield from _failures(spec)
    policy = spec.get("successPolicy")
    if policy is None:
        return
    if spec.get("completionMode") != "Indexed":
        yield refusals.value_invalid("spec.successPolicy", policy, _NOT_INDEXED)
    elif isinstance(spec.get("completions"), int):
        yield from _success(policy, spec["completions"])


def _per_index(spec: Obj) -> Iterator[Cause]:
    limit, most = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    for field, value in (("backoffLimitPerIndex", limit), ("maxFailedIndexes", most)):
        where = f"spec.{field}"
        if value is None:
            continue
        if value < 0:
            yield refusals.value_invalid(where, value, _POSITIVE)
        if spec.get("completionMode") != "Indexed":
            yield refusals.value_invalid(where, value, _NOT_INDEXED)
    if most is None:
        return
    if limit is None:
        yield refusals.value_required(
            "spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"
        )
    completions = spec.get("completions")
    if completions is not None and most > completions:
        yield refusals.value_invalid(
            "spec.maxFailedIndexes", most, "must be less than or equal to completions"
        )


def _failures(spec: Obj) -> Iterator[Cause]:
    policy = spec.get("podFailurePolicy")
    if policy is None:
        return
    restart = spec["template"]["spec"].get("restartPolicy")
    if restart == "OnFailure":
        yield refusals.value_invalid(
            "spec.template.spec.restartPolicy",
            restart,
            'only "Never" is supported when podFailurePolicy is specified',
        )
    names = {
        container.get("name")
        for group in ("containers", "initContainers")
        for container in spec["template"]["spec"].get(group) or ()
    }
    for at, rule in enumerate(policy.get("rules") or ()):
        yield from _failure_rule(spec, rule, f"spec.podFailurePolicy.rules[{at}]", names)


def _failure_rule(spec: Obj, rule: Obj, where: str, names: set[Any]) -> Iterator[Cause]:
    action = rule.get("action")
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        why = "requires the backoffLimitPerIndex to be set"
        yield refusals.value_invalid(f"{where}.action", action, why)
    elif action not in _ACTIONS:
        yield refusals.value_unsupported(f"{where}.action", action or "", list(_ACTIONS))
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
    if bool(codes) == bool(conditions):
        one = "both OnExitCodes and OnPodConditions is not supported"
        none = "one of OnExitCodes and OnPodConditions is required"
        text = f"Invalid value: specifying {one if codes else none}"
        yield Cause("FieldValueInvalid", where, text)
    if codes:
        yield from _exit_codes(codes, f"{where}.onExitCodes", names)


def _exit_codes(codes: Obj, where: str, names: set[Any]) -> Iterator[Cause]:
    name = codes.get("containerName")
    if name is not None and name not in names:
        why = "must be one of the container or initContainer names in the pod template"
        yield refusals.value_invalid(f"{where}.containerName", name, why)
    values = codes.get("values") or []
    if not values:
        yield refusals.value_invalid(f"{where}.values", values, "at least one value is required")
    for at, value in enumerate(values):
        if value == 0 and codes.get("operator") == "In":
            why = "must not be 0 for the In operator"
            yield refusals.value_invalid(f"{where}.values[{at}]", value, why)
        if value in values[:at]:
            yield refusals.value_duplicate(f"{where}.values[{at}]", value)
    if values != sorted(values):
        yield refusals.value_invalid(f"{where}.values", values, "must be ordered")


def _success(policy: Obj, completions: int) -> Iterator[Cause]:
    rules = policy.get("rules") or ()
    if not rules:
        yield refusals.value_required(
            "spec.successPolicy.rules",
            "at least one rules must be specified when the successPolicy is specified",
        )
    for at, rule in enumerate(rules):
        yield from _success_rule(rule, f"spec.successPolicy.rules[{at}]", completions)


def _success_rule(rule: Obj, where: str, completions: int) -> Iterator[Cause]:
    count, text = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and text is None:
        why = "at least one of succeededCount or succeededIndexes must be specified"
        yield refusals.value_required(where, why)
    total = None
    if text is not None:
        try:
            total = indexes(text, completions)
        except IndexesError as error:
            why = f"error parsing succeededIndexes: {error}"
            yield refusals.value_invalid(f"{where}.succeededIndexes", text, why)
            total = 0
    if count is None:
        return
    place, most = f"{where}.succeededCount", "must be less than or equal to"
    if count < 0:
        yield refusals.value_invalid(place, count, _POSITIVE)
    if count > completions:
        why = f"{most} {completions} (the number of specified completions)"
        yield refusals.value_invalid(place, count, why)
    if total is not None and count > total:
        why = f"{most} {total} (the number of indexes in the specified succeededIndexes field)"
        yield refusals.value_invalid(place, count, why)


def indexes(text: str, completions: int) -> int:
    """The number of indexes in "0-2,5"; IndexesError."""
    total, last = 0, -1
    for part in text.split(",") if text else ():
        ends = part.split("-")
        if len(ends) > 2:
            raise IndexesError(
                f'the fragment "{part}" violates the requirement that an index interval can have'
                " at most two parts separated by '-'"
            )
        first, end = _index(ends[0], completions), _index(ends[-1], completions)
        if len(ends) == 2 and first >= end:
            raise IndexesError(f"non-increasing order, previous: {first}, current: {end}")
        if last >= first:
            raise IndexesError(f"non-increasing order, previous: {last}, current: {first}")
        total, last = total + end - first + 1, end
    return total


def _index(text: str, completions: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise IndexesError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise IndexesError(f'too large index: "{text}"')
    return int(text)
