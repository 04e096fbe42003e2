"""One request to an API server, as a value: what middleware, pacing, dry runs and twins pass on.

Nothing is sent here. A wrapper that changes a request makes another one with
`dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol

from resilience.kube.objects import Object

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """`timeout` is in seconds, for the whole answer."""

    method: str
    path: str
    _: KW_ONLY
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    accept: str = JSON
    timeout: float = 30.0

    def __str__(self) -> str:
        """The name for error messages."""
        return f"{self.method} {self.path}"


class Sender(Protocol):
    """Whatever sends requests: a cluster."""

    def send(self, request: Request) -> Object:
        """One request, one JSON answer (an empty body gives {}). No retries."""


Send = Callable[[Request], Object]

Middleware = Callable[[Request, Send], Object]
"""(request, send) -> answer: may wait, change, refuse or repeat."""
