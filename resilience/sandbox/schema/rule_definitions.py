"""The rules of a CustomResourceDefinition itself: are they such that they can be evaluated?

Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation/validation.go. What
its compiler finds by the schema's types (a field that is not there) is not found here; the rule
then fails when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.sandbox.apiserver import errors
from resilience.sandbox.apiserver.errors import Cause
from resilience.sandbox.schema import cel, rules

_EXPRESSIONS = (
    ("rule", "BOOL", "cel expression must evaluate to a bool"),
    ("messageExpression", "STRING", "messageExpression must evaluate to a string"),
)
REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def check(schema: Any, path: str) -> Iterator[Cause]:
    """Everything that is wrong with the rules in one version's schema."""
    for where, part in rules.each(schema, path):
        for at, rule in enumerate(part[rules.RULES]):
            place = f"{where}.{rules.RULES}[{at}]"
            wrong = list(_form(rule, place))
            yield from wrong or _meaning(rule, place, _uncorrelated(schema, path, where))


def _form(rule: Mapping[str, Any], place: str) -> Iterator[Cause]:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        yield errors.value_required(f"{place}.rule", "rule is not specified")
    elif message and not message.strip():
        yield errors.value_invalid(f"{place}.message", message, "must be non-empty if specified")
    elif "\n" in message.strip():
        yield errors.value_invalid(f"{place}.message", message, "must not contain line breaks")
    elif "\n" in text.strip() and not message:
        yield errors.value_required(
            f"{place}.message", "message must be specified if rule contains line breaks"
        )
    reason = rule.get("reason")
    if reason is not None and reason not in REASONS:
        yield errors.value_unsupported(f"{place}.reason", reason, list(REASONS))


def _meaning(rule: Mapping[str, Any], place: str, uncorrelated: str) -> Iterator[Cause]:
    for field, kind, why in _EXPRESSIONS:
        text = rule.get(field)
        if text and cel.is_installed():
            try:
                found = cel.kind_of(text)
            except cel.CelError as error:
                problem = f"compilation failed: {error}"
                yield errors.value_invalid(f"{place}.{field}", text, problem)
            else:
                if found not in (kind, "DYN"):
                    yield errors.value_invalid(f"{place}.{field}", text, why)
    if cel.uses_old(rule["rule"]):
        if uncorrelated:
            yield errors.value_invalid(
                f"{place}.rule",
                rule["rule"],
                "oldSelf cannot be used on the uncorrelatable portion of the schema within"
                f" {uncorrelated}",
            )
    elif rule.get("optionalOldSelf") is not None:
        yield errors.value_invalid(
            f"{place}.optionalOldSelf",
            rule["optionalOldSelf"],
            "may not be set if oldSelf is not used in rule",
        )


def _uncorrelated(schema: Mapping[str, Any], path: str, wanted: str) -> str:
    """The outermost list or atomic map on the way to `wanted` whose parts have no past; or ""."""
    here, at = schema, path
    while at != wanted:
        for step, inner in _below(here):
            if wanted == at + step or wanted.startswith((at + step + ".", at + step + "[")):
                if step == ".items" and here.get("x-kubernetes-list-type") != "map":
                    return at + step
                here, at = inner, at + step
                break
        else:
            return ""
    return ""


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f".properties[{name}]", inner
    for name in ("additionalProperties", "items"):
        if isinstance(schema.get(name), Mapping):
            yield f".{name}", schema[name]
