"""The context of a write: who requests it, and with which options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from resilience.sandbox.host.sandbox_config import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request's context.

    `manager` is the field manager, `validation` one of Strict, Warn, Ignore ("" for the sandbox's
    own parts, whose objects are not checked against the schema); `warnings` collects the answer's
    Warning headers.
    """

    user: Identity
    dry_run: bool = False
    manager: str = ""
    validation: str = ""
    force: bool = False
    warnings: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """What webhooks have answered about this request."""


SYSTEM = Call(user=Identity("system:kube-controller-manager", ("system:masters",)))
"""The sandbox's own controllers, in process."""
