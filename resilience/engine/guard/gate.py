"""The gate of a target: a query to Prometheus or Alertmanager before each action.

`unless` describes trouble. Matching alerts, or a query with a result, refuse the action. If the
gate cannot be reached or gives an unexpected answer, the action is refused as well. So it is if
nothing is found and the answer carries a warning: what is missing may be the trouble.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from resilience.config.targets import Gate
from resilience.model.query_answers import warning
from resilience.model.total_time import within
from resilience.verbs.context import Refused

TIMEOUT = 5.0
"""Timeout of the query in seconds; an action waits for its answer."""

Fetch = Callable[[str], bytes]
"""Returns the body of a URL; raises OSError or ValueError when there is no good answer."""


def require(gate: Gate, fetch: Fetch) -> None:
    """Return if the gate allows the action, else raise Refused."""
    try:
        found = _asked(gate, fetch)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"the gate {gate.kind} at {gate.url} gives no usable answer ({error}), so no action "
            "is allowed"
        ) from None
    if found:
        raise Refused(f"blocked by the gate: {gate.kind} finds `{gate.unless}`: {found}")


def _asked(gate: Gate, fetch: Fetch) -> str:
    if gate.kind == "alertmanager":
        query = {"active": "true", "silenced": "false", "inhibited": "false", "filter": gate.unless}
        return _alerts(json.loads(fetch(f"{gate.url}/api/v2/alerts?{urlencode(query)}")))
    return _series(
        json.loads(fetch(f"{gate.url}/api/v1/query?{urlencode({'query': gate.unless})}"))
    )


def _alerts(answer: Any) -> str:
    if not isinstance(answer, list):
        raise ValueError("not a list of alerts")
    names = sorted({str(alert["labels"].get("alertname", "an alert")) for alert in answer})
    return ", ".join(names)


def _series(answer: Any) -> str:
    if answer["status"] != "success":
        raise ValueError(str(answer.get("error", "no success")))
    data = answer["data"]
    if data["resultType"] == "scalar":
        raise ValueError("a scalar; expected a query whose result is empty when all is well")
    result = data["result"]
    if not isinstance(result, list):
        raise ValueError("no list of series")
    if not result and (warned := warning(answer)):
        raise ValueError(f"it warns that data may be missing: {warned}")
    return f"{len(result)} series" if result else ""


def fetch(url: str) -> bytes:
    """Queries over HTTP, without redirects and retries."""
    import urllib3

    try:
        response = within(
            TIMEOUT, lambda: urllib3.request("GET", url, timeout=TIMEOUT, retries=False)
        )
    except urllib3.exceptions.HTTPError as error:
        raise OSError(str(error)) from None
    if response.status != 200:
        raise ValueError(f"HTTP {response.status}")
    return response.data
