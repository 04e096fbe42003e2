"""Only what reads is redirected away from the origin that was consented to, and it goes bare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from resilience.ledger.drivers.session import Credential
from resilience.probes.kinds.web.journey import Stop
from resilience.probes.kinds.web.redirects import LIMITS, answered
from tests.loopback import Answering, serving
from tests.probes.kinds.web.test_journey import asked, failing


class Origin(Answering):
    """Answers by path: /307/URL redirects there, all else is good."""

    seen: list[tuple[str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        body = self.sent_body() if self.headers["Content-Length"] else b""
        told = {name.lower(): text for name, text in self.headers.items()}
        self.seen.append((self.command, told, body))
        _, status, *where = self.path.split("/", 2)
        if where:
            self.answer(int(status), headers={"Location": where[0]})
        else:
            self.answer(200, b"here")

    do_POST = do_HEAD = do_GET


@contextmanager
def two() -> Iterator[tuple[str, str, type[Origin], type[Origin]]]:
    """(url, url of another origin, what each has seen)."""
    made: list[Any] = [type("Fresh", (Origin,), {"seen": []}) for _ in range(2)]
    with serving(made[0]) as one, serving(made[1]) as other:
        yield one, other, made[0], made[1]


SECRET = {"X-Api-Key": "s3cret", "Cookie": "session=s3cret", "Accept": "text/s3cret"}


@pytest.mark.parametrize("status", [307, 308])
def test_what_writes_does_not_leave_its_origin(status: int) -> None:
    with two() as (one, other, _, seen):
        path = f"/{status}/{other}/pay?card=s3cret"
        stop = Stop(name="a", method="POST", path=path, headers=SECRET, body="s3cret", redirects=3)
        told = failing(one, stop)
        assert f"status {status} to {other}, to which no POST goes" in told
        assert seen.seen == []
        asked(one, Stop(name="a", method="POST", path=path, status=status, redirects=3))


@pytest.mark.parametrize(("method", "status"), [("GET", 307), ("HEAD", 307), ("POST", 303)])
def test_what_reads_goes_bare_to_another_origin(
    method: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    with two() as (one, other, first, seen):
        path = f"/{status}/{other}/"
        stop = Stop(name="a", method=method, path=path, headers=SECRET, body="s3cret", redirects=1)
        asked(one, stop, token=Credential(env="TOKEN"))
        assert "s3cret" in str(first.seen)
        [(asks, headers, body)] = seen.seen
        assert asks == ("GET" if method == "POST" else method)
        assert headers["host"] == other.removeprefix("http://")
        assert "s3cret" not in str((headers, body))


def test_at_its_own_origin_a_step_keeps_method_body_and_headers() -> None:
    with two() as (one, _, first, _seen):
        stop = Stop(
            name="a", method="POST", path="/307//200", headers=SECRET, body="b", redirects=1
        )
        asked(one, stop)
        for asks, headers, body in first.seen:
            assert (asks, headers["x-api-key"], body) == ("POST", "s3cret", b"b")
        assert len(first.seen) == 2


@pytest.mark.parametrize(
    ("to", "sent", "named"),
    [
        ("https://shop/b", "POST", True),
        ("https://shop:443/b", "POST", True),
        ("https://shop:8443/b", "POST", None),
        ("https://else/b", "POST", None),
        ("https://else/b", "GET", False),
    ],
)
def test_the_name_for_tls_goes_no_further_than_its_origin(
    to: str, sent: str, named: bool | None
) -> None:
    """None: nothing goes there at all. https instead of http is the same host."""
    asks: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asks.append(request)
        return httpx.Response(200 if len(asks) > 1 else 307, headers={"Location": to})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        names = {"sni_hostname": "shop.here"}
        answered(client, client.build_request(sent, "http://shop/", extensions=names), 3, 1e12)
    found = [("sni_hostname" in each.extensions) for each in asks[1:]]
    assert found == ([] if named is None else [named])
    assert all(set(each.extensions["timeout"]) == set(LIMITS) for each in asks)


def test_the_time_of_a_step_ends_with_its_redirects() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "/again"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        asks = client.build_request("GET", "http://shop/")
        assert answered(client, asks, 2, 1e12)[1] == "after 2 redirects"
        with pytest.raises(TimeoutError):
            answered(client, asks, 2, 0.0)
