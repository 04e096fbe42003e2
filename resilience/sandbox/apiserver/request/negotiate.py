"""The form of an object that a client requests: whole, as a Table, or its metadata only.

Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation. JSON is the only encoding sent: clients
that request protobuf also accept JSON, and those that accept nothing else get 406.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from resilience.sandbox.kube.api import ApiError

View = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
_JSON = frozenset({"application/json", "*/*", "application/*"})


@dataclass(frozen=True, slots=True)
class Form:
    """`include` is a Table's includeObject: None, Metadata or Object."""

    view: View = ""
    include: str = "Metadata"


def form(accept: str, include: str = "") -> Form:
    """The first acceptable entry of an Accept header; ApiError 406 when there is none."""
    if not accept or accept in _JSON:
        return Form()
    for entry in accept.split(","):
        media, _, parameters = entry.strip().partition(";")
        if media.strip() not in _JSON:
            continue
        given = dict(
            part.strip().partition("=")[::2] for part in parameters.split(";") if "=" in part
        )
        view = given.get("as", "")
        if view and given.get("g") != "meta.k8s.io":
            continue
        if view in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            if given.get("v") != "v1":
                continue
            return Form(cast(View, view), include or "Metadata")
        if not view:
            return Form()
    raise unacceptable()


def unacceptable() -> ApiError:
    """406 if no form that the client accepts can be sent."""
    return ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
    )
