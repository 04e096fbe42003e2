"""`redis` and a ledger in Redis over TLS: a real server, and small ones that break off."""

from __future__ import annotations

import dataclasses
import socketserver
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.ledger.drivers.redis_driver import RedisStore
from resilience.ledger.drivers.session import Refused, Unusable
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.ledger.opening import opening
from resilience.ledger.targets import RedisTarget, complaints, from_json, to_json
from resilience.model.masks import MASKS
from resilience.model.values import Duration
from resilience.probes.kinds.redis import VERB, Redis, ask
from resilience.verbs.context import NotMet
from tests.ledger.drivers import test_real_servers as real
from tests.ledger.trial import free_port
from tests.probes.kinds.test_servers import OldRedis, answering
from tests.probes.kinds.web.test_http_trust import Secrets, pair
from tests.probes.probing import Context

redis_server = pytest.fixture(real.redis.__wrapped__)  # type: ignore[attr-defined]

Start = Callable[..., real.Redis]


@dataclasses.dataclass(frozen=True, slots=True)
class Secured:
    """A real Redis over TLS, as `checkout.shop`, and the files of its certificate."""

    port: int
    plain: int
    ca: Path
    cluster: Secrets

    def asked(self, **given: Any) -> str:
        wanted = Redis(**{"service": "checkout", "tls": True, "ca": self.ca,
                          "timeout": Duration.of(5), **given})  # fmt: skip
        assert list(VERB.check(wanted)) == []
        context: Any = Context(self.port, self.cluster)
        return ask(wanted, context)

    def failing(self, **given: Any) -> str:
        with pytest.raises(NotMet) as told:
            self.asked(**given)
        return str(told.value)


@pytest.fixture(params=["no", "yes"])
def secured(request: pytest.FixtureRequest, tmp_path: Path, redis_server: Start) -> Secured:
    """Whether it wants a certificate of its clients."""
    certificate, key = pair(10)
    (tmp_path / "ca.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    port = free_port()
    server = redis_server(
        "--tls-port", str(port), "--tls-cert-file", str(tmp_path / "ca.pem"), "--tls-key-file",
        str(tmp_path / "key.pem"), "--tls-ca-cert-file", str(tmp_path / "ca.pem"),
        "--tls-auth-clients", request.param,
    )  # fmt: skip
    cluster = Secrets(mine={"tls.crt": certificate, "tls.key": key, "ca.crt": certificate},
                      broken={"tls.crt": b"x", "tls.key": b"y"})  # fmt: skip
    cluster.maps["root"] = {"ca.crt": certificate.decode()}
    return Secured(port, server.port, tmp_path / "ca.pem", cluster)


MINE = ClientCertificate(secret="mine")
without = pytest.mark.parametrize("secured", ["no"], indirect=True)
wanting = pytest.mark.parametrize("secured", ["yes"], indirect=True)


@without
@pytest.mark.parametrize("keepalive", [False, True])
def test_a_service_is_asked_by_its_address_and_verified_by_its_name(
    secured: Secured, keepalive: bool
) -> None:
    assert "answered" in secured.asked(expect="PONG", keepalive=keepalive)
    told = secured.failing(server_name="other.shop")
    assert "TLS failed: Hostname mismatch" in told
    outside: dict[str, Any] = {"service": "", "host": "127.0.0.1", "port": secured.port}
    assert "IP address mismatch" in secured.failing(**outside)
    assert "answered" in secured.asked(**outside, server_name="checkout.shop.")


@without
def test_only_what_is_named_is_trusted(secured: Secured) -> None:
    assert "TLS failed: self-signed certificate" in secured.failing(ca=None)
    for source in (Authorities(configmap="root"), Authorities(secret="mine")):
        assert "answered" in secured.asked(ca=None, ca_from=source)
    assert "has no key" in secured.failing(ca=None, ca_from=Authorities(configmap="root", key="x"))
    (secured.ca.parent / "no.pem").write_text("x")
    assert "no PEM" in secured.failing(ca=secured.ca.parent / "no.pem")
    assert "`ca` cannot be read" in secured.failing(ca=secured.ca.parent / "gone.pem")


@wanting
def test_the_client_shows_its_certificate(secured: Secured) -> None:
    assert "answered" in secured.asked(client_certificate=MINE)
    told = secured.failing()
    assert "TLS failed" in told or "a server that wants a `client_certificate`" in told
    broken = ClientCertificate(secret="broken")
    assert "client certificate cannot be used" in secured.failing(client_certificate=broken)
    gone = ClientCertificate(secret="gone")
    assert "Secret shop/gone" in secured.failing(client_certificate=gone)
    assert any("PRIVATE KEY" in secret for secret in MASKS.secrets().values())


@without
def test_plain_text_and_tls_do_not_fit(secured: Secured) -> None:
    context: Any = Context(secured.plain, secured.cluster)
    asked = Redis(service="checkout", tls=True, ca=secured.ca, timeout=Duration.parse("500ms"))
    with pytest.raises(NotMet, match="timed out"):  # it waits for the end of a line
        ask(asked, context)
    assert "connection reset" in secured.failing(tls=False, ca=None)


def test_a_server_that_breaks_off_the_handshake_has_not_failed_at_tls(tmp_path: Path) -> None:
    class Leaving(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(5)

    (tmp_path / "ca.pem").write_bytes(pair(10)[0])
    with answering(Leaving) as port:
        asked = Redis(host="localhost", port=port, tls=True, ca=tmp_path / "ca.pem",
                      timeout=Duration.of(5))  # fmt: skip
        with pytest.raises(NotMet, match="connection reset"):
            ask(asked, Context())


def test_the_small_redis_speaks_tls_as_well(tmp_path: Path) -> None:
    certificate, key = pair(10)
    (tmp_path / "pair.pem").write_bytes(certificate + key)
    held = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    held.load_cert_chain(tmp_path / "pair.pem")

    class Wrapped(OldRedis):
        def setup(self) -> None:
            self.request = held.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

    with answering(Wrapped) as port:
        wanted = Redis(service="checkout", tls=True, ca=tmp_path / "pair.pem", expect="PONG",
                       timeout=Duration.of(5))  # fmt: skip
        context: Any = Context(port)
        assert "answered" in ask(wanted, context)


@wanting
def test_a_ledger_writes_over_tls(secured: Secured) -> None:
    target = RedisTarget(service="checkout", tls=True, ca=secured.ca, client_certificate=MINE)
    assert from_json(to_json(target)) == target
    assert "PRIVATE" not in str(to_json(target))
    session = opened(target, secured)()
    assert session.put("s.00000001", "x")
    assert session.every().corrupt == {"s.00000001"}, "read, and not one of the ledger's values"
    session.clear()
    session.close()


@wanting
def test_a_ledger_says_why_tls_failed(secured: Secured) -> None:
    other = RedisTarget(service="checkout", tls=True, ca=secured.ca, client_certificate=MINE,
                        server_name="other")  # fmt: skip
    with pytest.raises(Refused, match="TLS failed: Hostname mismatch"):
        opened(other, secured)().put("s.1", "x")
    gone = dataclasses.replace(other, client_certificate=ClientCertificate(secret="gone"))
    with pytest.raises(Unusable, match="Secret shop/gone"):
        opened(gone, secured)


def opened(target: RedisTarget, secured: Secured) -> RedisStore:
    around: Any = SimpleNamespace(cluster=secured.cluster)
    made = opening(target, around, lambda *_: ("127.0.0.1", secured.port), namespace="shop",
                   start="s.", timeout=5.0, directory=Path())  # fmt: skip
    assert isinstance(made, RedisStore)
    return made


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ca": Path("x")}, "ca"),
        ({"server_name": "x"}, "server_name"),
        ({"client_certificate": MINE}, "client_certificate"),
        ({"ca_from": Authorities(secret="x")}, "ca_from"),
        ({"tls": True, "ca": Path("x"), "ca_from": Authorities(secret="x")}, "ca_from"),
        ({"tls": True, "ca_from": Authorities()}, "ca_from"),
        ({"host": "rediss://cache.example.com"}, "host"),
    ],
)
def test_what_does_not_fit_together_is_told(given: dict[str, Any], field: str) -> None:
    told: dict[str, Any] = {} if "host" in given else {"service": "cache"}
    assert [each.field for each in VERB.check(Redis(**told, **given))] == [field]
    assert [each.field for each in complaints(RedisTarget(**told, **given))] == ["redis"]


def test_the_cluster_is_read_by_name() -> None:
    from resilience.probes.kinds.ledger import VERB as LEDGER
    from resilience.probes.kinds.ledger import Ledger

    given: dict[str, Any] = {"service": "cache", "tls": True, "client_certificate": MINE,
                             "ca_from": Authorities(configmap="root")}  # fmt: skip
    for rights in (
        VERB.rights(Redis(**given), "shop"),
        LEDGER.rights(Ledger(redis=RedisTarget(**given), restored="copy"), "shop"),
    ):
        named = {(each.resource, each.name, each.namespace) for each in rights if each.name}
        assert {("secrets", "mine", "shop"), ("configmaps", "root", "shop")} <= named
