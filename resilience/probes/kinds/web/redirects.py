"""Redirects of a journey's step, followed one by one: headers and body are only sent to the step's
own origin.

An origin is scheme, host and port (RFC 6454); https instead of http on the same host counts as the
same origin. A reading request that is redirected to another origin is sent without the step's
headers, body, token and TLS server name. Consent was given for the origin only, so a writing
request is never redirected elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from resilience.model.masks import excerpt
from resilience.model.words import many
from resilience.probes.kinds.web.dialling import origin, port

READS = ("GET", "HEAD")
LONGEST = 1 << 20
"""Bytes of an answer that are read."""

LIMITS: Sequence[str] = ("connect", "read", "write", "pool")


def answered(client: Any, request: Any, most: int, end: float) -> tuple[Any, str]:
    """(the last answer, still open; why a redirect was not followed, "" if there is no reason to
    report). At most `most` redirects are followed, until `end` (monotonic); httpx's errors,
    TimeoutError."""
    first, answer = request.url, client.send(request, stream=True)
    for _ in range(most):
        further = answer.next_request
        if further is None:
            return answer, ""
        if _leaves(first, further.url):
            if further.method not in READS:
                return answer, f"to {_origin(further.url)}, to which no {further.method} goes"
            further = _bare(client, further)
        body(answer, end)
        answer.close()
        _until(further, end)
        answer = client.send(further, stream=True)
    more = most and answer.next_request is not None
    return answer, f"after {many(most, 'redirect')}" if more else ""


def body(answer: Any, end: float) -> bytes | None:
    """Read at most `LONGEST` bytes; None if time runs out, for instance with a very slow server."""
    data = bytearray()
    for piece in answer.iter_bytes():
        data += piece
        if len(data) >= LONGEST:
            break
        if time.monotonic() > end:
            return None
    return bytes(data[:LONGEST])


def _leaves(first: Any, url: Any) -> bool:
    upgraded = ("https", first.host, 443) if origin(first)[::2] == ("http", 80) else None
    return origin(url) not in (origin(first), upgraded)


def _origin(url: Any) -> str:
    """The URL without parts that may be secret."""
    return excerpt(f"{url.scheme}://{url.host}:{port(url)}", 100)


def _bare(client: Any, request: Any) -> Any:
    """The request with httpx's own headers, and such cookies as that host has set."""
    made = client.build_request(request.method, request.url)
    made.headers.pop("Authorization", None)
    made.headers["Host"] = request.url.netloc.decode("ascii")
    return made


def _until(request: Any, end: float) -> None:
    """Set the timeout to the remaining time; TimeoutError if none remains."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time was left for a redirect")
    request.extensions = {**request.extensions, "timeout": dict.fromkeys(LIMITS, left)}
