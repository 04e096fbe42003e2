"""Certificates that run out, credentials by reference, values in JSON, against a real server."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CONFIGMAPS, Object, Resource
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.masks import MASKS, shown
from resilience.model.values import Duration
from resilience.probes.kinds.http import VERB, Http, ask
from resilience.probes.kinds.web.http_trust import Certificate
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, Sandbox
from tests.probes.server import Server, answer

TOKEN = "s3cret-token-4711"


class Secrets(Sandbox):
    """A cluster that holds Secrets, by name."""

    def __init__(self, **held: dict[str, bytes]) -> None:
        super().__init__()
        self.held = held
        self.maps: dict[str, dict[str, str]] = {}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        if resource == CONFIGMAPS:
            if name not in self.maps:
                raise NotFound(404, f"{name} not found")
            return {"data": self.maps[name]}
        if name not in self.held:
            raise NotFound(404, f"secrets {name} not found")
        encoded = {key: base64.b64encode(text).decode() for key, text in self.held[name].items()}
        return {"data": encoded}


def pair(days: float) -> tuple[bytes, bytes]:
    """A certificate that signs itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "checkout.shop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=30)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("checkout.shop")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(pem), key.private_bytes(pem, form, plain)


@contextmanager
def secured(folder: Path, days: float = 10, client: bytes = b"") -> Iterator[tuple[Server, Path]]:
    """A server over TLS; with `client` it wants a certificate that this one signed."""
    certificate, key = pair(days)
    (folder / "server.pem").write_bytes(certificate + key)
    (folder / "ca.pem").write_bytes(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    if client:
        context.load_verify_locations(cadata=client.decode())
        context.verify_mode = ssl.CERT_REQUIRED

    class Tls(Server):
        def _serve(self, connection: socket.socket) -> None:
            try:
                wrapped = context.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
            super()._serve(wrapped)

    with Tls() as server:
        yield server, folder / "ca.pem"


def asked(server: Server, cluster: Sandbox | None = None, **given: Any) -> str:
    wanted = Http(service="checkout", timeout=Duration.of(5), **given)
    assert list(VERB.check(wanted)) == []
    context: Any = Context(server.port, cluster)
    return ask(wanted, context)


def failing(server: Server, cluster: Sandbox | None = None, **given: Any) -> str:
    with pytest.raises(NotMet) as told:
        asked(server, cluster, **given)
    return str(told.value)


@pytest.mark.parametrize(
    "given",
    [
        {"ca_from": Authorities(configmap="gone")},
        {"ca_from": Authorities(secret="bad")},
        {"client_certificate": ClientCertificate(secret="gone")},
        {"token": Credential(secret="gone", key="token")},
        {"token": Credential(env="NO_SUCH_TOKEN_HERE")},
    ],
    ids=str,
)
def test_what_cannot_be_read_in_the_cluster_is_no_failure_of_the_service(
    given: dict[str, Any],
) -> None:
    cluster = Secrets(bad={"ca.crt": b"no PEM"})
    with Server() as server, pytest.raises(NotMet) as told:
        asked(server, cluster, scheme="https", **given)
    assert told.value.unknown


def test_a_certificate_that_runs_out_soon_is_a_tls_failure(tmp_path: Path) -> None:
    with secured(tmp_path, days=10) as (server, ca):
        given: dict[str, Any] = {"scheme": "https", "ca": ca}
        good = Certificate(expires_in=Duration.parse("9d"))
        assert "status 200" in asked(server, certificate=good, **given)
        soon = Certificate(expires_in=Duration.parse("14d"))
        told = failing(server, certificate=soon, **given)
    assert "TLS failed: the certificate expires in 10.0 days, expected at least 14 days" in told


def test_a_client_certificate_comes_from_a_secret(tmp_path: Path) -> None:
    certificate, key = pair(10)
    cluster = Secrets(mine={"tls.crt": certificate, "tls.key": key}, half={"tls.crt": certificate},
                      broken={"tls.crt": b"x", "tls.key": b"y"})  # fmt: skip
    with secured(tmp_path, client=certificate) as (server, ca):
        given: dict[str, Any] = {"scheme": "https", "ca": ca}
        mine = ClientCertificate(secret="mine")
        assert "status 200" in asked(server, cluster, client_certificate=mine, **given)
        assert "answered" not in failing(server, cluster, **given)
        for name, says in (
            ("half", "Secret shop/half has no key 'tls.key'; it has: tls.crt"),
            ("absent", "Secret shop/absent: secrets absent not found"),
            ("broken", "the client certificate cannot be used"),
        ):
            other = ClientCertificate(secret=name)
            assert says in failing(server, cluster, client_certificate=other, **given)


def test_authorities_to_trust_come_from_a_configmap_or_a_secret(tmp_path: Path) -> None:
    with secured(tmp_path) as (server, ca):
        pem = ca.read_text()
        cluster = Secrets(mine={"ca.crt": pem.encode()}, bad={"ca.crt": b"no PEM"}, none={})
        cluster.maps = {"root": {"bundle": pem}, "empty": {}}
        good = (Authorities(secret="mine"), Authorities(configmap="root", key="bundle"))
        for each in good:
            assert "status 200" in asked(server, cluster, scheme="https", ca_from=each)
        for other, says in (
            (None, "TLS failed"),
            (Authorities(secret="none"), "Secret shop/none has no key 'ca.crt'; it has: nothing"),
            (Authorities(configmap="gone"), "ConfigMap shop/gone: gone not found"),
            (Authorities(configmap="empty"), "ConfigMap shop/empty has no key 'ca.crt'"),
            (Authorities(secret="bad"), "Secret shop/bad, key 'ca.crt', holds no certificates"),
        ):
            assert says in failing(server, cluster, scheme="https", ca_from=other)


def test_a_token_is_sent_and_nowhere_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    MASKS.clear()
    cluster = Secrets(api={"token": TOKEN.encode() + b"\n"})
    with Server(answer(500, TOKEN.encode())) as server:
        token = Credential(secret="api", key="token")
        told = failing(server, cluster, token=token, status=200)
        [head] = server.heads
    assert f"Authorization: Bearer {TOKEN}".encode() in head
    assert TOKEN not in shown(f"{told} {TOKEN}")
    MASKS.clear()


def test_tokens_of_two_secrets_are_both_masked() -> None:
    """Each service answers with what it was sent; the token reaches beyond what is quoted."""
    MASKS.clear()
    cluster = Secrets(api={"token": TOKEN.encode()}, pay={"token": b"another-" + TOKEN.encode()})
    told = []
    for name in ("api", "pay"):
        body = b"x" * 225 + cluster.held[name]["token"]
        with Server(answer(200, body)) as server:
            token = Credential(secret=name, key="token")
            told.append(failing(server, cluster, token=token, contains="never"))
    assert shown(f"{TOKEN} another-{TOKEN}") == "*** ***"
    assert not any(part in "".join(told) for part in ("s3cret", "another"))
    MASKS.clear()


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ({}, "secrets api not found"),
        ({"other": b"x"}, "has no key 'token'; it has: other"),
        ({"token": b" \n"}, "the token is empty"),
        ({"token": b"a\r\nX-Other: b"}, "cannot be sent in a header"),
        ({"token": "caf\u00e9-4711".encode()}, "cannot be sent in a header"),
        ({"token": b"\xff\xfe"}, "the token:"),
    ],
)
def test_a_token_that_cannot_be_had_or_sent_is_named(held: dict[str, bytes], says: str) -> None:
    cluster = Secrets(api=held) if held else Secrets()
    with Server() as server:
        assert says in failing(server, cluster, token=Credential(secret="api", key="token"))
        assert server.heads == []


BODY = {"status": "ready", "items": [{"n": 3, "ok": True, "gone": None}], "long": "y" * 61}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"status": "ready", "items[0].n": "3", "items[0].ok": "true"}, ""),
        ({"items[0].gone": "null"}, ""),
        ({"long": "x"}, "long is a text of 61 characters, expected x"),
        ({"status": "down"}, "status is ready, expected down"),
        ({"items[0].n": "3.0"}, "items[0].n is 3, expected 3.0"),
        ({"items[1].n": "3"}, "there is no items[1].n"),
        ({"status.x": "3"}, "there is no status.x"),
        ({"items.x": "3"}, "there is no items.x"),
    ],
)
def test_values_in_json_are_compared_at_their_place(wanted: dict[str, str], says: str) -> None:
    with Server(answer(200, json.dumps(BODY).encode())) as server:
        if says:
            assert f"wrong body: {says}" in failing(server, json=wanted)
        else:
            assert "status 200" in asked(server, json=wanted)


@pytest.mark.parametrize("body", [b"<html>", b"", b"{" * 100_000, b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_is_wrong(body: bytes) -> None:
    with Server(answer(200, body)) as server:
        assert "wrong body: the body is not JSON" in failing(server, json={"a": "b"})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"json": {"a..b": "c"}}, "json"),
        ({"json": {"a": "c"}, "method": "HEAD"}, "json"),
        ({"contains": "x", "method": "HEAD"}, "contains"),
        ({"matches": "x", "method": "HEAD", "status": 200}, "matches"),
        ({"contains": "x", "status": 204}, "contains"),
        ({"json": {"a": "c"}, "status": (304, 205)}, "json"),
        ({"certificate": Certificate(expires_in=Duration.of(60))}, "certificate"),
        ({"client_certificate": ClientCertificate(secret="x")}, "client_certificate"),
        ({"ca_from": Authorities(configmap="x")}, "ca_from"),
        ({"scheme": "https", "ca_from": Authorities()}, "ca_from"),
        ({"scheme": "https", "ca": Path("x"), "ca_from": Authorities(secret="x")}, "ca_from"),
        ({"scheme": "https", "certificate": Certificate(expires_in=Duration.of(0))}, "certificate"),
        ({"token": Credential()}, "token"),
        ({"token": Credential(env="X"), "headers": {"Authorization": "y"}}, "token"),
    ],
)
def test_what_does_not_fit_together_is_told_at_its_key(given: dict[str, Any], field: str) -> None:
    assert [each.field for each in VERB.check(Http(service="checkout", **given))] == [field]


def test_a_body_can_be_expected_where_one_good_answer_has_one() -> None:
    for given in ({"method": "HEAD"}, {"contains": "x", "status": (200, 204)}, {"status": 204}):
        assert VERB.check(Http(service="checkout", **given)) == []


def test_secrets_are_read_by_name_and_nothing_else() -> None:
    wanted = Http(service="a", scheme="https", token=Credential(secret="api"),
                  client_certificate=ClientCertificate(secret="mine"))  # fmt: skip
    rights = [(r.verb, r.name) for r in VERB.rights(wanted, "shop") if r.resource == "secrets"]
    assert ("get", "api") in rights
    assert ("get", "mine") in rights
    for held, kind in (
        (Authorities(secret="x"), "secrets"),
        (Authorities(configmap="x"), "configmaps"),
    ):
        more = VERB.rights(Http(service="a", scheme="https", ca_from=held), "shop")
        assert [r.verb for r in more if (r.resource, r.name) == (kind, "x")] == ["get"]
