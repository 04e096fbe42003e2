"""`http` and `tcp` as words of the language: what they accept, what they say, what they tell the
prober."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.model.values import Duration
from resilience.probes.kinds.http import VERB, Http, configuration
from resilience.probes.kinds.tcp import VERB as TCP
from resilience.probes.kinds.tcp import Tcp


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({}, "", "nothing to ask"),
        ({"url": "shop.example.com"}, "url", "`url` is 'shop.example.com'"),
        ({"url": "ftp://shop.example.com"}, "url", "`url` is"),
        ({"url": "http://shop:port/"}, "url", "`url` has Port could not be cast"),
        ({"url": "http://[::1/"}, "url", "`url` has Invalid IPv6 URL"),
        ({"url": "https://me:secret@shop/"}, "url", "which reports would show"),
        ({"url": "http://shop/a", "path": "/b"}, "path", "both `url` and `path` contain a path"),
        ({"url": "http://shop/", "port": 80}, "port", "can be used with `service`"),
        ({"url": "http://shop/a b"}, "url", "`url` contains a space"),
        ({"url": f"http://ü{'a' * 64}/"}, "url", "is no host name"),
        ({"service": "a", "path": "healthz"}, "path", "`path` is 'healthz'"),
        ({"service": "a", "path": "/a b"}, "path", "`path` is '/a b'"),
        ({"service": "a", "status": 99}, "status", "99 is not an HTTP status"),
        ({"service": "a", "status": (200, 700)}, "status", "700 is not an HTTP status"),
        ({"service": "a", "headers": {"a b": "c"}}, "headers", "'a b' cannot be sent"),
        ({"service": "a", "headers": {"a": "b\r\nc: d"}}, "headers", "'a' cannot be sent"),
        ({"service": "a", "matches": "("}, "matches", "not a regular expression"),
        ({"service": "a", "timeout": Duration.of(0)}, "timeout", "`timeout` is 0s"),
        ({"service": "a", "timeout": Duration.of(61)}, "timeout", "`timeout` is 61s"),
    ],
)
def test_what_cannot_be_asked_is_told_at_its_key(
    given: dict[str, Any], field: str, said: str
) -> None:
    complaints = VERB.check(Http(**given))
    assert [complaint.field for complaint in complaints] == [field]
    assert said in complaints[0].message


@pytest.mark.parametrize(
    "given",
    [
        {"service": "checkout"},
        {"service": "checkout", "port": "http", "path": "/healthz?full=1", "status": 200},
        {"url": "https://shop.example.com:8443/healthz?x=1"},
        {"url": "http://[::1]:8080", "path": "/healthz"},
    ],
)
def test_what_can_be_asked_is_accepted(given: dict[str, Any]) -> None:
    assert VERB.check(Http(**given)) == []


@pytest.mark.parametrize(
    ("given", "path", "tls"),
    [
        ({"service": "a", "path": "/x?y=1"}, "/x?y=1", False),
        ({"service": "a", "scheme": "https"}, "/", True),
        ({"url": "https://shop"}, "/", True),
        ({"url": "http://shop/a/b?c=d"}, "/a/b?c=d", False),
        ({"url": "http://shop?c=d", "path": "/x"}, "/x?c=d", False),
        ({"url": "http://shop/", "path": "/x"}, "/x", False),
        ({"url": "http://shop/käse?a=ö%20b&c=[1]"}, "/k%C3%A4se?a=%C3%B6%20b&c=[1]", False),
        ({"service": "a", "path": "/ä%2F"}, "/%C3%A4%2F", False),
    ],
)
def test_path_and_scheme_reach_the_prober(given: dict[str, Any], path: str, tls: bool) -> None:
    told = configuration(Http(**given), "127.0.0.1", 80, "a.shop", Path(), 80)
    assert (told["path"], told["tls"]) == (path, tls)


def test_a_trusted_certificate_lies_beside_the_scenario() -> None:
    told = configuration(
        Http(service="a", ca=Path("ca.pem")), "h", 1, "a.shop", Path("/scenarios"), 80
    )
    assert told["ca"] == "/scenarios/ca.pem"


def test_a_status_is_two_hundred_and_something_where_none_is_written() -> None:
    assert configuration(Http(service="a"), "h", 1, "n", Path(), 80)["status"] == [[200, 299]]


def test_a_host_header_of_the_users_own_is_left_alone() -> None:
    own = Http(service="a", headers={"HOST": "shop.example.com"})
    assert configuration(own, "h", 1, "a.shop", Path(), 80)["headers"] == {
        "HOST": "shop.example.com"
    }


@pytest.mark.parametrize(
    ("given", "port", "host"),
    [
        ({"service": "a"}, 80, "a.shop"),
        ({"service": "a"}, 8080, "a.shop:8080"),
        ({"service": "a", "scheme": "https"}, 443, "a.shop"),
        ({"service": "a", "scheme": "https"}, 80, "a.shop:80"),
    ],
)
def test_a_service_is_called_by_the_name_and_port_that_its_clients_use(
    given: dict[str, Any], port: int, host: str
) -> None:
    told = configuration(Http(**given), "10.0.0.1", 64080, "a.shop", Path(), port)
    assert (told["headers"], told["port"]) == ({"Host": host}, 64080)
    assert told["server_name"] == "a.shop"


def test_a_host_outside_of_ascii_is_sent_in_ascii() -> None:
    told = configuration(Http(url="http://bücher"), "bücher", 80, "bücher", Path(), 80)
    assert told["headers"] == {"Host": "xn--bcher-kva"}


def test_reports_call_a_probe_by_what_it_asks() -> None:
    assert VERB.describe(Http(service="a", port="http", path="/h")) == "GET http://a:http/h"
    assert VERB.describe(Http(url="https://a/h?x=1")) == "GET https://a/h?x=1"
    assert TCP.describe(Tcp(service="db", port=5432)) == "connect to db:5432"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, ""),
        ({"host": "db.example.com"}, "port"),
        ({"host": "db.example.com", "port": "sql"}, "port"),
        ({"host": "db.example.com", "port": 65536}, "port"),
        ({"service": "db", "timeout": Duration.of(0)}, "timeout"),
    ],
)
def test_a_tcp_probe_needs_somewhere_to_connect_to(given: dict[str, Any], field: str) -> None:
    assert [complaint.field for complaint in TCP.check(Tcp(**given))] == [field]
