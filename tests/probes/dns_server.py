"""A DNS server on loopback whose answers are scripted, over UDP and TCP on one port (dnspython)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Rows = dict[tuple[str, str], list[str]]
Behave = Callable[[dns.message.Message, bool], bytes | None]


def zone(rows: Rows, *, code: dns.rcode.Rcode = dns.rcode.NXDOMAIN, most: int = 512) -> Behave:
    """Answers from `rows`, keyed by name and type, aliases included; `code` for unknown names."""

    def behave(query: dns.message.Message, stream: bool) -> bytes | None:
        question = query.question[0]
        answer = dns.message.make_response(query)
        name, kind = str(question.name).rstrip("."), question.rdtype.name
        if not any(known == name for known, _ in rows):
            answer.set_rcode(code)
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            for each in (kind, "CNAME"):
                if texts := rows.get((name, each)):
                    answer.answer.append(dns.rrset.from_text_list(f"{name}.", 5, "IN", each, texts))
            name = rows.get((name, "CNAME"), [name])[0].rstrip(".")
        data = answer.to_wire()
        if stream or len(data) <= most:
            return data
        answer.answer = []
        answer.flags |= dns.flags.TC
        return answer.to_wire()

    return behave


def silent(query: dns.message.Message, stream: bool) -> bytes | None:
    """No answer."""
    return None


def always(change: Callable[[bytes], bytes]) -> Behave:
    """An empty answer to the question, changed."""

    def behave(query: dns.message.Message, stream: bool) -> bytes | None:
        return change(dns.message.make_response(query).to_wire())

    return behave


class DnsServer:
    """Use as a context manager; `asked` holds (name, over TCP)."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.asked: list[tuple[str, bool]] = []
        self._stream, self._datagrams = _both()
        self.address = "{}:{}".format(*self._stream.getsockname())

    def __enter__(self) -> Self:
        for work in (self._serve_datagrams, self._serve_streams):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for made in (self._stream, self._datagrams):
            try:
                made.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # a datagram socket is not connected; it wakes up all the same
            made.close()

    def _answer(self, data: bytes, stream: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        self.asked.append((str(query.question[0].name).rstrip("."), stream))
        return self.behave(query, stream)

    def _serve_datagrams(self) -> None:
        while True:
            try:
                data, client = self._datagrams.recvfrom(4096)
                if not data:
                    return  # shut down
                if said := self._answer(data, False):
                    self._datagrams.sendto(said, client)
            except OSError:
                return

    def _serve_streams(self) -> None:
        while True:
            try:
                connection, _ = self._stream.accept()
            except OSError:
                return
            with connection:
                length = int.from_bytes(connection.recv(2), "big")
                if said := self._answer(connection.recv(length), True):
                    framed = len(said).to_bytes(2, "big") + said
                    for at in range(0, len(framed), 100):  # in pieces, as networks do
                        connection.sendall(framed[at : at + 100])


def _both() -> tuple[socket.socket, socket.socket]:
    """A port that is free for both."""
    while True:
        stream = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
        except OSError:
            stream.close()
            datagrams.close()
            continue
        return stream, datagrams
