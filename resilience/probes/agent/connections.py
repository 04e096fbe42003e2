"""The connections of the agent: made, raced, kept and closed. What passes over them is in
`conversation`."""

from __future__ import annotations

import collections
import errno
import select
import socket
import time
from abc import ABC, abstractmethod
from typing import Any

from resilience.probes.agent.answers import BY_ERRNO, UNREACHABLE, UNSENT
from resilience.probes.agent.exchange import DONE, Exchange, Race, Resolver
from resilience.probes.agent.plan import Plan, Target

HEAD_START = 0.25  # seconds before the next address is tried as well (RFC 8305, section 8)


class Connections(ABC):
    """Sockets by descriptor, and what each waits for."""

    def __init__(self, plan: Plan, wake: int) -> None:
        self.plan = plan
        self.epoll = select.epoll()
        self.resolver = None if plan.fixed else Resolver(plan, wake)
        self.open: dict[int, Exchange] = {}
        self.idle: list[Exchange] = []
        self.racing: dict[int, Exchange] = {}
        self.next_tries: collections.deque[tuple[float, Exchange]] = collections.deque()
        self.remarks: collections.Counter[str] = collections.Counter()

    @abstractmethod
    def _advance(self, exchange: Exchange) -> None:
        """Do what its connection permits now."""

    @abstractmethod
    def _end(self, exchange: Exchange, answer: int) -> None:
        """It has its answer."""

    def _dial(self, exchange: Exchange) -> None:
        """A new connection."""
        if self.plan.fixed:
            self._connect(exchange, self.plan.fixed)
        elif self.resolver:
            self.resolver.ask.put(exchange)

    def _race(self, exchange: Exchange) -> None:
        """Try the next address; end where none is left, and none under way."""
        race: Race = exchange.race
        while race.left:
            target = race.left.popleft()
            sock = self._socket(exchange, target)
            if sock is None:
                return
            code = sock.connect_ex(target[1])
            if code in (0, errno.EINPROGRESS):
                race.tried[sock.fileno()] = sock, target
                self.racing[sock.fileno()] = exchange
                self.epoll.register(sock.fileno(), select.EPOLLOUT)
                race.due = time.monotonic() + HEAD_START
                self.next_tries.append((race.due, exchange))
                return
            sock.close()
            race.failed.append((target[1][0], BY_ERRNO.get(code, UNREACHABLE)))
        if not race.tried:
            self._end(exchange, race.answer())

    def _tried(self, exchange: Exchange, fd: int) -> None:
        """An address connected, or failed: the next one is tried at once."""
        race: Race = exchange.race
        sock, target = race.tried[fd]
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._leave(exchange, fd)
            race.failed.append((target[1][0], BY_ERRNO.get(code, UNREACHABLE)))
            self._race(exchange)
            return
        del self.racing[fd], race.tried[fd]
        race.winner = target[1][0]
        race.left.clear()
        for other in list(race.tried):
            self._leave(exchange, other)
        exchange.sock, exchange.fd, exchange.mask = sock, fd, select.EPOLLOUT
        self.open[fd] = exchange
        self.remarks.update(race.remarks())
        self._advance(exchange)

    def _leave(self, exchange: Exchange, fd: int) -> None:
        """Give up one address."""
        sock, _ = exchange.race.tried.pop(fd)
        del self.racing[fd]
        self.epoll.unregister(fd)
        sock.close()

    def _kept(self) -> Exchange | None:
        """A connection that can be used again. One that the server has closed cannot, even if the
        loop has not noticed yet."""
        while self.idle:
            kept = self.idle.pop()
            heard = select.poll()
            heard.register(kept.fd, select.POLLIN | select.POLLRDHUP)
            if not heard.poll(0):
                return kept
            self._close(kept)
        return None

    def _socket(self, exchange: Exchange, target: Target, kind: int = 0) -> Any:
        """For one address; None where this machine has none left, which ends the request."""
        try:
            sock = socket.socket(target[0], kind or self.plan.socket)
        except OSError as error:
            self._end(exchange, BY_ERRNO.get(error.errno or 0, UNSENT))
            return None
        sock.setblocking(False)
        if sock.type == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _connect(self, exchange: Exchange, address: Target, kind: int = 0) -> None:
        sock = self._socket(exchange, address, kind)
        if sock is None:
            return
        exchange.sock, exchange.fd = sock, sock.fileno()
        code = sock.connect_ex(address[1])
        if code not in (0, errno.EINPROGRESS):
            self._end(exchange, BY_ERRNO.get(code, UNREACHABLE))
        elif self.plan.http and not self.plan.tls:
            self._advance(
                exchange
            )  # a nearby peer may already have answered, which saves one wake-up
        else:
            self._await(exchange, select.EPOLLOUT)

    def _await(self, exchange: Exchange, mask: int) -> None:
        if exchange.mask == mask:
            return
        if exchange.mask:
            self.epoll.modify(exchange.fd, mask)
        else:
            self.epoll.register(exchange.fd, mask)
        exchange.mask = mask
        self.open[exchange.fd] = exchange

    def _close(self, exchange: Exchange) -> None:
        if self.open.pop(exchange.fd, None) is not None:
            self.epoll.unregister(exchange.fd)
        exchange.sock.close()
        exchange.stage = DONE
        if exchange in self.idle:
            self.idle.remove(exchange)

    def _resolved(self, exchange: Exchange, targets: list[Target]) -> None:
        """Connect to the address, or to the first of several that answers."""
        if len(targets) == 1:
            self._connect(exchange, targets[0])
        else:
            exchange.race = Race(targets)
            self._race(exchange)

    def _try_next(self, now: float) -> None:
        """Try one more address where one takes long."""
        while self.next_tries and self.next_tries[0][0] <= now:
            due, exchange = self.next_tries.popleft()
            if exchange.race.left and exchange.race.due == due:
                exchange.race.slow += [target[1][0] for _, target in exchange.race.tried.values()]
                self._race(exchange)
