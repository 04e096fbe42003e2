"""What a Pod's resolver would ask, in which order; messages that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dns.message
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.probes.agent.dns_lookup import ASK, END, Lookup, Names, NotDns, records

POD = "nameserver 10.96.0.10\nnameserver 10.96.0.11\nsearch shop.svc.cluster.local cluster.local\n"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    place = tmp_path / "resolv.conf"
    place.write_text(POD + "options ndots:5 edns0\n")
    return place


def names(conf: Path, name: str, **told: Any) -> Names:
    return Names({"name": name, "type": "A", **told}, str(conf))


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("web", {}, ["web.shop.svc.cluster.local", "web.cluster.local", "web"]),
        ("a.b.c.d.e", {}, ["a.b.c.d.e.shop.svc.cluster.local", "a.b.c.d.e.cluster.local",
                           "a.b.c.d.e"]),
        ("a.b.c.d.e.f", {}, ["a.b.c.d.e.f", "a.b.c.d.e.f.shop.svc.cluster.local",
                             "a.b.c.d.e.f.cluster.local"]),
        ("web.", {}, ["web"]),
        ("web", {"search": False}, ["web"]),
    ],
)  # fmt: skip
def test_names_are_searched_for_as_the_c_library_does(
    conf: Path, name: str, told: dict[str, Any], expected: list[str]
) -> None:
    assert names(conf, name, **told).names == expected


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("", ("10.96.0.10", 53)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("fd00::53", ("fd00::53", 53)),
        ("[fd00::53]:5353", ("fd00::53", 5353)),
    ],
)
def test_the_first_server_unless_another_is_named(
    conf: Path, server: str, place: tuple[str, int]
) -> None:
    found = names(conf, "web", server=server)
    assert (found.host, found.port) == place


def test_without_a_configuration_the_machine_itself_is_asked(tmp_path: Path) -> None:
    found = names(tmp_path / "absent", "web.shop")
    assert (found.host, found.names) == ("127.0.0.1", ["web.shop"])


def answered(lookup: Lookup, code: int) -> int:
    answer = dns.message.make_response(dns.message.from_wire(lookup.query()))
    answer.set_rcode(dns.rcode.Rcode(code))
    return lookup.take(answer.to_wire())


def test_no_such_record_anywhere_weighs_more_than_no_such_name(conf: Path) -> None:
    lookup = Lookup(names(conf, "web"))
    assert [answered(lookup, code) for code in (3, 0, 3)] == [ASK, ASK, END]
    assert (lookup.answer, lookup.text) == ("NODATA", "web.cluster.local has no A record")


def test_a_server_that_fails_ends_the_search(conf: Path) -> None:
    lookup = Lookup(names(conf, "web"))
    assert [answered(lookup, code) for code in (3, 2)] == [ASK, END]
    assert (lookup.answer, lookup.text) == ("SERVFAIL", "SERVFAIL for web.cluster.local")


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        found, _ = records(data, "web", "TXT")
    except (NotDns, IndexError):
        assert True
    else:
        assert found == sorted(found)


def test_a_name_that_points_to_itself_is_no_name() -> None:
    head = b"\0\1\x81\x80\0\1\0\1\0\0\0\0\3web\0\0\1\0\1"
    with pytest.raises(NotDns):
        records(head + b"\xc0\x15" + b"\0\1\0\1\0\0\0\5\0\4\1\2\3\4", "web", "A")
