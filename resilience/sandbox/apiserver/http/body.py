"""Reads request bodies strictly, and so that no body can stop the server.

JSON, YAML and (for the types that typed clients send that way) protobuf. Duplicate keys are
reported for strict field validation; absurd nesting, NaN and invalid UTF-8 are a 400.
"""

from __future__ import annotations

from typing import Any

import yaml
from aiohttp import web

from resilience.sandbox.apiserver.http import protobuf
from resilience.sandbox.apiserver.http.json_body import Duplicates, check_depth, decode_json
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError

LIMIT = 3 * 1024 * 1024
JSON_TYPES = frozenset({"", "application/json", "text/plain", "application/octet-stream"})
YAML_TYPES = frozenset({"application/yaml", "application/apply-patch+yaml"})


# The C implementation if available, because nothing else is served while a big body is read.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


async def read(request: web.BaseRequest) -> bytes:
    """The whole body; ApiError 413 over 3 MiB, 400 for broken framing."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(
            413, "RequestEntityTooLarge", f"Request entity too large: limit is {LIMIT}"
        ) from None
    except web.RequestPayloadError as error:
        raise refusals.bad_request(f"the body cannot be read: {error}") from None


def media_type(request: web.BaseRequest) -> str:
    """The Content-Type without parameters, in lower case."""
    return request.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()


def decode(data: bytes, media: str, duplicates: Duplicates | None = None) -> Any:
    """A JSON value of any shape; ApiError 400 or 415."""
    if media in JSON_TYPES or media.endswith("+json"):
        return decode_json(data, duplicates)
    if media in YAML_TYPES:
        return decode_yaml(data)
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(data)
    raise ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include:"
        " application/json, application/yaml, application/vnd.kubernetes.protobuf",
    )


def decode_yaml(data: bytes) -> Any:
    """One YAML document of plain JSON types; anchors are refused, since only attacks use them
    here."""
    try:
        text = data.decode()
        if text.lstrip().startswith("{"):
            return decode_json(data)
        for event in yaml.parse(text, Loader=_BASE):
            if isinstance(event, yaml.AliasEvent):
                raise refusals.bad_request("error decoding YAML: aliases are not supported")
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise refusals.bad_request(f"error decoding YAML: {str(error)[:300]}") from None
    check_depth(value)
    return value


def duplicate_keys(data: bytes) -> str:
    """The message about keys that a YAML document gives twice; "" if there are none. Source:
    sigs.k8s.io/yaml, UnmarshalStrict."""
    found = _in_json(data) if data.lstrip().startswith(b"{") else _in_yaml(data.decode())
    lines = [f'  line {line}: key "{key}" already set in map' for line, key in sorted(found)]
    if not lines:
        return ""
    return "error converting YAML to JSON: yaml: unmarshal errors:\n" + "\n".join(lines)


def _in_yaml(text: str) -> list[tuple[int, str]]:
    """Line and name of each duplicate key."""
    found: list[tuple[int, str]] = []
    todo = [yaml.compose(text, Loader=_BASE)]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    found.append((key.start_mark.line + 1, key.value))
                seen.add(key.value)
                todo.append(value)
    return found


def _in_json(data: bytes) -> list[tuple[int, str]]:
    """The same for JSON, whose line is that of the key's last appearance."""
    duplicates = Duplicates()
    decode_json(data, duplicates)
    names = [path.rpartition(".")[2] for path in duplicates.found]
    return [(data[: data.rfind(f'"{name}"'.encode())].count(b"\n") + 1, name) for name in names]


class _Loader(_BASE):  # type: ignore[misc]  # Which of two it is, is known when it runs.
    """Without timestamps: to Kubernetes a date in YAML is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _BASE.yaml_implicit_resolvers.items()
}
