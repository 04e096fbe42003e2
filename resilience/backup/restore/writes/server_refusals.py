"""What an API server says when it refuses a write of a restore, and whether waiting helps."""

from __future__ import annotations

import re

from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Forbidden,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)

GRANTING = (
    "the API server lets no one grant permissions that they do not hold: leave it out with "
    "--exclude, or restore as someone who holds these permissions, or who may `escalate` roles "
    "and `bind` what is bound"
)

_ADVICE = {
    "already allocated": "`--allocations new` restores it with another one",
    "attempting to grant RBAC permissions not currently held": GRANTING,
}
"""Recognized by the API server's text."""

_HOOK_AWAY = re.compile(
    r"failed calling webhook|conversion webhook for [^:]*, Kind=\S+ failed: Post "
)
"""An admission webhook, or one that converts a custom resource (apiextensions-apiserver,
conversion/webhook_converter.go); what the latter itself says does not begin with `Post`."""

_SERVERLESS = (
    "the webhook has no server: start it, or delete its configuration if nothing needs it any "
    "more, and restore again"
)

NO_DRY_RUN = "does not support dry run"
"""The text for a webhook with side effects (apiserver, admission/plugin/webhook/generic)."""


NO_ADDRESS = "failed to allocate IP"
"""The text for a Service's address that is in no range of addresses, or taken."""

_NO_RANGE = "the provided network does not match the current range"
"""The text while no ServiceCIDR holds the address, or one does that is not ready yet."""


def is_range_away(problem: ClusterError) -> bool:
    """Whether the range of a Service's address does not exist, or was created a moment ago."""
    return _NO_RANGE in str(problem)


def is_hook_away(text: str) -> bool:
    """Whether the webhook has no server now; its server may be part of the restore."""
    return bool(_HOOK_AWAY.search(text))


class Going(ClusterError):
    """The object of that name is being deleted: it can be created once it is gone."""


def of_admission(problem: ApiError) -> bool:
    """Whether it may have been refused before the API server knew that the object exists."""
    if isinstance(problem, ServerTrouble):
        return is_hook_away(problem.message)
    return not _goes(problem)


def with_advice(problem: ApiError) -> ApiError:
    for words, advice in _ADVICE.items():
        if words in problem.message:
            text = f"{problem.message}; {advice}"
            return type(problem)(
                problem.code, text, reason=problem.reason, status=problem.status
            )  # fmt: skip
    return problem


def pause_before_retry(problem: ClusterError, pause: float) -> float | None:
    """Seconds to wait for a transient condition, None for a lasting one."""
    if isinstance(problem, Throttled | ServerTrouble):
        return problem.retry_after if problem.retry_after is not None else pause
    if isinstance(problem, Unreachable | NotFound | Going):
        # NotFound: it was deleted since the refusal, so the next create will succeed.
        return pause
    return pause if _goes(problem) else None


def _goes(problem: ClusterError) -> bool:
    """Whether the namespace is being deleted, together with everything in it."""
    return isinstance(problem, Forbidden) and any(
        cause.get("reason") == "NamespaceTerminating" for cause in problem.causes
    )


def said(problem: ClusterError, *, waited: bool = False) -> str:
    text = problem.message if isinstance(problem, ApiError) else str(problem)
    text = f"{text} (still so after waiting)" if waited else text
    return f"{text}; {_SERVERLESS}" if is_hook_away(text) else text
