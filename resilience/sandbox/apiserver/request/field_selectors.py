"""Field selectors: which fields each kind supports, and their text form.

Sources: AddFieldLabelConversionFuncs in pkg/apis/*/v1/conversion.go and
k8s.io/apimachinery/pkg/fields/selector.go.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, Resource

_COMMON = ("metadata.name", "metadata.namespace")
_EXTRA: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("events.k8s.io", "events"): (
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reason",
        "reportingController",
        "type",
    ),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "replicationcontrollers"): ("status.replicas",),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
    ("certificates.k8s.io", "certificatesigningrequests"): ("spec.signerName",),
}
_BOOLEANS = frozenset({"spec.unschedulable", "spec.hostNetwork"})
_NUMBERS = frozenset({"status.replicas", "status.successful"})


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One `field=value` or `field!=value`."""

    field: str
    value: str
    equal: bool


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All terms must match; without terms everything does. `custom` is for fields of a custom
    kind, which are read as they are."""

    terms: tuple[FieldTerm, ...] = ()
    custom: bool = False

    def matches(self, obj: Obj) -> bool:
        """Whether an object passes every term."""
        look = at if self.custom else read
        return all((look(obj, term.field) == term.value) == term.equal for term in self.terms)

    def exact(self, field: str) -> str | None:
        """The value that `field` must equal, None if no term says so."""
        for term in self.terms:
            if term.field == field and term.equal:
                return term.value
        return None


def read(obj: Obj, field: str) -> str:
    """A field as a selector compares it: text, "" if absent."""
    if field == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent", ""))
    if field == "status.successful":
        field = "status.succeeded"
    elif field == "reportingController":  # an Event of events.k8s.io is stored as one of core/v1
        field = "reportingComponent"
    elif field.startswith("regarding."):
        field = field.replace("regarding.", "involvedObject.", 1)
    if field in _BOOLEANS:
        return at(obj, field) or "false"
    if field in _NUMBERS or field == "status.succeeded":
        return at(obj, field) or "0"
    return at(obj, field)


def at(obj: Obj, field: str) -> str:
    """The value at a path of plain names, as text; "" if there is none."""
    value: Any = obj
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse(
    resource: Resource, text: str, selectable: Collection[str] | None = None
) -> FieldSelector:
    """ApiError 400 for an unsupported field; `selectable` are the fields of a custom kind."""
    terms = []
    for part in _split(text):
        for operator in ("!=", "==", "="):
            field, found, value = part.partition(operator)
            if found:
                break
        else:
            raise refusals.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        _check(resource, field, selectable)
        terms.append(FieldTerm(field, _unescape(value), operator != "!="))
    return FieldSelector(tuple(terms), custom=selectable is not None)


def _check(resource: Resource, field: str, selectable: Collection[str] | None) -> None:
    more = _EXTRA.get((resource.group, resource.plural))
    if selectable is not None:
        common = _COMMON if resource.namespaced else _COMMON[:1]
        if field in common or field in selectable:
            return
    elif field in _COMMON or (more and field in more):
        return
    if more or selectable is not None:
        raise refusals.bad_request(f"field label not supported: {field}")
    raise refusals.bad_request(
        f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def _split(text: str) -> list[str]:
    parts, current, at = [], "", 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            current += text[at : at + 2]
            at += 2
        elif text[at] == ",":
            parts.append(current)
            current, at = "", at + 1
        else:
            current += text[at]
            at += 1
    return [part for part in [*parts, current] if part]


def _unescape(value: str) -> str:
    return value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\")
