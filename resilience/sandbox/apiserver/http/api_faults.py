"""Faults of the API server itself, for testing its clients under bad conditions.

Set by `POST /sandbox/v1/faults/apiserver`, listed by GET, cleared by DELETE. A fault matches
requests by method and path and lasts for a number of requests, for seconds, or until cleared. The
sandbox's own parts are not affected: a test breaks its own view of the cluster, not the cluster.
The fault endpoint itself never fails.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError

_SPARED = frozenset({"system:nodes"})
_KINDS = ("error", "delay", "reset", "stop", "expire")
_REASONS = {
    409: ("Conflict", "the object has been modified"),
    429: (
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
    ),
    500: ("InternalError", "Internal error occurred: a fault of the sandbox"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Too large resource version"),
}
_LONGEST_DELAY = 3600.0


@dataclass(slots=True)
class Fault:
    """One active fault. `left` requests remain, None means no limit; `until` is loop time."""

    number: int
    kind: str
    code: int
    methods: frozenset[str]
    path: re.Pattern[str]
    seconds: float
    retry_after: int | None
    left: int | None
    until: float | None

    def describe(self) -> dict[str, Any]:
        """The fault as a GET shows it."""
        return {
            "number": self.number,
            "kind": self.kind,
            "code": self.code,
            "methods": sorted(self.methods),
            "path": self.path.pattern,
            "left": self.left,
            "seconds": self.seconds,
        }


class Reset(Exception):
    """The connection is to be cut without an answer."""


class Faults:
    """The active faults. `expire` makes every open and resumed watch start over."""

    def __init__(self, expire: Callable[[], None], end_watches: Callable[[], None]) -> None:
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._expire = expire
        self._end_watches = end_watches

    def answer(self, method: str, body: Any) -> dict[str, Any]:
        """Serve the endpoint; ApiError 400, 405."""
        if method == "POST":
            self._add(body)
        elif method == "DELETE":
            self._faults.clear()
        elif method != "GET":
            raise refusals.unsupported_method()
        self._drop_ended()
        return {"faults": [fault.describe() for fault in self._faults]}

    def _add(self, body: Any) -> None:
        if not isinstance(body, dict) or body.get("kind") not in _KINDS:
            raise refusals.bad_request(f"a fault needs a kind, one of {', '.join(_KINDS)}")
        if body["kind"] == "expire":
            self._expire()
            return
        fault = self._parsed(body)
        if fault.kind == "stop":
            self._end_watches()
        self._faults.append(fault)

    def _parsed(self, body: dict[str, Any]) -> Fault:
        kind, code = body["kind"], body.get("code", 503)
        seconds, left = body.get("seconds", 0), body.get("times")
        if kind == "error" and code not in _REASONS:
            raise refusals.bad_request(f"code must be one of {sorted(_REASONS)}")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not (0 <= seconds <= _LONGEST_DELAY)
        ):
            raise refusals.bad_request(f"seconds must be between 0 and {_LONGEST_DELAY:g}")
        if left is not None and (not isinstance(left, int) or left < 1):
            raise refusals.bad_request("times must be a whole number above 0")
        methods, wait = body.get("methods") or [], body.get("retryAfter")
        if not isinstance(methods, list) or not (wait is None or isinstance(wait, int)):
            raise refusals.bad_request("methods must be a list, retryAfter a whole number")
        try:
            path = re.compile(str(body.get("path", "")))
        except re.error as error:
            raise refusals.bad_request(f"path is no regular expression: {error}") from error
        # For a delay, `seconds` is how long each request waits; for other faults, how long the
        # fault lasts.
        lasts = seconds if kind != "delay" and seconds else body.get("lasts")
        until = asyncio.get_running_loop().time() + lasts if lasts else None
        return Fault(
            next(self._numbers),
            kind,
            code,
            frozenset(map(str, methods)),
            path,
            float(seconds),
            wait,
            left,
            until,
        )

    def _drop_ended(self) -> None:
        now = asyncio.get_running_loop().time()
        self._faults = [
            fault
            for fault in self._faults
            if fault.left != 0 and (fault.until is None or fault.until > now)
        ]

    async def strike(self, request: web.BaseRequest, user: Identity) -> None:
        """Apply the active faults to a request: a wait, an ApiError, or `Reset`."""
        if (
            not self._faults
            or not _SPARED.isdisjoint(user.groups)
            or (user.user == "system:kube-proxy")
        ):
            return
        self._drop_ended()
        for fault in self._faults:
            if fault.methods and request.method not in fault.methods:
                continue
            if not fault.path.search(request.path_qs):
                continue
            if fault.left is not None:
                fault.left -= 1
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
                continue
            if fault.kind in ("reset", "stop"):
                raise Reset
            raise _error(fault)


def _error(fault: Fault) -> ApiError:
    reason, message = _REASONS[fault.code]
    details: dict[str, Any] = {}
    wait = fault.retry_after
    if fault.code == 504:
        details["causes"] = [{"reason": "ResourceVersionTooLarge", "message": message}]
        wait = 1 if wait is None else wait
    elif fault.code == 429 and wait is None:
        wait = 1
    return ApiError(fault.code, reason, message, details=details, retry_after=wait)
