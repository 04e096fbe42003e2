"""`grpc` over TLS: whom it trusts, by which name, and the certificate that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.values import Duration
from resilience.probes.kinds.web.grpc import VERB, Grpc, ask
from resilience.verbs.context import NotMet
from tests.probes.kinds.web.test_grpc import serving
from tests.probes.kinds.web.test_http_trust import Secrets, pair
from tests.probes.probing import Context

CA = Path("ca.pem")


class Shop:
    """A server, and a context with the objects that its clients read."""

    def __init__(self, folder: Path, *, wants_client: bool) -> None:
        certificate, key = pair(10)
        (folder / CA).write_bytes(certificate)
        self.credentials = grpc.ssl_server_credentials(
            [(key, certificate)], certificate if wants_client else None, wants_client
        )
        self.cluster = Secrets(mine={"tls.crt": certificate, "tls.key": key},
                               broken={"tls.crt": b"x", "tls.key": b"y"},
                               tls={"ca.crt": certificate})  # fmt: skip
        self.cluster.maps["root"] = {"ca.crt": certificate.decode()}
        self.context: Any = Context(0, self.cluster)
        self.context.directory = folder

    def asked(self, **given: Any) -> str:
        usual: dict[str, Any] = {"service": "checkout", "tls": True, "timeout": Duration.of(5)}
        wanted = Grpc(**{**usual, **given})
        assert list(VERB.check(wanted)) == []
        return ask(wanted, self.context)

    def failing(self, **given: Any) -> str:
        with pytest.raises(NotMet) as told:
            self.asked(**given)
        return str(told.value)


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(tmp_path, wants_client=getattr(request, "param", False))
    with serving(credentials=made.credentials) as server:
        made.context.port = server.port
        yield made


def test_a_service_is_verified_by_its_name_and_by_those_it_trusts(shop: Shop) -> None:
    assert "answered" in shop.asked(ca=CA)
    assert "answered" in shop.asked(ca=CA, server_name="checkout.shop")
    assert "TLS failed" in shop.failing(ca=CA, server_name="other.shop")
    assert "TLS failed" in shop.failing()
    outside: dict[str, Any] = {"service": "", "host": "127.0.0.1", "port": shop.context.port}
    assert "TLS failed" in shop.failing(**outside, ca=CA)
    assert "answered" in shop.asked(**outside, ca=CA, server_name="checkout.shop.")


def test_whom_to_trust_is_read_in_the_cluster(shop: Shop) -> None:
    for source in (Authorities(configmap="root"), Authorities(secret="tls")):
        assert "answered" in shop.asked(ca_from=source)
    assert "has no key" in shop.failing(ca_from=Authorities(configmap="root", key="x"))
    assert "`ca` cannot be read" in shop.failing(ca=Path("gone.pem"))


@pytest.mark.parametrize("shop", [True], indirect=True)
def test_the_certificate_of_a_client_is_read_in_the_cluster(shop: Shop) -> None:
    mine = ClientCertificate(secret="mine")
    assert "answered" in shop.asked(ca=CA, client_certificate=mine)
    told = shop.failing(ca=CA)
    assert "TLS failed" in told or "a server that wants a `client_certificate`" in told
    broken = ClientCertificate(secret="broken")
    assert "cannot be used" in shop.failing(ca=CA, client_certificate=broken)
    gone = ClientCertificate(secret="gone")
    assert "Secret shop/gone" in shop.failing(ca=CA, client_certificate=gone)


def test_the_rights_name_each_object_that_is_read() -> None:
    asked = Grpc(service="a", tls=True, ca_from=Authorities(configmap="root"),
                 client_certificate=ClientCertificate(secret="mine"))  # fmt: skip
    read = {(each.resource, each.name) for each in VERB.rights(asked, "shop")}
    assert {("configmaps", "root"), ("secrets", "mine")} <= read
