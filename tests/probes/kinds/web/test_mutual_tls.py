"""`journey`, `prometheus` and a ledger over HTTP: whom they trust and which certificate they show
comes from the cluster, and a Service is verified by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.ledger.drivers.session import Refused, Unclear
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.ledger.opening import opening
from resilience.ledger.targets import HttpTarget, complaints
from resilience.probes.kinds.metrics.query_client import NoAnswer
from resilience.probes.kinds.metrics.query_range import QueryProbe
from resilience.probes.kinds.prometheus import VERB as PROMETHEUS
from resilience.probes.kinds.prometheus import Prometheus
from resilience.probes.kinds.web.journey import VERB as JOURNEY
from resilience.probes.kinds.web.journey import Journey, Stop
from resilience.probes.kinds.web.journey import ask as travel
from resilience.verbs.context import NotMet
from tests.probes.kinds.web.test_http_trust import Secrets, pair, secured
from tests.probes.probing import Context, step
from tests.probes.server import answer

EMPTY = b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'
MINE = ClientCertificate(secret="mine")
ROOT = Authorities(configmap="root")

Asks = Callable[..., Any]


def journey(context: Any, **given: Any) -> None:
    travel(Journey(service="checkout", steps=(Stop(name="a", path="/"),), **given), context)


def query(context: Any, **given: Any) -> None:
    what = Prometheus(service="checkout", query="up", at_most="1", **given)
    made = step(what, verb=PROMETHEUS)
    QueryProbe(made, context, what, "up")._server.ask("up", 0, 1, step=1, lasts=1, apart=0)


def write(context: Any, **given: Any) -> None:
    target = HttpTarget(service="checkout", put="/{key}", list="/", **given)
    store = opening(target, context, lambda *_: ("127.0.0.1", context.port), namespace="shop",
                    start="s.", timeout=5.0, directory=context.directory)  # fmt: skip
    store().put("s.1", "x")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Any]:
    """Of a server that wants `mine`."""
    certificate, key = pair(10)
    with secured(tmp_path, client=certificate) as (server, ca):
        server.behaviour = answer(200, EMPTY)
        cluster = Secrets(mine={"tls.crt": certificate, "tls.key": key})
        cluster.maps["root"] = {"ca.crt": ca.read_text()}
        yield Context(server.port, cluster)


@pytest.mark.parametrize("asks", [journey, query, write])
def test_both_sides_are_verified_by_what_the_cluster_holds(context: Any, asks: Asks) -> None:
    asks(context, scheme="https", ca_from=ROOT, client_certificate=MINE)
    for less in ({"client_certificate": MINE}, {"ca_from": ROOT}):
        with pytest.raises((NotMet, NoAnswer, Refused, Unclear)):
            asks(context, scheme="https", **less)
    context.namespace = "other"
    given: dict[str, Any] = {"scheme": "https", "ca_from": ROOT, "client_certificate": MINE}
    if asks is not write:
        with pytest.raises((NotMet, NoAnswer)):
            asks(context, **given)


@pytest.mark.parametrize("key", ["ca_from", "client_certificate"])
def test_keys_of_tls_need_https(key: str) -> None:
    given: dict[str, Any] = {key: {"ca_from": ROOT, "client_certificate": MINE}[key]}
    stops = (Stop(name="a", path="/"),)
    for scheme, count in (("http", 1), ("https", 0)):
        place: dict[str, Any] = {"service": "a", "scheme": scheme, **given}
        told = [
            *JOURNEY.check(Journey(**place, steps=stops)),
            *JOURNEY.check(Journey(url=f"{scheme}://a.example.com", steps=stops, **given)),
            *PROMETHEUS.check(Prometheus(**place, query="a", at_most="1")),
            *complaints(HttpTarget(**place, put="/{key}", list="/")),
        ]
        assert [each.field for each in told] == [key, key, key, "http"] * count
        assert all("requires https" in each.message for each in told)


def test_the_rights_name_what_is_read() -> None:
    given: dict[str, Any] = {"service": "a", "scheme": "https", "ca_from": ROOT,
                             "client_certificate": MINE}  # fmt: skip
    stops = (Stop(name="a", path="/"),)
    travels = JOURNEY.rights(Journey(steps=stops, **given), "shop")
    asks = PROMETHEUS.rights(Prometheus(query="a", at_most="1", **given), "shop")
    for rights in (travels, asks):
        read = {(each.resource, each.namespace, each.name) for each in rights}
        assert {("configmaps", "shop", "root"), ("secrets", "shop", "mine")} <= read
