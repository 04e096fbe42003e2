"""Error messages about keys that several probes share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from resilience.model.values import Duration
from resilience.model.verb import Complaint


class Source(Protocol):
    """A credential by reference."""

    @property
    def env(self) -> str: ...

    @property
    def secret(self) -> str: ...


def of_timeout(timeout: Duration) -> Iterator[Complaint]:
    """A time limit of one request."""
    if not 0 < timeout.seconds <= 60:
        yield Complaint(field="timeout", message=f"`timeout` is {timeout}",
                        expected="more than 0 and at most 1m")  # fmt: skip


def of_agents(agents: int, via: str) -> Iterator[Complaint]:
    """Several agents, where they have to be in one place."""
    if agents > 1 and via == "direct":  # one machine's view, however many there are
        yield Complaint(field="agents", message="several agents with `via: direct`",
                        expected="`via: pod`, or one agent")  # fmt: skip


def of_expression(field: str, text: str) -> Iterator[Complaint]:
    """A regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        yield Complaint(field=field, message=f"`{field}` is not a regular expression: {error}",
                        expected="Python's syntax")  # fmt: skip


BODILESS = frozenset({204, 205, 304})
"""Statuses of answers without a body (RFC 9110, sections 6.4.1 and 15.3.6), besides 1xx."""


def without_body(method: str, statuses: Sequence[int]) -> str:
    """Why an answer that is good has no body, so nothing can be expected of it; "" if it may have
    one. `statuses` are the expected ones, empty for any success."""
    if method == "HEAD":
        return "an answer to HEAD has no body"
    if statuses and all(code < 200 or code in BODILESS for code in statuses):
        return f"an answer with status {statuses[0]} has no body"
    return ""


def of_source(field: str, credential: Source | None) -> Iterator[Complaint]:
    """A password or token, if there is one."""
    if credential and not (credential.env or credential.secret):
        yield Complaint(field=field, message=f"`{field}` does not say where to read the value",
                        expected="`{env: NAME}` or `{secret: NAME, key: KEY}`")  # fmt: skip
