"""What an API server says when it refuses a request, as an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.cluster.errors import (
    ApiError,
    error_for,
)


def refusal(
    code: int,
    status: Mapping[str, Any],
    request: str,
    *,
    retry_after: float | None = None,
    otherwise: str = "",
) -> ApiError:
    """The error for a Status, from an answer or from inside a watch."""
    details = status.get("details")
    if retry_after is None and isinstance(details, dict):
        retry_after = seconds(details.get("retryAfterSeconds"))
    message = str(status.get("message") or otherwise or "no reason given")
    return error_for(code)(
        code,
        f"{message} (HTTP {code})" if not status.get("message") else message,
        reason=str(status.get("reason") or ""),
        status=status,
        retry_after=retry_after,
        request=request,
    )


def excerpt(content: bytes, length: int = 120) -> str:
    """The beginning of a body, on one line, for an error message."""
    return " ".join(content[: 4 * length].decode("utf-8", "replace").split())[:length]


def seconds(text: Any) -> float | None:
    """Retry-After in seconds; its date form is not used by API servers and is ignored."""
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 86400 else None
