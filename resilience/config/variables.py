"""Environment variables of the project, and those that are nearly one of them.

A misspelt `RESILIENCE_CONTEXT` would be no context at all, and the run would be green on the
sandbox. Variables of one's own may have the prefix, if they resemble none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from resilience.config.options import OPTIONS
from resilience.model.nearest import nearest

PREFIX = "RESILIENCE_"

BESIDE_OPTIONS = (
    "RESILIENCE_IDENTITY", "RESILIENCE_NOTIFY", "RESILIENCE_PUSH_PASSWORD", "RESILIENCE_PUSH_USER",
    "RESILIENCE_RECIPIENTS", "RESILIENCE_SIGNING_KEY", "RESILIENCE_STORE",
    "RESILIENCE_TRACES_HEADERS", "RESILIENCE_TRUSTED_KEY",
)  # fmt: skip
"""Read by what needs them: keys, passwords and the usual store."""

INSIDE = (
    "RESILIENCE_COMMANDS", "RESILIENCE_IMAGE", "RESILIENCE_MAIN", "RESILIENCE_SANDBOX",
    "RESILIENCE_SANDBOX_INSIDE", "RESILIENCE_USER",
)  # fmt: skip
"""Set by the sandbox for its own processes."""

_OF_A_SERVICE = re.compile(
    r"(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_.*)?)"
)
"""What the kubelet sets in each Pod for a Service, such as RESILIENCE_PORT for one called
`resilience`."""

NEAR = 0.8
"""How similar names must be, from 0 to 1, without the prefix: `CONTXT` is, `DB_PASSWORD` and
`PUSH_PASSWORD` are not."""


def misspelt(environment: Iterable[str]) -> tuple[str, str]:
    """The first variable that resembles a known one, and that one; ("", "") if there is none."""
    known = {option.variable for option in OPTIONS}.union(BESIDE_OPTIONS)
    short = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(environment):
        rest = name.removeprefix(PREFIX)
        if rest == name or name in known.union(INSIDE) or _OF_A_SERVICE.fullmatch(rest):
            continue
        for near in nearest(rest, short, cutoff=NEAR):
            return name, PREFIX + near
    return "", ""
