"""The loop of the agent."""

from __future__ import annotations

import collections
import math
import os
import resource
import select
import time
from typing import Any

from resilience.probes.agent.answers import (
    ANSWERS,
    NAME,
    PROTOCOL,
    RESET,
    TIMEOUT,
    TLS,
    UNREACHABLE,
    UNSENT,
    VERSION,
)
from resilience.probes.agent.conversation import Conversation
from resilience.probes.agent.exchange import DONE, RECEIVING, Exchange
from resilience.probes.agent.http_response import Response
from resilience.probes.agent.judging import BY_LIMIT
from resilience.probes.agent.plan import Plan
from resilience.probes.agent.privilege import peak_memory
from resilience.probes.agent.writer import NOTES, Writer

FLUSH = 0.1
LINGER = 0.25  # the server closes first, so that TIME_WAIT does not eat our ports


class SendLoop(Conversation):
    """The loop: sends what is due, receives what has arrived, gives up what is too late."""

    def __init__(self, plan: Plan, writer: Writer, lifeline: int | None) -> None:
        self.wake_read, self.wake_write = os.pipe()
        super().__init__(plan, writer, self.wake_write)
        self.lifeline = lifeline
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        for fd in [self.wake_read] if lifeline is None else [self.wake_read, lifeline]:
            self.epoll.register(fd, select.EPOLLIN)
        self.flying: collections.deque[Exchange] = collections.deque()
        self.count = 0
        self.lingering: collections.deque[tuple[float, Exchange]] = collections.deque()
        self.planned = 0
        self.stopping = False
        self.priority = ""
        self.until = math.inf
        self.parent = os.getppid()

    def run(self) -> None:
        """Run until told to stop, and then until all requests in flight have ended."""
        wait = 0.005 + self._turn(time.time() + 0.005)
        self.start = self.writer.start = time.monotonic() + wait
        self.writer.line(
            {
                "version": VERSION,
                "start": self.start,
                "wall": time.time() + wait,
                "interval": self.plan.interval,
                "answers": ANSWERS,
            }
        )
        flush = self.start
        while not self.stopping or self.count or self._due() <= self.until:
            now = self._send_due()
            self._give_up(now)
            if now >= flush:
                self.writer.flush()
                flush = now + FLUSH
                if self.lifeline is not None and os.getppid() != self.parent:
                    return
            self._take(flush)
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.writer.close(
            {
                "end": {
                    "planned": self.planned,
                    "rss": peak_memory(),
                    "priority": self.priority,
                    "remarks": dict(self.remarks.most_common(NOTES)),
                    "cpu": round(used.ru_utime + used.ru_stime, 4),
                }
            }
        )

    def _turn(self, wall: float) -> float:
        """Seconds until this agent's turn among several agents (a Pod of an Indexed Job)."""
        if not self.plan.turns:
            return 0.0
        number = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
        return (self.plan.interval * number / self.plan.turns - wall) % self.plan.interval

    def stop(self, *_: object) -> None:
        """Plan nothing that is due later than now (also used as a signal handler)."""
        if not self.stopping:
            self.stopping = True
            self.until = time.monotonic()

    def _due(self) -> float:
        return self.start + self.planned * self.plan.interval

    def _send_due(self) -> float:
        now = time.monotonic()
        while self._due() <= min(now, self.until):
            exchange = Exchange(self.planned, self._due())
            self.planned += 1
            if now - exchange.intended > self.plan.timeout or self.count >= self.plan.inflight:
                self._record(exchange, UNSENT, now)
            else:
                self._launch(exchange, now)
            if self.planned == self.plan.limit:
                self.stopping, self.until = True, -math.inf
            now = time.monotonic()
        return now

    def _launch(self, exchange: Exchange, now: float) -> None:
        exchange.sent = now
        self.count += 1
        self.flying.append(exchange)
        kept = self._kept()
        if kept:
            exchange.sock, exchange.fd, exchange.mask = kept.sock, kept.fd, kept.mask
            exchange.kept, exchange.race = True, kept.race
            self.open[exchange.fd] = exchange
            self._request(exchange)
            self._advance(exchange)
        else:
            self._dial(exchange)

    def _end(self, exchange: Exchange, answer: int) -> None:
        now = time.monotonic()
        exchange.done = True
        self.count -= 1
        self._record(exchange, answer, now)
        if exchange.race:
            exchange.race.left.clear()
            for fd in list(exchange.race.tried):
                self._leave(exchange, fd)
        if exchange.sock is None:
            return
        if (
            exchange.stage != RECEIVING
            or not isinstance(exchange.response, Response)
            or answer in (RESET, TIMEOUT, PROTOCOL, TLS, UNREACHABLE)
        ):
            self._close(exchange)
            return
        exchange.stage = DONE
        self._await(exchange, select.EPOLLIN)
        if self.plan.keepalive and exchange.response.reusable:
            self.idle.append(exchange)
        else:
            self.lingering.append((now + LINGER, exchange))

    def _record(self, exchange: Exchange, answer: int, now: float) -> None:
        lag = None if answer == UNSENT else round((exchange.sent - exchange.intended) * 1e6)
        row: list[Any] = [exchange.seq, lag, round((now - exchange.intended) * 1e6), answer]
        response = exchange.response
        reached = exchange.race.winner[:BY_LIMIT] if exchange.race else ""
        if isinstance(response, Response) and response.status:
            row += [response.status, self.judge.by(response) or reached]
        elif reached:
            row += [0, reached]
        self.writer.rows.append(row)

    def _give_up(self, now: float) -> None:
        while self.flying and (
            self.flying[0].done or self.flying[0].sent + self.plan.timeout <= now
        ):
            exchange = self.flying.popleft()
            if not exchange.done:
                self._end(exchange, TIMEOUT)
        self._try_next(now)
        while self.lingering and self.lingering[0][0] <= now:
            exchange = self.lingering.popleft()[1]
            if exchange.fd in self.open and self.open[exchange.fd] is exchange:
                self._close(exchange)

    def _take(self, flush: float) -> None:
        wake = flush if self.stopping else min(flush, self._due())
        if self.flying:
            wake = min(wake, self.flying[0].sent + self.plan.timeout)
        if self.next_tries:
            wake = min(wake, self.next_tries[0][0])
        if select.select([self.epoll], [], [], max(0.0, wake - time.monotonic()))[0]:
            for fd, _ in self.epoll.poll(0):
                exchange = self.open.get(fd)
                if fd in self.racing:
                    self._tried(self.racing[fd], fd)
                elif exchange is None:
                    self._control(fd)
                elif exchange.done:
                    self._drain(exchange)
                else:
                    self._advance(exchange)

    def _drain(self, exchange: Exchange) -> None:
        try:
            # An answer that nobody asked for (a proxy's 408) would be taken for the next one's.
            if exchange.sock.recv(65536) and exchange not in self.idle:
                return
        except self.blocked:
            return
        except OSError:
            pass  # the peer did not close TLS properly, but the connection is closed
        self._close(exchange)

    def _control(self, fd: int) -> None:
        if fd == self.lifeline and not os.read(fd, 4096):
            self.epoll.unregister(fd)
            self.stop()
        elif fd == self.wake_read:
            os.read(fd, 4096)
            while self.resolver and self.resolver.found:
                exchange, targets, trouble = self.resolver.found.popleft()
                if trouble:
                    self.writer.note(NAME, trouble)
                if not exchange.done and targets is None:
                    self._end(exchange, NAME)
                elif not exchange.done:
                    self._resolved(exchange, targets)
