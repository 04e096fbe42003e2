"""Every refusal that the API server sends, with the words and details of the real one.

Sources: k8s.io/apimachinery/pkg/api/errors/errors.go and util/validation/field/errors.go. One
function per reason; each returns an `ApiError` to raise, so a reader sees the status at the call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import ApiError, Resource


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with a field: `reason` is FieldValueInvalid and so on, `message` its text."""

    reason: str
    field: str
    message: str


def qualified(resource: Resource) -> str:
    """ "pods", "deployments.apps"."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def details(resource: Resource, name: str, **more: Any) -> dict[str, Any]:
    """A Status' details about one object."""
    out: dict[str, Any] = {"name": name, "group": resource.group, "kind": resource.plural, **more}
    return {key: value for key, value in out.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(
        404,
        "NotFound",
        f'{qualified(resource)} "{name}" not found',
        details=details(resource, name),
    )


def unknown_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> ApiError:
    return ApiError(
        409,
        "AlreadyExists",
        f'{qualified(resource)} "{name}" already exists',
        details=details(resource, name),
    )


def versioned_create() -> ApiError:
    """An object that names a version is one that exists (storage/errors.go)."""
    return ApiError(500, "", "resourceVersion should not be set on objects to be created")


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    why = why or (
        "the object has been modified; please apply your changes to the latest version and"
        " try again"
    )
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(resource)} "{name}": {why}',
        details=details(resource, name),
    )


def forbidden(resource: Resource, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
    subject = (
        f'{qualified(resource)} "{name}" is forbidden'
        if name
        else (f"{qualified(resource)} is forbidden")
    )
    return ApiError(
        403,
        "Forbidden",
        f"{subject}: {why}",
        details=details(resource, name, causes=_causes(causes)),
    )


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unsupported_method() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def gone(message: str) -> ApiError:
    return ApiError(410, "Gone", message)


def too_many(message: str, *, retry_after: int | None = None, **more: Any) -> ApiError:
    return ApiError(429, "TooManyRequests", message, details=more, retry_after=retry_after)


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: `Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be ...`."""
    group = f".{resource.group}" if resource.group else ""
    texts: list[str] = []
    for cause in causes:
        text = f"{cause.field}: {cause.message}"
        if text not in texts:
            texts.append(text)
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    about: dict[str, Any] = {
        "name": name,
        "group": resource.group,
        "kind": resource.kind,
        "causes": _causes(causes),
    }
    return ApiError(
        422,
        "Invalid",
        f'{resource.kind}{group} "{name}" is invalid: {joined}',
        details={key: value for key, value in about.items() if value},
    )


def _causes(causes: Sequence[Cause]) -> list[dict[str, str]]:
    out = []
    for cause in causes:
        entry = {"reason": cause.reason, "message": cause.message, "field": cause.field}
        out.append({key: value for key, value in entry.items() if value})
    return out


def quoted(value: Any) -> str:
    """A value as a field error prints it, similar to Go's %#v."""
    if isinstance(value, str | int | float | bool):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict | list):
        return _marshalled(value)
    return "null"


def _marshalled(value: dict[str, Any] | list[Any]) -> str:
    """JSON as Go writes it: safe within HTML."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def value_invalid(field: str, value: Any, why: str) -> Cause:
    return Cause("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {why}")


def value_required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", field, "Required value" + (f": {why}" if why else ""))


def value_duplicate(field: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", field, f"Duplicate value: {quoted(value)}")


def value_forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", field, f"Forbidden: {why}")


def value_unsupported(field: str, value: Any, allowed: Sequence[str]) -> Cause:
    known = ", ".join(f'"{word}"' for word in allowed)
    return Cause(
        "FieldValueNotSupported",
        field,
        f"Unsupported value: {quoted(value)}: supported values: {known}",
    )


def value_too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def value_not_found(field: str, value: Any) -> Cause:
    return Cause("FieldValueNotFound", field, f"Not found: {quoted(value)}")


_GENERIC = frozenset({404, 405})
"""Codes whose Status carries an empty `details`, as the server's generic answers do."""


def status_of(error: ApiError) -> dict[str, Any]:
    """The `Status` object that goes over the wire."""
    about = dict(error.details)
    if error.retry_after is not None:
        about["retryAfterSeconds"] = error.retry_after
    out: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {"continue": error.token} if error.token else {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "details": about,
        "code": error.code,
    }
    if not about and not (
        error.code in _GENERIC or error.reason == "Invalid" or error.message.startswith("415")
    ):
        del out["details"]
    if not error.reason:
        del out["reason"]
    return out
