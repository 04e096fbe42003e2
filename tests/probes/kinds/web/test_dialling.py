"""A server is called by its names and dialled at its address, as by `curl --connect-to`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from resilience.probes.kinds.web.dialling import ServerNames
from resilience.probes.kinds.web.journey import Journey, Stop, ask
from tests.loopback import Answering, serving
from tests.probes.probing import Context

NAME = "http://checkout.shop:8080"


class App(Answering):
    """Redirects by URLs that repeat the host it was called by, as many frameworks do, and knows
    users by a cookie for that host."""

    def do_GET(self) -> None:
        host = self.headers["Host"]
        if self.path == "/login":
            domain = host.partition(":")[0]
            self.answer(307, headers={"Location": f"http://{host}/home",
                                      "Set-Cookie": f"user=a; Domain={domain}"})  # fmt: skip
        else:
            known = "user=a" in self.headers.get("Cookie", "") and self.path == "/home"
            self.answer(200 if known and self.headers.get("X-Team") == "shop" else 403)

    def do_POST(self) -> None:
        self.sent_body()
        self.do_GET()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", [{}, {"Host": "shop.example.com"}])
def test_an_application_that_redirects_to_its_own_name_means_itself(
    method: Any, host: dict[str, str]
) -> None:
    headers = {"X-Team": "shop", **host}
    stops = (
        Stop(name="log in", path="/login", method=method, headers=headers, redirects=1),
        Stop(name="look", path="/home", headers=headers),
    )
    with serving(App) as url:
        context: Any = Context(int(url.rpartition(":")[2]))
        assert "answered" in ask(Journey(service="checkout", port=8080, steps=stops), context)
        if host:
            assert "answered" in ask(Journey(url=url, steps=stops), context)


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("http://checkout.shop:8080/a", "http://10.0.0.1:31000/a"),
        ("https://checkout.shop/a", "https://10.0.0.1:443/a"),
        ("http://checkout.shop:9090/a", "http://10.0.0.1:9090/a"),
        ("http://shop.example.com/a", "http://10.0.0.1:31000/a"),
        ("http://other.shop:8080/a", "http://other.shop:8080/a"),
    ],
)
def test_a_name_of_the_server_is_dialled_at_its_address(url: str, dialled: str) -> None:
    names = ServerNames(httpx, NAME, ("10.0.0.1", 31000))
    names.url("/", {"host": "shop.example.com"})
    assert names.dialled(httpx.URL(url)) == httpx.URL(dialled)


def test_a_url_of_ones_own_is_dialled_as_it_stands() -> None:
    names = ServerNames(httpx, "https://shop.example.com/app", None)
    url = names.url("/a?b=%2F", {})
    assert str(names.dialled(url)) == "https://shop.example.com/app/a?b=%2F"
