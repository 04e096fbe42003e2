"""One response read line by line while it grows: the log of a Pod, followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import urllib3
from urllib3.exceptions import HTTPError

from resilience.cluster.connection.wire import CHUNK, Wire
from resilience.cluster.requests.request import Request

SILENCE = 30.0
"""Seconds without a byte after which the connection counts as dead."""


@contextmanager
def opened(
    wire: Wire, path: str, query: Mapping[str, str], agent: str
) -> Iterator[Iterator[bytes]]:
    """The lines without line ends; the connection is closed with the context."""
    request = Request("GET", path, query=query, accept="*/*", timeout=SILENCE)
    response = wire.open(request, agent)
    try:
        yield _lines(wire, response, str(request))
    finally:
        response.close()


def _lines(wire: Wire, response: urllib3.BaseHTTPResponse, request: str) -> Iterator[bytes]:
    rest = b""
    try:
        while piece := response.read1(CHUNK):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
    except (HTTPError, OSError) as error:
        raise wire.unreachable(request, error) from error
    if rest:
        yield rest
