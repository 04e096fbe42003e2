"""From a stored object and a patch of one of three types to the patched object, or the refusal.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go. Server-side apply is handled elsewhere.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj, PatchType, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.patch import json_patch, merge, strategic
from resilience.sandbox.schema import strict
from resilience.sandbox.schema.facts import Kind, builtin
from resilience.sandbox.store.store import clone, encode


def patched(kind: Kind, old: Obj, patch: Any, type: PatchType) -> Obj:
    """A new object that the caller owns. ApiError 400 (malformed), 415 or 422 (does not apply)."""
    if type == "strategic" and not kind.model:
        raise unsupported_type()
    try:
        if type == "json":
            out = json_patch.apply(clone(old), clone(patch))
        elif type == "strategic":
            out = strategic.apply(builtin(), kind.model, old, clone(patch))
        else:
            if not isinstance(patch, dict):
                raise refusals.bad_request("json: cannot unmarshal into a map[string]interface {}")
            out = merge.apply(old, clone(patch))
    except json_patch.MalformedPatch as error:
        raise refusals.bad_request(str(error)) from error
    except json_patch.PatchError as error:
        raise ApiError(
            422, "Invalid", "the server rejected our request due to an error in our request"
        ) from error
    except strategic.MissingKey as error:
        raise ApiError(500, "", str(error)) from error
    except strategic.StrategicError as error:
        raise refusals.bad_request(str(error)) from error
    if not isinstance(out, dict):
        raise refusals.bad_request("the patched document is not an object")
    # The untouched parts are shared with the stored object: admission changes paths in place, so it
    # needs its own copy.
    return clone(out)  # type: ignore[no-any-return]


def unsupported_type() -> ApiError:
    """415 for a patch type that this kind does not accept."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")


def checked(kind: Kind, obj: Obj, call: Call) -> None:
    """Check a patched object's types: 422 about the whole patch, in the real server's words."""
    try:
        strict.check(kind.model, obj, call)
    except ApiError as error:
        why = error.message.partition("cannot be handled as a ")[2].partition(": ")[2]
        if why.startswith("strict decoding error"):
            raise
        text = encode(obj).decode()
        raise refusals.invalid(
            Resource("", "", "", "", False), "", [refusals.value_invalid("patch", text, why)]
        ) from error
