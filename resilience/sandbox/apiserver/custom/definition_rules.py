"""Which CustomResourceDefinitions are accepted, and what the server fills in.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/{validation/validation.go,v1}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.apiserver.custom import version_rules
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.schema import cel, rule_definitions, rules
from resilience.sandbox.store.store import clone

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def prepare(request: Request) -> None:
    """Check a definition, fill its defaults and add its finalizer; ApiError 422."""
    spec = request.obj.get("spec") or {}
    _default(spec)
    versions = spec.get("versions") or ()
    causes = [
        *_names(request, spec),
        *_unchanged(spec, request.old),
        *_versions(versions),
        *version_rules.conversion(spec),
        *version_rules.selectable_fields(versions),
        *version_rules.stored_versions(_stored(request.old), versions),
    ]
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    schemas = [(v.get("schema") or {}).get("openAPIV3Schema") for v in versions]
    if not cel.is_installed() and any(rules.has_any(schema) for schema in schemas):
        request.call.warnings.append(cel.MISSING)
    if request.old is None:
        finalizers = request.obj["metadata"].setdefault("finalizers", [])
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)


def _default(spec: dict[str, Any]) -> None:
    names = spec.get("names") or {}
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
    conversion = spec.setdefault("conversion", {"strategy": "None"})
    config = (conversion.get("webhook") or {}).get("clientConfig") or {}
    if config.get("service"):
        config["service"].setdefault("port", 443)


def _stored(old: Obj | None) -> Sequence[str]:
    found: Sequence[str] = ((old or {}).get("status") or {}).get("storedVersions") or ()
    return found


def _unchanged(spec: Mapping[str, Any], old: Obj | None) -> list[refusals.Cause]:
    """Fields that determine where objects are stored."""
    if old is None:
        return []
    now, was = spec.get("names") or {}, old["spec"]["names"]
    pairs = (
        ("scope", spec.get("scope"), old["spec"]["scope"]),
        ("names.kind", now.get("kind"), was["kind"]),
        ("group", spec.get("group"), old["spec"]["group"]),
        ("names.plural", now.get("plural"), was["plural"]),
    )
    return [
        refusals.value_invalid(f"spec.{field}", value, "field is immutable")
        for field, value, before in pairs
        if value != before
    ]


def _names(request: Request, spec: Mapping[str, Any]) -> list[refusals.Cause]:
    names = spec.get("names") or {}
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    causes = []
    if request.name != wanted:
        causes.append(
            refusals.value_invalid(
                "metadata.name", request.name, 'must be spec.names.plural+"."+spec.group'
            )
        )
    for field in ("plural", "kind"):
        if not names.get(field):
            causes.append(refusals.value_required(f"spec.names.{field}"))
    if not spec.get("group"):
        causes.append(refusals.value_required("spec.group"))
    elif "." not in spec["group"]:
        causes.append(
            refusals.value_invalid(
                "spec.group", spec["group"], "should be a domain with at least one dot"
            )
        )
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        causes.append(
            refusals.value_unsupported(
                "spec.scope", spec.get("scope") or "", ["Cluster", "Namespaced"]
            )
        )
    return causes


def _versions(versions: Sequence[Mapping[str, Any]]) -> list[refusals.Cause]:
    causes = []
    if sum(1 for version in versions if version.get("storage")) != 1:
        causes.append(
            refusals.value_invalid(
                "spec.versions",
                clone(list(versions)),
                "must have exactly one version marked as storage version",
            )
        )
    for where, schema in _schemas(versions):
        if schema is None:
            causes.append(refusals.value_required(where))
        elif schema.get("type") != "object":
            causes.append(
                refusals.value_invalid(
                    f"{where}.type", schema.get("type") or "", "must be object at the root"
                )
            )
        else:
            causes += rule_definitions.check(schema, where)
    return causes


def _schemas(versions: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Each schema with its place; one that all versions share is stored, and checked, once for
    all."""
    found = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    if found and found[0] is not None and all(schema == found[0] for schema in found):
        return [("spec.validation.openAPIV3Schema", found[0])]
    return [
        (f"spec.versions[{at}].schema.openAPIV3Schema", schema) for at, schema in enumerate(found)
    ]
