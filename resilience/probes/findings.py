"""The finding of a probe that watches instead of sending requests: one, without samples."""

from __future__ import annotations

from typing import Any

from resilience.model.finding import Finding, Result, unobserved


def watched(
    probe: str, what: str, result: Result, *, promised: str, measured: str, **more: Any
) -> Finding:
    """`what` is the last part of its name; `more` are further fields of the finding."""
    return Finding(
        name=f"{probe}.{what}", subject=probe, result=result, promised=promised, measured=measured,
        reason=unobserved(result), **more,
    )  # fmt: skip
