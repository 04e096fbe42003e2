"""One planned request, and the addresses that it may be sent to."""

from __future__ import annotations

import collections
import itertools
import math
import os
import socket
from typing import Any

from resilience.probes.agent.answers import SAID, UNREACHABLE
from resilience.probes.agent.plan import Plan, Target

CONNECTING, HANDSHAKE, SENDING, RECEIVING, DONE = range(5)


class Exchange:
    """One planned request on its way through a connection."""

    __slots__ = (
        "done",
        "fd",
        "intended",
        "kept",
        "mask",
        "offset",
        "race",
        "request",
        "response",
        "sent",
        "seq",
        "sock",
        "stage",
    )

    def __init__(self, seq: int, intended: float) -> None:
        self.seq = seq
        self.intended = intended
        self.sent = 0.0
        self.done = False
        self.kept = False
        self.race: Any = None
        self.stage = CONNECTING
        self.offset = 0
        self.mask = 0
        self.fd = -1
        self.sock: Any = None
        self.request = b""
        self.response: Any = None


class Race:
    """The addresses of one request's host: `left` are not tried yet, `tried` are descriptors and
    sockets under way, `failed` are addresses and how they ended, `slow` are those that were not
    waited for, `winner` is the one in use, `due` when the next one is tried."""

    __slots__ = ("due", "failed", "left", "slow", "tried", "winner")

    def __init__(self, targets: list[Target]) -> None:
        self.left = collections.deque(targets)
        self.tried: dict[int, tuple[Any, Target]] = {}
        self.failed: list[tuple[str, int]] = []
        self.slow: list[str] = []
        self.due = math.inf
        self.winner = ""

    def answer(self) -> int:
        """How it failed: what the first address said, unless there is only no way to it."""
        answers = [answer for _, answer in self.failed]
        return next((each for each in answers if each != UNREACHABLE), answers[0])

    def remarks(self) -> list[str]:
        """What was wrong with other addresses than the winner."""
        failed = [f"{address} {SAID.get(answer, 'failed')}" for address, answer in self.failed]
        slow = [f"{address} slow to connect" for address in self.slow if address != self.winner]
        return failed + slow


def targets_of(found: list[Any]) -> list[Target]:
    """Each address once, the families in turn from the resolver's first on (RFC 8305, 4)."""
    every = list(dict.fromkeys((info[0], info[4]) for info in found))
    first = [each for each in every if each[0] == every[0][0]]
    other = [each for each in every if each[0] != every[0][0]]
    return [each for pair in itertools.zip_longest(first, other) for each in pair if each]


class Resolver:
    """Looks up addresses on threads, since getaddrinfo blocks; each request looks up again."""

    def __init__(self, plan: Plan, wake: int) -> None:
        import queue
        import threading

        self.found: collections.deque[tuple[Exchange, Any, str]] = collections.deque()
        self._plan, self._wake = plan, wake
        self.ask: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        for _ in range(4):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            exchange = self.ask.get()
            if exchange.done:  # given up meanwhile: its answer would delay those behind it
                continue
            try:
                every = socket.getaddrinfo(
                    self._plan.host, self._plan.port, type=socket.SOCK_STREAM
                )
                self.found.append((exchange, targets_of(every), ""))
            except (OSError, UnicodeError) as error:
                self.found.append((exchange, None, str(error)))
            os.write(self._wake, b"r")
