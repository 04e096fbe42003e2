"""`agnhost liveness`: healthy on port 8080 for ten seconds, then 500 forever."""

from __future__ import annotations

import time

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest, server

HEALTHY = 10.0


def liveness(arguments: list[str]) -> int:
    """Serve until killed: like the real one it has no signal handler."""
    parse(arguments, {})
    started = time.monotonic()

    def route(request: HttpRequest) -> Answer:
        passed = time.monotonic() - started
        if request.path == "/healthz" and passed > HEALTHY:
            return Answer(f"error: {passed}", 500)
        return Answer("ok" if request.path == "/healthz" else f"{passed}s")

    server(8080, route).serve_forever()
    return 0
