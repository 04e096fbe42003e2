"""Where a signing key may come from, and what is said when it does not."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from resilience.backup.format.errors import BadRequest
from resilience.backup.plans.keys import KEY_VARIABLE, from_environment, signer
from tests.backup.fakes import FakeCluster, secret, shop


def pem() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def with_secret(**data: bytes) -> FakeCluster:
    cluster = shop()
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    cluster.add(secret("signing", **encoded))
    return cluster


def test_file_environment_and_secret_give_the_same_signer(tmp_path: Path) -> None:
    text, file = pem(), tmp_path / "key.pem"
    file.write_bytes(text)
    cluster = with_secret(other=b"x", key=text)
    found = [
        signer(str(file), None, {}),
        signer("", None, {KEY_VARIABLE: text.decode()}),
        signer("secret:shop/signing/key", cluster, {}),
        from_environment(cluster, {KEY_VARIABLE: "secret:shop/signing/key"}).signer,
        signer("secret:shop/signing", with_secret(anything=text), {}),
    ]
    assert len({each.public for each in found if each}) == 1
    assert all(found)
    assert signer("", cluster, {}) is None


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("secret:shop", "expected secret:NAMESPACE/NAME"),
        ("secret:shop/absent", "not found"),
        ("secret:shop/signing", "has no key 'signing-key'; it has: a, b"),
        ("/nowhere/key.pem", "No such file"),
        ("secret:shop/signing/a", "secret:shop/signing/a"),
    ],
)
def test_a_key_that_cannot_be_had_is_one_sentence_without_the_secret(
    named: str, words: str
) -> None:
    cluster = with_secret(a=b"hidden-value", b=b"2")
    with pytest.raises(BadRequest) as caught:
        signer(named, cluster, {})
    assert words in str(caught.value)
    assert "hidden-value" not in str(caught.value)


def test_a_secret_without_a_cluster_to_read_it_from_is_said() -> None:
    with pytest.raises(BadRequest, match="this command opens no cluster"):
        signer("secret:shop/signing", None, {})
