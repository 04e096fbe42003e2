"""What is said over a connection: handshake, request, answer."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

from resilience.probes.agent.answers import (
    ANSWERS,
    BODY,
    BY_ERRNO,
    GOOD,
    PROTOCOL,
    RESET,
    TLS,
    UNREACHABLE,
)
from resilience.probes.agent.connections import Connections
from resilience.probes.agent.exchange import CONNECTING, HANDSHAKE, RECEIVING, SENDING, Exchange
from resilience.probes.agent.http_response import BODY_LIMIT, NotHttp, Response
from resilience.probes.agent.judging import Judge
from resilience.probes.agent.plan import Plan
from resilience.probes.agent.writer import Writer


class Conversation(Connections):
    """Each exchange, as far as its connection permits."""

    def __init__(self, plan: Plan, writer: Writer, wake: int) -> None:
        super().__init__(plan, wake)
        self.writer = writer
        self.judge = Judge(plan, writer)
        self.blocked: tuple[type[BaseException], ...] = (BlockingIOError,)
        self.tls_errors: tuple[type[BaseException], ...] = ()
        self.ended: tuple[type[BaseException], ...] = ()  # a close in the middle, told by TLS
        if plan.tls:
            import ssl

            self.blocked = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
            self.tls_errors = (ssl.SSLError, ssl.CertificateError)
            self.ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

    def _advance(self, exchange: Exchange) -> None:
        try:
            self._proceed(exchange)
        except self.blocked as error:
            reading = exchange.stage == RECEIVING or "WantRead" in type(error).__name__
            self._await(exchange, select.EPOLLIN if reading else select.EPOLLOUT)
        except NotHttp:
            self._end(exchange, PROTOCOL)
        except OSError as error:
            known = BY_ERRNO.get(error.errno or 0)
            if known == RESET or isinstance(error, self.ended):
                self._broken(exchange, RESET)
                return
            if known is None or isinstance(error, self.tls_errors):
                known = TLS if isinstance(error, self.tls_errors) else UNREACHABLE
                self.writer.note(known, getattr(error, "verify_message", "") or str(error))
            self._end(exchange, known)

    def _proceed(self, exchange: Exchange) -> None:
        sock = exchange.sock
        if exchange.stage == CONNECTING:
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "connect")
            if self.plan.tls:
                exchange.sock = sock = self.plan.tls.wrap_socket(
                    sock, server_hostname=self.plan.server_name, do_handshake_on_connect=False
                )
                exchange.stage = HANDSHAKE
            else:
                self._request(exchange)
        if exchange.stage == HANDSHAKE:
            sock.do_handshake()
            if self.plan.valid_for and (left := _expires(sock)) < self.plan.valid_for:
                wanted = f"expected at least {self.plan.valid_for / 86400:g} days"
                self.writer.note(
                    TLS, f"the certificate expires in {left / 86400:.1f} days, {wanted}"
                )
                self._end(exchange, TLS)
                return
            self._request(exchange)
        while exchange.stage == SENDING:
            exchange.offset += sock.send(exchange.request[exchange.offset :])
            if exchange.offset >= len(exchange.request):
                exchange.stage = RECEIVING
                if not self.plan.http and not self.plan.names and not self.plan.expect:
                    self._end(exchange, GOOD)
                    return
                raise BlockingIOError  # no answer can have arrived yet
        while not exchange.done:
            data = sock.recv(65536)
            self._received(exchange, data)
            if exchange.sock is not sock:
                return
            if exchange.stage == SENDING:
                self._proceed(exchange)

    def _request(self, exchange: Exchange) -> None:
        exchange.stage, exchange.offset, exchange.request = SENDING, 0, self.plan.request
        if self.plan.dns:
            exchange.response = exchange.response or self.plan.dns.Lookup(self.plan.names)
            exchange.request = exchange.response.query()
        else:
            exchange.response = Response(self.plan.head_only) if self.plan.http else bytearray()

    def _broken(self, exchange: Exchange, answer: int) -> None:
        """The connection ended before the answer did. A kept one may have ended while nobody used
        it, before the server saw the request."""
        response = exchange.response
        if not exchange.kept or not self.plan.repeats or response is None or response.begun():
            self._end(exchange, answer)
            return
        self.remarks["sent again, since its kept connection had ended"] += 1
        self._close(exchange)
        exchange.kept, exchange.stage, exchange.mask, exchange.sock = False, CONNECTING, 0, None
        exchange.race = None
        self._dial(exchange)

    def _looked_up(self, exchange: Exchange, data: bytes) -> None:
        """Handle a part of a DNS answer: the request ends, or continues, perhaps over TCP."""
        dns, lookup = self.plan.dns, exchange.response
        if not data and lookup.stream:
            self._end(exchange, RESET)
            return
        step = lookup.take(data)
        if step == dns.END:
            if lookup.text:
                self.writer.note(ANSWERS.index(lookup.answer), lookup.text)
            self._end(exchange, ANSWERS.index(lookup.answer))
        elif step == dns.ASK:
            self._request(exchange)
        elif step == dns.CUT:
            lookup.over_tcp()
            address = exchange.sock.family, exchange.sock.getpeername()
            self._close(exchange)
            exchange.stage, exchange.mask = CONNECTING, 0
            self._connect(exchange, address, socket.SOCK_STREAM)

    def _received(self, exchange: Exchange, data: bytes) -> None:
        response = exchange.response
        if self.plan.names:
            self._looked_up(exchange, data)
        elif not self.plan.http:
            response += data
            if self.plan.expect in response:
                self._end(exchange, GOOD)
            elif not data or len(response) > BODY_LIMIT:
                self._end(exchange, BODY if response else RESET)
        elif response.feed(data) if data else response.closed():
            self._end(exchange, self.judge.of(response))
        elif not data:
            self._broken(exchange, RESET)


def _expires(tls: Any) -> float:
    """Seconds for which the server's certificate is still valid."""
    import ssl

    return ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"]) - time.time()
