"""One query to a DNS server, with its search list. Standard library only: it is copied into Pods
with the rest of the agent, which does the sending.

No query is sent twice and no second server is tried: a client that retries hides a failure. An
answer counts only for the query that was sent; records for names other than the query's, and the
names that it is an alias of, are ignored. If an answer does not fit into a datagram, the query is
sent again over TCP, as RFC 7766 requires. The search list is tried as the C library does: the next
name only if the previous one does not exist or has no such record.

Sources: RFC 1035 section 4, RFC 2782, RFC 3596, resolv.conf(5), res_search(3).
"""

from __future__ import annotations

import os
import re
import socket
import struct
from typing import Any

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
CODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
PORT = 53
NDOTS = 1
"""The value that a resolver uses if its configuration sets none."""

ASK, CUT, END, WAIT = range(4)
"""What to do next: send `query()`; send it over TCP; nothing, it has ended; wait on."""


class NotDns(Exception):
    """The bytes are not a DNS message."""


class Names:
    """The configuration: name, type, server, search, absent, records (sorted texts), at_least."""

    def __init__(self, given: dict[str, Any], conf: str = "/etc/resolv.conf") -> None:
        self.kind: str = given["type"]
        self.expect: list[str] = given.get("records") or []
        self.at_least: int = given.get("at_least", 1)
        self.absent: bool = given.get("absent", False)
        server, search, ndots = _configuration(conf)
        told = given.get("server") or server
        self.host, self.port = _place(told)
        self.names = candidates(given["name"], search if given.get("search", True) else [], ndots)


def _place(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(port)
    return text.strip("[]"), PORT


def _configuration(path: str) -> tuple[str, list[str], int]:
    """The first server, the search list and ndots; as resolv.conf(5) says for a missing file."""
    server, search, ndots = "127.0.0.1", [], NDOTS
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        lines = []
    servers = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    for words in lines:
        if words[:1] in (["search"], ["domain"]):
            search = [word.strip(".") for word in words[1:]]
        for word in words[1:] if words[:1] == ["options"] else ():
            if re.fullmatch(r"ndots:\d+", word):
                ndots = min(15, int(word[6:]))
    return (servers or [server])[0], search, ndots


def candidates(name: str, search: list[str], ndots: int) -> list[str]:
    """Whole names in the order in which a client tries them."""
    if name.endswith("."):
        return [name[:-1]]
    longer = [f"{name}.{domain}" for domain in search if domain]
    return [name, *longer] if name.count(".") >= ndots else [*longer, name]


class Lookup:
    """One planned question. `answer` and `text` are set once `take` returns END."""

    def __init__(self, plan: Names) -> None:
        self.plan = plan
        self.stream = False
        self.answer = self.text = ""
        self._left = list(plan.names)
        self._lacks = ""
        self._buffer = b""
        self._next()

    def _next(self) -> None:
        self.name = self._left.pop(0)
        self._id = os.urandom(2)

    def query(self) -> bytes:
        """The message to send now."""
        labels = [label.encode("idna") for label in self.name.split(".") if label]
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        head = self._id + struct.pack("!5H", 0x0100, 1, 0, 0, 0)
        message = head + name + struct.pack("!2H", TYPES[self.plan.kind], 1)
        return struct.pack("!H", len(message)) + message if self.stream else message

    def take(self, data: bytes) -> int:
        """Handle a received message; return the next step."""
        if not self.stream:
            return self._message(data)
        self._buffer += data
        if len(self._buffer) < 2 or len(self._buffer) < 2 + int.from_bytes(self._buffer[:2], "big"):
            return WAIT
        data, self._buffer = self._buffer[2:], b""
        return self._message(data)

    def over_tcp(self) -> None:
        """From now on."""
        self.stream = True

    def _message(self, data: bytes) -> int:
        if data[:2] != self._id or len(data) < 12 or not data[2] & 0x80:
            return WAIT  # the answer belongs to an earlier query, or comes from someone else
        code = data[3] & 15
        if data[2] & 2:  # also over TCP, from a server that is broken: what is left out may exist
            cut = f"the answer for {self.name} is truncated over TCP"
            return self._end("DNS", cut) if self.stream else CUT
        if code in (0, 3):
            return self._found(data, code)
        name = CODES.get(code, f"code {code}")
        return self._end("SERVFAIL" if code == 2 else "DNS", f"{name} for {self.name}")

    def _found(self, data: bytes, code: int) -> int:
        try:
            found, alias = records(data, self.name, self.plan.kind)
        except NotDns:
            return self._end("DNS", f"the answer for {self.name} is not a DNS message")
        if found and code == 0:
            return self._judged(found)
        lacks = f"{alias or self.name} does not exist"
        if code == 0:
            lacks = f"{alias or self.name} has no {self.plan.kind} record"
        if code == 0 or not self._lacks:
            self._lacks = ("NODATA " if code == 0 else "NXDOMAIN ") + lacks
        if self._left:
            self._next()
            return ASK
        answer, _, text = self._lacks.partition(" ")
        return self._end("GOOD", "") if self.plan.absent else self._end(answer, text)

    def _judged(self, found: list[str]) -> int:
        told = ", ".join(found[:6])
        if self.plan.absent:
            return self._end("WRONG", f"{self.name} is {told}, expected no record")
        if self.plan.expect and found != self.plan.expect:
            expected = ", ".join(self.plan.expect[:6])
            return self._end("WRONG", f"{self.name} is {told}, expected {expected}")
        if len(found) < self.plan.at_least:
            text = f"{self.name} has {len(found)} records, expected {self.plan.at_least}: {told}"
            return self._end("WRONG", text)
        return self._end("GOOD", "")

    def _end(self, answer: str, text: str) -> int:
        self.answer, self.text = answer, text
        return END


def records(data: bytes, name: str, kind: str) -> tuple[list[str], str]:
    """Sorted texts of all records of a type, and the last alias on the way to them."""
    try:
        return _records(data, name.lower(), kind)
    except (struct.error, IndexError, ValueError):
        raise NotDns from None


def _records(data: bytes, name: str, kind: str) -> tuple[list[str], str]:
    questions, answers = struct.unpack_from("!2H", data, 4)
    at = 12
    for _ in range(questions):
        asked, at = _name(data, at)
        at += 4
        if asked != name:
            raise NotDns
    found: set[str] = set()
    aliases: dict[str, str] = {}
    owned: list[tuple[str, str]] = []
    for _ in range(answers):
        owner, at = _name(data, at)
        number, _, _, length = struct.unpack_from("!HHIH", data, at)
        at += 10
        if at + length > len(data):
            raise NotDns
        if number == TYPES["CNAME"]:
            aliases[owner] = _name(data, at)[0]
        if number == TYPES[kind]:
            owned.append((owner, _text(data, at, length, kind)))
        at += length
    owners, last = {name}, ""
    while kind != "CNAME" and (following := aliases.get(last or name)) and following not in owners:
        owners.add(following)
        last = following
    found = {text for owner, text in owned if owner in owners}
    return sorted(found), last


def _text(data: bytes, at: int, length: int, kind: str) -> str:
    if kind in ("A", "AAAA"):
        family = socket.AF_INET if kind == "A" else socket.AF_INET6
        return socket.inet_ntop(family, data[at : at + length])
    if kind == "SRV":
        numbers = struct.unpack_from("!3H", data, at)
        return " ".join([*map(str, numbers), _name(data, at + 6)[0]])
    if kind != "TXT":
        return _name(data, at)[0]
    pieces, end = [], at + length
    while at < end:
        pieces.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(pieces).decode("utf-8", "replace")


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name in lower case without its final dot, and the offset after it. A pointer may only point
    backwards, so that there are no loops."""
    labels: list[str] = []
    behind, least = -1, at
    while length := data[at]:
        if length >= 192:
            behind = at + 2 if behind < 0 else behind
            target = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            if target >= least:
                raise NotDns
            at = least = target
            continue
        if length > 63 or at + 1 + length > len(data):
            raise NotDns
        labels.append(data[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    return ".".join(labels), at + 1 if behind < 0 else behind
