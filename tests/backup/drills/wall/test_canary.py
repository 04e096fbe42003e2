"""The canary's own program: it is kept in only where it is kept in for good."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from resilience.cluster import wall_canary


def ended(port: int, patience: float = wall_canary.PATIENCE) -> int:
    """The exit code of the canary, with the API server at this port."""
    words = wall_canary.command(
        "$KUBERNETES_SERVICE_HOST", "$KUBERNETES_SERVICE_PORT", control=False, patience=patience
    )
    where = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
    done = subprocess.run(
        [sys.executable, *words[1:]], env={**os.environ, **where}, timeout=60, check=False
    )
    return done.returncode


def test_a_wall_that_takes_a_moment_to_stand_holds() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def shut_after_the_first() -> None:
        server.accept()[0].close()
        server.close()

    closing = threading.Thread(target=shut_after_the_first)
    closing.start()
    assert ended(port) == 0
    closing.join()


def test_a_wall_that_never_stands_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ended(server.getsockname()[1], patience=0.3) == 7
