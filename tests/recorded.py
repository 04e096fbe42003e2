"""A command whose requests are written down where they leave: `python -m tests.recorded FILE
MODULE ARGUMENTS`. Each line of FILE is one request: method, path, query, as JSON.

Recorded on the wire, below everything that could refuse: what is here has left the process.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.cluster.connection.wire import Wire
from resilience.cluster.requests.request import Request as Asked

REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


@dataclass(frozen=True, slots=True)
class Request:
    """One that left."""

    method: str
    path: str
    query: dict[str, str]

    @property
    def writes(self) -> bool:
        """Whether it may change something, read plainly."""
        inside = any(f"/{word}" in self.path for word in ("exec", "attach", "portforward", "proxy"))
        return inside or (self.method not in ("GET", "HEAD") and not self.path.endswith(REVIEWS))

    @property
    def namespace(self) -> str:
        """Where; "" outside of all."""
        parts = self.path.split("/")
        at = parts.index("namespaces") + 1 if "namespaces" in parts else len(parts)
        return parts[at] if at < len(parts) else ""


def requests(file: Path) -> Iterator[Request]:
    """What was written down."""
    for line in file.read_text().splitlines() if file.exists() else ():
        yield Request(*json.loads(line))


def main(file: str, module: str, *arguments: str) -> None:
    """Run the module as `python -m` does."""
    sent, streamed = Wire.open, Wire.websocket

    def note(method: str, path: str, query: Any) -> None:
        with Path(file).open("a") as log:
            log.write(json.dumps([method, path.partition("?")[0], dict(query or {})]) + "\n")

    def open_(self: Wire, request: Asked, agent: str = "") -> Any:
        note(request.method, request.path, request.query)
        return sent(self, request, agent)

    def websocket(self: Wire, path: str, *more: Any) -> Any:
        note("CONNECT", path, None)
        return streamed(self, path, *more)

    Wire.open = open_  # type: ignore[method-assign]
    Wire.websocket = websocket  # type: ignore[assignment,method-assign]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
