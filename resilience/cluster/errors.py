"""Errors between this process and an API server, named for the decision they call for.

ClusterError
├── Unreachable          no answer: timed out, connection broken, TLS failed. Try again later
│   ├── NeverSent        no connection was made, so the request was certainly not carried out
│   └── NotTrusted       its certificate is not trusted: trying again changes nothing
├── Behind               a watch does not show yet what was written: what it says is out of date
├── ClusterEnded         the embedded cluster is gone, and all that was in it
└── ApiError             an answer that says no
    ├── NotFound         404
    ├── Conflict         409: someone else wrote, or it exists already
    ├── Forbidden        403 (and 401): a right is missing, or the namespace is terminating
    ├── Invalid          400 and 422: the request itself is wrong
    ├── Throttled        429: not now; `retry_after` says when, if the server said so
    ├── Gone             410: the version is too old; list again
    └── ServerTrouble    5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClusterError(Exception):
    """Base of everything this room raises."""

    def tried(self, times: int, seconds: float) -> None:
        """Add to its text how often the request was sent in vain, and for how long."""
        self.args = (f"{self}; tried {times} times in {seconds:.0f} s",)


class Unreachable(ClusterError):
    """No usable answer. The request may or may not have been carried out."""


class NeverSent(Unreachable):
    """No connection was made: refused, no route, no such name. Safe to send again, even a POST."""


class NotTrusted(Unreachable):
    """Its certificate was refused, so the request was not sent."""


class Behind(ClusterError):
    """A view did not catch up with this process's own writes: the cluster's state is unknown
    now."""


class ClusterEnded(ClusterError):
    """The embedded cluster has ended by itself. Nothing is left of it: there is nothing to undo."""


class ApiError(ClusterError):
    """An answer with a Status. `status` is its JSON (maybe empty), `code` the HTTP status."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        status: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        request: str = "",
    ) -> None:
        super().__init__(f"{request}: {message}" if request else message)
        self.code = code
        self.message = message
        self.reason = reason
        self.status = dict(status or {})
        self.retry_after = retry_after
        self.request = request

    @property
    def causes(self) -> tuple[Mapping[str, Any], ...]:
        """`details.causes` of the Status, e.g. a DisruptionBudget's own words."""
        details = self.status.get("details") or {}
        return tuple(details.get("causes") or ())

    @property
    def by_rule(self) -> bool:
        """Whether a rule of the cluster said no to a request that it understood: a right, an
        admission rule, a validation or a budget. A request that cannot be read (400), an unknown
        user (401) and a busy server (429 without a budget) say nothing about any rule.
        """
        match self.code:
            case 400:
                return "denied the request" in self.message  # a webhook chooses its own code
            case 429:
                return any(cause.get("reason") == "DisruptionBudget" for cause in self.causes)
        return self.code in (403, 422)


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409."""


class Forbidden(ApiError):
    """401 or 403."""


class Invalid(ApiError):
    """400 or 422."""


class Throttled(ApiError):
    """429."""


class Gone(ApiError):
    """410."""


class ServerTrouble(ApiError):
    """5xx."""


_BY_CODE: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Throttled,
}


def error_for(code: int) -> type[ApiError]:
    """The class for an HTTP status of 400 and above."""
    return _BY_CODE.get(code, ServerTrouble if code >= 500 else ApiError)


def refused_by_rule(error: Exception) -> bool:
    """Whether a rule of the cluster refused a request, also where the error adds a place in a
    manifest. If a kind is not served, no request was sent, and so none was refused."""
    if isinstance(error, ApiError):
        return error.by_rule
    cause = error.__cause__
    return isinstance(cause, ApiError) and cause.by_rule and bool(cause.request)


UNSEEN = (Behind, ClusterEnded, ServerTrouble, Throttled, Unreachable)
"""Errors that say nothing about the cluster's objects: nobody saw them."""
