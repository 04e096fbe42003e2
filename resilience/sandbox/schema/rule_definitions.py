"""The rules of a CustomResourceDefinition itself: whether they can be evaluated.

Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation/validation.go. Of the
errors that its compiler finds by the schema's types, only a missing field is found here
(`rule_fields`); any other rule of the wrong type fails when it runs. The cost of rules is not
estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema import cel, rule_fields, rules

_EXPRESSIONS = (
    ("rule", "BOOL", "", "cel expression must evaluate to a bool"),
    (
        "messageExpression",
        "STRING",
        "messageExpression ",
        "messageExpression must evaluate to a string",
    ),
)
_IN_GO = ("rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf")
_NULLABLE = ("reason", "optionalOldSelf")
REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def check(schema: Any, path: str) -> Iterator[Cause]:
    """Everything wrong with the rules in one version's schema."""
    for where, part in rules.each(schema, path):
        for at, rule in enumerate(part[rules.RULES]):
            place = f"{where}.{rules.RULES}[{at}]"
            wrong = list(_form(rule, place))
            if wrong:
                yield from wrong
                continue
            yield from _compilation(rule, place, part, where == path)
            yield from _past(rule, place, _uncorrelated(schema, path, where))


def _form(rule: Mapping[str, Any], place: str) -> Iterator[Cause]:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        yield refusals.value_required(f"{place}.rule", "rule is not specified")
    elif message and not message.strip():
        yield refusals.value_invalid(f"{place}.message", message, "must be non-empty if specified")
    elif "\n" in message.strip():
        yield refusals.value_invalid(f"{place}.message", message, "must not contain line breaks")
    elif "\n" in text.strip() and not message:
        yield refusals.value_required(
            f"{place}.message", "message must be specified if rule contains line breaks"
        )
    reason = rule.get("reason")
    if reason is not None and reason not in REASONS:
        yield refusals.value_unsupported(f"{place}.reason", reason, list(REASONS))


def _compilation(
    rule: Mapping[str, Any], place: str, schema: Mapping[str, Any], is_root: bool
) -> Iterator[Cause]:
    for field, kind, about, why in _EXPRESSIONS:
        text = rule.get(field)
        if not text or not cel.is_installed():
            continue
        problem = _problem(text, rule, schema, is_root)
        if problem:
            problem = f"{about}compilation failed: {problem}"
        elif cel.kind_of(text) not in (kind, "DYN"):
            problem = why
        if problem:
            yield refusals.value_invalid(f"{place}.{field}", _in_go(rule), problem)


def _problem(text: str, rule: Mapping[str, Any], schema: Mapping[str, Any], is_root: bool) -> str:
    try:
        cel.compiled(text)
    except cel.CelError as error:
        return str(error)
    old_is_optional = bool(rule.get("optionalOldSelf"))
    return rule_fields.undefined(text, schema, is_root=is_root, old_is_optional=old_is_optional)


def _in_go(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule as the real server stores and prints it."""
    return {
        name[0].upper() + name[1:]: rule.get(name, None if name in _NULLABLE else "")
        for name in _IN_GO
    }


def _past(rule: Mapping[str, Any], place: str, uncorrelated: str) -> Iterator[Cause]:
    if cel.uses_old(rule["rule"]):
        if uncorrelated:
            yield refusals.value_invalid(
                f"{place}.rule",
                rule["rule"],
                "oldSelf cannot be used on the uncorrelatable portion of the schema within"
                f" {uncorrelated}",
            )
    elif rule.get("optionalOldSelf") is not None:
        yield refusals.value_invalid(
            f"{place}.optionalOldSelf",
            rule["optionalOldSelf"],
            "may not be set if oldSelf is not used in rule",
        )


def _uncorrelated(schema: Mapping[str, Any], path: str, wanted: str) -> str:
    """The outermost list or atomic map on the way to `wanted`, whose parts have no past; or ""."""
    here, at = schema, path
    while at != wanted:
        for step, inner in _below(here):
            if wanted == at + step or wanted.startswith((at + step + ".", at + step + "[")):
                if _has_no_past(here, step):
                    return at
                here, at = inner, at + step
                break
        else:
            return ""
    return ""


def _has_no_past(schema: Mapping[str, Any], step: str) -> bool:
    if step == ".items":
        return schema.get("x-kubernetes-list-type") != "map"
    return step.startswith(".properties") and schema.get("x-kubernetes-map-type") == "atomic"


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f".properties[{name}]", inner
    for name in ("additionalProperties", "items"):
        if isinstance(schema.get(name), Mapping):
            yield f".{name}", schema[name]
