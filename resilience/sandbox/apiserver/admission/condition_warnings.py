"""The warning to a client that writes a webhook with conditions that cannot be evaluated here."""

from __future__ import annotations

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.webhooks.hook_conditions import MISSING
from resilience.sandbox.schema import cel


def warn(request: Request) -> None:
    """Add the warning to the answer."""
    has_any = any(hook.get("matchConditions") for hook in request.obj.get("webhooks") or ())
    if has_any and not cel.is_installed():
        request.call.warnings.append(MISSING)
