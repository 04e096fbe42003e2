"""Tokens that everybody can check by the published key, and that nobody can forge."""

from __future__ import annotations

import json

import pytest

from resilience.sandbox.apiserver.access import signing
from resilience.sandbox.images.agnhost import issuer_discovery
from tests.sandbox.apiserver.wire import Wire

CLAIMS = {"iss": signing.ISSUER, "aud": ["vault"], "sub": "system:serviceaccount:a:b"}


def test_a_token_is_proved_by_what_is_published() -> None:
    key = signing.SigningKey()

    def ask(url: str) -> object:
        return key.published(url.removeprefix(signing.ISSUER))

    token = key.sign(dict(CLAIMS))
    assert issuer_discovery.check(token, "vault", ask) == CLAIMS
    with pytest.raises(issuer_discovery.Untrusted, match="expected audience"):
        issuer_discovery.check(token, "api", ask)
    with pytest.raises(issuer_discovery.Untrusted, match="no key of the issuer"):
        issuer_discovery.check(signing.SigningKey().sign(dict(CLAIMS)), "vault", ask)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_changed_token_is_refused(place: int) -> None:
    key = signing.SigningKey()
    parts = key.sign(dict(CLAIMS)).split(".")
    assert key.claims(".".join(parts)) == CLAIMS
    if place < 2:
        value = json.loads(signing.unpack(parts[place]))
        parts[place] = signing.pack(json.dumps({**value, "sub": "other"}).encode())
    else:
        raw = bytearray(signing.unpack(parts[2]))
        raw[5] ^= 1
        parts[2] = signing.pack(bytes(raw))
    assert key.claims(".".join(parts)) is None


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "a.b.c.d", "é.é.é", ".."])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert signing.SigningKey().claims(text) is None


def test_service_accounts_may_read_the_discovery_documents(wire: Wire) -> None:
    path = f"/api/v1/namespaces/{wire.namespace}/serviceaccounts/default/token"
    token = wire("POST", path, {}).json["status"]["token"]
    found = wire("GET", signing.DISCOVERY, token=token)
    assert found.status == 200
    assert found.json["issuer"] == signing.ISSUER
    assert wire("GET", signing.KEYS, token=token).json["keys"][0]["crv"] == "P-256"
