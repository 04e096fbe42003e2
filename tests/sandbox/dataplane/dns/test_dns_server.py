"""Cluster DNS on the wire, asked by a client that others wrote (dnspython)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest

from resilience.sandbox.dataplane.dns.dns_server import DnsServer
from resilience.sandbox.dataplane.enforcement import Enforcement
from resilience.sandbox.dataplane.service_state import State
from tests.sandbox.dataplane.dns.test_dns_records import DOMAIN, service

ADDRESS = "127.0.0.1"
SHIFT = 20000 - 53


def free_port() -> int:
    with socket.socket() as made:
        made.bind((ADDRESS, 0))
        return int(made.getsockname()[1])


class Denied(Enforcement):
    def allows_dns(self, source: str) -> bool:
        return False


@asynccontextmanager
async def serving(state: State, enforcement: type[Enforcement] = Enforcement) -> AsyncIterator[int]:
    port = free_port()
    nobody: Any = None
    server = DnsServer(state, enforcement(nobody, Path("absent")), ADDRESS, port - 53)
    await server.start()
    try:
        yield port
    finally:
        server.close()


def asked(state: State, name: str, kind: str, **how: Any) -> dns.message.Message:
    async def run() -> dns.message.Message:
        async with serving(state, how.pop("enforcement", Enforcement)) as port:
            way = dns.query.tcp if how.pop("tcp", False) else dns.query.udp
            query = dns.message.make_query(name, kind, **how)
            return await asyncio.to_thread(way, query, ADDRESS, port=port, timeout=1.0)

    return asyncio.run(run())


@pytest.fixture
def state() -> State:
    found = State()
    found.service_changed("ADDED", service("web", clusterIP="127.20.128.9"), None)
    found.service_changed("ADDED", service("db", clusterIP="None"), None)
    return found


def texts(answer: dns.message.Message) -> list[str]:
    return sorted(str(each) for rows in answer.answer for each in rows)


@pytest.mark.parametrize("tcp", [False, True])
def test_a_service_has_its_address(state: State, tcp: bool) -> None:
    answer = asked(state, f"WEB.{DOMAIN}", "A", tcp=tcp)
    assert (answer.rcode(), texts(answer)) == (dns.rcode.NOERROR, ["127.20.128.9"])


@pytest.mark.parametrize(
    ("name", "kind", "code", "found"),
    [
        (f"_http._tcp.web.{DOMAIN}", "SRV", dns.rcode.NOERROR, [f"0 100 80 web.{DOMAIN}."]),
        ("9.128.20.127.in-addr.arpa", "PTR", dns.rcode.NOERROR, [f"web.{DOMAIN}."]),
        ("dns-version.cluster.local", "TXT", dns.rcode.NOERROR, ['"1.1.0"']),
        (f"web.{DOMAIN}", "AAAA", dns.rcode.NOERROR, []),
        (DOMAIN, "A", dns.rcode.NOERROR, []),
        ("svc.cluster.local", "A", dns.rcode.NOERROR, []),
        (f"wep.{DOMAIN}", "A", dns.rcode.NXDOMAIN, []),
        ("web.shpo.svc.cluster.local", "A", dns.rcode.NXDOMAIN, []),
        (f"db.{DOMAIN}", "A", dns.rcode.NXDOMAIN, []),  # headless, nothing ready
        ("5.128.20.127.in-addr.arpa", "PTR", dns.rcode.NXDOMAIN, []),
    ],
)
def test_what_is_not_there_and_what_has_no_such_record_are_told_apart(
    state: State, name: str, kind: str, code: dns.rcode.Rcode, found: list[str]
) -> None:
    answer = asked(state, name, kind)
    assert (answer.rcode(), texts(answer)) == (code, found)


def many(state: State, count: int) -> None:
    endpoints = [{"addresses": [f"127.20.33.{number}"]} for number in range(count)]
    piece = {
        "metadata": {
            "namespace": "shop", "name": "db-1", "uid": "db-1",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "endpoints": endpoints,
    }  # fmt: skip
    state.slice_changed("ADDED", piece, None)


def test_what_does_not_fit_is_cut_unless_the_client_takes_more(state: State) -> None:
    many(state, 40)
    cut = asked(state, f"db.{DOMAIN}", "A")
    assert (bool(cut.flags & dns.flags.TC), texts(cut)) == (True, [])
    for how in ({"use_edns": 0, "payload": 4096}, {"tcp": True}):
        whole = asked(state, f"db.{DOMAIN}", "A", **how)
        assert (bool(whole.flags & dns.flags.TC), len(texts(whole))) == (False, 40)


def test_a_pod_that_may_not_ask_hears_nothing(state: State) -> None:
    with pytest.raises(dns.exception.Timeout):
        asked(state, f"web.{DOMAIN}", "A", enforcement=Denied)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 11, b"\0" * 12, b"\xff" * 40, b"\0\1\1\0\0\1" + b"\0" * 6 + b"\x3fabc",
     b"\0\1\1\0\0\2" + b"\0" * 6 + b"\1a\0\0\1\0\1", b"\0\1\x81\0\0\1" + b"\0" * 6 + b"\0\0\1\0\1"],
)  # fmt: skip
def test_what_is_no_query_is_passed_over(state: State, data: bytes) -> None:
    nobody: Any = None
    server = DnsServer(state, Enforcement(nobody, Path("absent")), ADDRESS, SHIFT)
    assert asyncio.run(server.answered(data, "127.20.32.1", datagram=True)) == b""
