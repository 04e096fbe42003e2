"""Rules for a definition's conversions, selectable fields and versions that were stored once.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go and
k8s.io/apiserver/pkg/util/webhook/validation.go, with their words. Fields are named as the internal
form of a definition names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from resilience.sandbox.apiserver.custom.conversion_reviews import KNOWN
from resilience.sandbox.apiserver.validation import metadata_names
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

MOST_SELECTABLE = 8
_SELECTABLE = frozenset({"string", "boolean", "integer"})
_FORM = "; desired format: https://host[/path]"


def conversion(spec: Mapping[str, Any]) -> list[Cause]:
    """Causes in `spec.conversion`."""
    given = spec.get("conversion") or {}
    where, strategy = "spec.conversion", given.get("strategy")
    hook = given.get("webhook")
    if strategy not in ("None", "Webhook"):
        return [
            refusals.value_unsupported(f"{where}.strategy", strategy or "", ["None", "Webhook"])
        ]
    if strategy == "Webhook":
        return [*_client(where, hook or {}), *_reviews(where, hook or {})]
    names = (("clientConfig", "webhookClientConfig"), ("conversionReviewVersions",) * 2)
    return [
        refusals.value_forbidden(
            f"{where}.{title}", "should not be set when strategy is not set to Webhook"
        )
        for name, title in names
        if (hook or {}).get(name)
    ]


def _client(where: str, hook: Mapping[str, Any]) -> list[Cause]:
    where = f"{where}.webhookClientConfig"
    config = hook.get("clientConfig")
    if config is None:
        return [refusals.value_required(where, "required when strategy is set to Webhook")]
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [refusals.value_required(where, "exactly one of url or service is required")]
    found = _url(f"{where}.url", url) if url is not None else _service(f"{where}.service", service)
    return list(found)


def _url(where: str, url: str) -> Iterator[Cause]:
    parts = urlsplit(url)
    if parts.scheme != "https":
        why = "'https' is the only allowed URL scheme" + _FORM
        yield refusals.value_invalid(where, parts.scheme, why)
    if not parts.netloc:
        yield refusals.value_invalid(where, "", "host must be specified" + _FORM)
    if "@" in parts.netloc:
        user = parts.netloc.rpartition("@")[0]
        yield refusals.value_invalid(where, user, "user information is not permitted in the URL")
    if parts.fragment:
        why = "fragments are not permitted in the URL"
        yield refusals.value_invalid(where, parts.fragment, why)
    if parts.query:
        why = "query parameters are not permitted in the URL"
        yield refusals.value_invalid(where, parts.query, why)


def _service(where: str, service: Mapping[str, Any]) -> Iterator[Cause]:
    for field in ("name", "namespace"):
        if not service.get(field):
            yield refusals.value_required(f"{where}.{field}")
    port = service.get("port")
    if not isinstance(port, int) or not 1 <= port <= 65535:
        why = "port is not valid: must be between 1 and 65535, inclusive"
        yield refusals.value_invalid(f"{where}.port", port, why)
    path = service.get("path") or "/"
    if not path.startswith("/"):
        yield refusals.value_invalid(f"{where}.path", path, "must start with a '/'")


def _reviews(where: str, hook: Mapping[str, Any]) -> list[Cause]:
    where = f"{where}.conversionReviewVersions"
    versions: Sequence[str] = hook.get("conversionReviewVersions") or ()
    if not versions:
        return [refusals.value_required(where)]
    causes: list[Cause] = []
    for at, version in enumerate(versions):
        if version in versions[:at]:
            causes.append(refusals.value_invalid(f"{where}[{at}]", version, "duplicate version"))
            continue
        wrong = metadata_names.is_label_1035(version)
        causes += [refusals.value_invalid(f"{where}[{at}]", version, why) for why in wrong]
    if not set(versions) & set(KNOWN):
        why = f"must include at least one of {', '.join(sorted(KNOWN))}"
        causes.append(refusals.value_invalid(where, list(versions), why))
    return causes


def selectable_fields(versions: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Causes in the selectable fields of each version; shared ones are checked once."""
    found = [(version.get("selectableFields") or (), _schema(version)) for version in versions]
    if found and all(each == found[0] for each in found):
        return _fields(*found[0], "spec.selectableFields")
    causes: list[Cause] = []
    for at, (fields, schema) in enumerate(found):
        causes += _fields(fields, schema, f"spec.versions[{at}].selectableFields")
    return causes


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    return (version.get("schema") or {}).get("openAPIV3Schema") or {}


def _fields(
    fields: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], where: str
) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for at, field in enumerate(fields):
        path, place = field.get("jsonPath") or "", f"{where}[{at}].jsonPath"
        wrong = _path(path, schema, place)
        causes += [wrong] if wrong else []
        if path in seen:
            causes.append(refusals.value_duplicate(place, path))
        seen.add(path)
    if len(seen) > MOST_SELECTABLE:
        why = f"Too many: {len(seen)}: must have at most {MOST_SELECTABLE} items"
        causes.append(Cause("FieldValueTooMany", where, why))
    return causes


def _path(path: str, schema: Mapping[str, Any], place: str) -> Cause | None:
    if not path:
        return refusals.value_required(place)
    names = path.removeprefix(".").split(".")
    if names[0] == "metadata":
        return refusals.value_invalid(place, path, "must not point to fields in metadata")
    why = _unreachable(path, names, schema)
    if why:
        return refusals.value_invalid(place, path, f"is an invalid path: {why}")
    if _at(names, schema).get("type") not in _SELECTABLE:
        why = (
            "must point to a field of type string, boolean or integer. Enum string fields and"
            " strings with formats are allowed."
        )
        return refusals.value_invalid(place, path, why)
    return None


def _unreachable(path: str, names: Sequence[str], schema: Mapping[str, Any]) -> str:
    if "[" in path:
        return "array notation is not allowed"
    if not path.startswith("."):
        return f"expected [ or . but got: {names[0]}"
    here = schema
    for name in names:
        here = _inner(here, name)
        if not here:
            return "does not refer to a valid field"
    return ""


def _inner(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    properties, extra = schema.get("properties"), schema.get("additionalProperties")
    if properties is not None:
        return properties.get(name) or {}
    return extra if isinstance(extra, Mapping) else {}


def _at(names: Sequence[str], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in names:
        schema = _inner(schema, name)
    return schema


def stored_versions(stored: Sequence[str], versions: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """A version in which objects may still be stored cannot go away."""
    names = {version.get("name") for version in versions}
    return [
        refusals.value_invalid(
            f"status.storedVersions[{at}]",
            name,
            f"missing from spec.versions; {name} was previously a storage version, and must remain"
            " in spec.versions until a storage migration ensures no data remains persisted in"
            f" {name} and removes {name} from status.storedVersions",
        )
        for at, name in enumerate(stored)
        if name not in names
    ]
