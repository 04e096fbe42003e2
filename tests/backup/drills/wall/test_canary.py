"""The canary's own program: it is kept in only where it is kept in for good."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

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


def answered(monkeypatch: pytest.MonkeyPatch, connect: Callable[..., object]) -> int:
    """The canary's exit code in this process, with `connect` instead of a network."""
    words = wall_canary.command("api", "443", control=False, patience=0.0)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(sys, "argv", ["-c", *words[4:]])
    with pytest.raises(SystemExit) as ended:
        exec(words[3], {"__name__": "canary"})
    return int(str(ended.value.code))


def test_two_attempts_overlap_where_packets_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60)

    def dropped(*_: object) -> None:
        both.wait()  # breaks, and fails the canary, if the second attempt waits for the first
        raise TimeoutError

    assert answered(monkeypatch, dropped) == wall_canary.SHUT


@pytest.mark.parametrize("opening", [0, 1])
def test_one_attempt_that_gets_out_is_enough(monkeypatch: pytest.MonkeyPatch, opening: int) -> None:
    attempts: list[int] = []
    left, right = socket.socketpair()

    def connect(*_: object) -> socket.socket:
        attempts.append(len(attempts))
        if len(attempts) - 1 == opening or len(attempts) > 2:
            return left
        raise ConnectionRefusedError

    with left, right:
        assert answered(monkeypatch, connect) == wall_canary.STILL_OPEN
