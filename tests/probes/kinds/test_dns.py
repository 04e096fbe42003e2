"""`dns` as a word of the language, and against a server whose failures are scripted."""

from __future__ import annotations

from typing import Any

import dns.rcode
import pytest

from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.dns import VERB, Dns, ask, configuration, normal
from resilience.verbs.context import NotMet
from tests.probes.dns_server import Behave, DnsServer, always, silent, zone
from tests.probes.probing import Context, running, wait_for

WEB = {("web.shop", "A"): ["10.0.0.1", "10.0.0.2"]}


def at(server: DnsServer, **given: Any) -> Dns:
    usual = {"name": "web.shop.", "via": "direct", "timeout": Duration.of(10)}
    return Dns(server=server.address, **{**usual, **given})


def failing(behave: Behave, **given: Any) -> str:
    with DnsServer(behave) as server, pytest.raises(NotMet) as told:
        ask(at(server, **given), Context())
    return str(told.value)


def good(behave: Behave, **given: Any) -> list[tuple[str, bool]]:
    with DnsServer(behave) as server:
        assert "answered" in ask(at(server, **given), Context())
        return server.asked


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a..b"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "a", "expect": ("web",)}, "expect"),
        ({"name": "a", "type": "AAAA", "expect": ("10.0.0.1",)}, "expect"),
        ({"name": "a", "type": "SRV", "expect": ("80 web",)}, "expect"),
        ({"name": "a", "absent": True, "expect": ("10.0.0.1",)}, "absent"),
        ({"name": "a", "absent": True, "at_least": 2}, "absent"),
        ({"name": "a", "at_least": 2, "expect": ("10.0.0.1",)}, "at_least"),
        ({"name": "a", "server": "ns.example.com"}, "server"),
        ({"name": "a", "server": "10.0.0.1:0"}, "server"),
        ({"name": "a", "timeout": Duration.of(0)}, "timeout"),
    ],
)
def test_what_cannot_be_asked_is_told_at_its_key(given: dict[str, Any], field: str) -> None:
    assert [each.field for each in VERB.check(Dns(**given))] == [field]


@pytest.mark.parametrize("server", ["10.0.0.1", "10.0.0.1:5353", "fd00::1", "[fd00::1]:53"])
def test_a_server_is_an_address(server: str) -> None:
    assert VERB.check(Dns(name="a", server=server)) == []


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("FD00::0:1", "AAAA", "fd00::1"),
        ("Web.Shop.", "CNAME", "web.shop"),
        ("00 100 080 Web.", "SRV", "0 100 80 web"),
        ("v=1 x", "TXT", "v=1 x"),
        ("010.0.0.1", "A", None),
    ],
)
def test_a_record_is_compared_in_one_spelling(text: str, kind: str, expected: str | None) -> None:
    assert normal(text, kind) == expected


def test_an_address_of_a_ptr_is_turned_around() -> None:
    told = configuration(Dns(name="10.96.0.20", type="PTR"))
    assert told["name"] == "20.0.96.10.in-addr.arpa."


@pytest.mark.parametrize(
    ("kind", "records", "expect"),
    [
        ("A", ["10.0.0.2", "10.0.0.1"], ("10.0.0.1", "10.0.0.2")),
        ("AAAA", ["fd00::1"], ("fd00:0::1",)),
        ("SRV", ["0 100 80 a.shop.", "0 100 80 b.shop."], ("0 100 80 B.shop", "0 100 80 a.shop")),
        ("PTR", ["web.shop."], ("web.shop",)),
        ("TXT", ['"v=spf1 " "-all"'], ("v=spf1 -all",)),
        ("CNAME", ["web.example.com."], ("web.example.com",)),
    ],
)
def test_an_answer_needs_exactly_the_expected_records(
    kind: str, records: list[str], expect: tuple[str, ...]
) -> None:
    rows = {("web.shop", kind): records}
    good(zone(rows), type=kind, expect=expect)
    assert "wrong answer: web.shop is " in failing(
        zone({("web.shop", kind): [*records, *_other(kind)]}), type=kind, expect=expect
    )


def _other(kind: str) -> list[str]:
    return {"A": ["10.0.0.9"], "AAAA": ["fd00::9"], "TXT": ['"z"'], "SRV": ["0 1 1 z."]}.get(
        kind, ["z.shop."]
    )


def test_each_failure_has_its_own_name() -> None:
    cases: list[tuple[Behave, str]] = [
        (zone({}), "NXDOMAIN: web.shop does not exist"),
        (zone({("web.shop", "TXT"): ["x"]}), "no such record: web.shop has no A record"),
        (zone({}, code=dns.rcode.SERVFAIL), "SERVFAIL: SERVFAIL for web.shop"),
        (zone({}, code=dns.rcode.REFUSED), "another DNS error: REFUSED for web.shop"),
        (zone({}, code=dns.rcode.FORMERR), "another DNS error: FORMERR for web.shop"),
        (always(lambda data: data[:6] + b"\0\1" + data[8:]), "another DNS error: the answer for"),
        (silent, "timed out"),
        (always(lambda data: b"\0\0" + data[2:] if data[:2] != b"\0\0" else b""), "timed out"),
    ]
    for behave, says in cases:
        short = {"timeout": Duration.of(0.3)} if says == "timed out" else {}
        assert says in failing(behave, **short)


def test_a_closed_port_is_a_refused_connection() -> None:
    with DnsServer(silent) as server:
        pass
    with pytest.raises(NotMet, match="connection refused"):
        ask(at(server), Context())


def test_an_alias_is_followed_and_one_that_leads_nowhere_is_named() -> None:
    rows = {("web.shop", "CNAME"): ["a.shop."], ("a.shop", "CNAME"): ["b.shop."],
            ("b.shop", "A"): ["10.0.0.1"]}  # fmt: skip
    good(zone(rows), expect=("10.0.0.1",))
    assert "no such record: b.shop has no A record" in failing(zone({**rows, ("b.shop", "A"): []}))


def test_records_of_another_name_do_not_count() -> None:
    def behave(query: Any, stream: bool) -> bytes:
        answer = dns.message.make_response(query)
        row = dns.rrset.from_text_list("evil.shop.", 5, "IN", "A", ["10.0.0.1"])
        answer.answer.append(row)
        return bytes(answer.to_wire())

    assert "no such record" in failing(behave)


def test_too_few_records_are_wrong() -> None:
    good(zone(WEB), at_least=2)
    assert "has 2 records, expected 3" in failing(zone(WEB), at_least=3)


def test_absent_is_good_only_where_the_server_says_so() -> None:
    good(zone({}), absent=True)
    good(zone({("web.shop", "TXT"): ["x"]}), absent=True)
    assert "expected no record" in failing(zone(WEB), absent=True)
    assert "SERVFAIL" in failing(zone({}, code=dns.rcode.SERVFAIL), absent=True)


def test_a_long_answer_is_asked_for_again_over_tcp() -> None:
    addresses = [f"10.0.1.{number}" for number in range(60)]
    asked = good(zone({("web.shop", "A"): addresses}), at_least=60)
    assert asked == [("web.shop", False), ("web.shop", True)]


@pytest.mark.parametrize("absent", [False, True])
def test_an_answer_that_is_cut_over_tcp_as_well_proves_nothing(absent: bool) -> None:
    def cut(query: Any, stream: bool) -> bytes:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.TC
        return bytes(answer.to_wire())

    told = failing(cut, absent=absent)
    assert "another DNS error: the answer for web.shop is truncated over TCP" in told


def test_what_the_service_loses_is_seen_while_it_runs() -> None:
    with DnsServer(zone(WEB)) as server, running(at(server), verb=VERB) as probe:
        wait_for(probe, Answer.GOOD, 20)
        server.behave = zone({})
        samples = wait_for(probe, Answer.NXDOMAIN, 5)
        probe.stop()
    assert {sample.answer for sample in samples} == {Answer.GOOD, Answer.NXDOMAIN}
