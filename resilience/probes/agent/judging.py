"""Whether an HTTP answer is the expected one, and who gave it."""

from __future__ import annotations

import json
from typing import Any

from resilience.probes.agent.answers import BODY, GOOD, STATUS
from resilience.probes.agent.http_response import NotDecoded, Response
from resilience.probes.agent.plan import Plan
from resilience.probes.agent.writer import SEEN, Writer

BY_LIMIT = 63  # a Pod's hostname is no longer


class Judge:
    """What a plan expects of an HTTP answer."""

    def __init__(self, plan: Plan, writer: Writer) -> None:
        self._plan, self._writer = plan, writer

    def of(self, response: Response) -> int:
        """Its answer; why it is not good is noted."""
        plan = self._plan
        if not any(low <= response.status <= high for low, high in plan.statuses):
            self._writer.note(STATUS, f"status {response.status}{_moved(response)}")
            return STATUS
        wrong = self._wrong_body(response)
        if not wrong:
            return GOOD
        self._writer.note(BODY, wrong)
        return BODY

    def _wrong_body(self, response: Response) -> str:
        """What the body is instead of the expected one; "" if it is as expected."""
        plan = self._plan
        if not (plan.contains or plan.matches or plan.json):
            return ""
        try:
            body = response.text()
        except NotDecoded as error:
            return str(error)
        if plan.contains in body and (not plan.matches or plan.matches.search(body)):
            return mismatch(body, plan.json) if plan.json else ""
        # At most four bytes per character, and as much again for a secret that begins within SEEN.
        return body[: 8 * SEEN].decode("utf-8", "replace") or "the body is empty"

    def by(self, response: Response) -> str:
        """Who answered, as far as the answer says."""
        said = response.headers.get(self._plan.by_header, b"")
        if not said and self._plan.by_body and response.status == 200:
            said = self._start_of(response).strip()
        return said.decode("ascii", "replace") if len(said) <= BY_LIMIT else ""

    def _start_of(self, response: Response) -> bytes:
        try:
            return response.text()[: BY_LIMIT + 1]
        except NotDecoded:
            return b""


def mismatch(body: bytes, wanted: list[tuple[list[Any], str]]) -> str:
    """The value at the first place that is not as expected; "" if all are."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    for steps, text in wanted:
        value = document
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[:80]
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return f"there is no {place.lstrip('.')}"
        if _told(value) != text:
            return f"{place.lstrip('.')} is {_brief(_told(value))}, expected {_brief(text)}"
    return ""


def _told(value: Any) -> str:
    """A value of JSON as a scenario writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _brief(text: str) -> str:
    """Otherwise a part of a secret could be shown: a secret that is cut can no longer be masked."""
    return text if len(text) <= 60 else f"a text of {len(text)} characters"


def _moved(response: Response) -> str:
    """Where a redirect leads, without the part that may hold a secret."""
    place = response.headers.get(b"location", b"").partition(b"?")[0].decode("ascii", "replace")
    return f", which leads to {place[:200]}" if place and 300 <= response.status < 400 else ""
