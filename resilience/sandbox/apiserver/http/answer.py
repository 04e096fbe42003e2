"""Answers: one object, a list or a Status, in the form that the client requested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver.request.negotiate import Form
from resilience.sandbox.apiserver.tables import render
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj, Resource
from resilience.sandbox.store.store import encode

_HEADERS = {"Cache-Control": "no-cache, private", "Content-Type": "application/json"}


def plain(value: Any, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    """Any JSON value."""
    return raw(encode(value), status, warnings)


def raw(data: bytes, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    """Existing JSON bytes; they end with the newline that Go's encoder writes."""
    response = web.Response(body=data + b"\n", status=status, headers=_HEADERS)
    for text in warnings:
        response.headers.add("Warning", f"299 - {json.dumps(text)}")
    return response


def typed(data: bytes, media: str) -> web.Response:
    """Bytes of another media type."""
    return web.Response(body=data, headers={**_HEADERS, "Content-Type": media})


def tagged(request: web.BaseRequest, data: bytes) -> web.Response:
    """JSON bytes with an ETag; 304 if the client has them already."""
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    same = tag in request.headers.get("If-None-Match", "")
    response = web.Response(status=304, headers=_HEADERS) if same else raw(data)
    response.headers["ETag"] = tag
    return response


def failure(error: ApiError, warnings: Sequence[str] = ()) -> web.Response:
    """A Status with its HTTP code and Retry-After."""
    response = plain(refusals.status_of(error), error.code, warnings)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def success(resource: Resource, obj: Obj) -> dict[str, Any]:
    """The Status of a finished deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": refusals.details(resource, obj["metadata"]["name"], uid=obj["metadata"]["uid"]),
    }


def in_form(printer: render.Printer, obj: Obj, form: Form, now: float) -> bytes:
    """One object in the requested form."""
    if form.view == "Table":
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return (
            render.head(metadata, printer.columns)
            + render.row_bytes(printer, obj, form.include, now)
            + b"]}"
        )
    if form.view:
        return encode(render.partial(obj))
    return encode(obj)


async def stream(
    request: web.BaseRequest, pieces: AsyncIterator[bytes], headers: Mapping[str, str] = _HEADERS
) -> web.StreamResponse:
    """A long body in pieces; a short one is sent whole with its length."""
    first = await anext(pieces)
    second = await anext(pieces, None)
    if second is None:
        return raw(first)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(first)
    await response.write(second)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof(b"\n")
    return response
