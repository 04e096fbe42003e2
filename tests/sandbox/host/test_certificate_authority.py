"""What the sandbox's certificate authority signs."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from resilience.sandbox.host import pki
from resilience.sandbox.host.certificate_authority import CertificateAuthority, parse
from tests.sandbox import signing_requests

HOUR = 3600.0


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    key = tmp_path / "ca.key"
    pki.write(tmp_path / "ca.crt", tmp_path / "a.crt", tmp_path / "a.key", ["127.0.0.1"], key)
    assert key.stat().st_mode & 0o777 == 0o600
    found = CertificateAuthority.take(tmp_path / "ca.crt", key)
    assert not key.exists()
    return found


def issued(
    authority: CertificateAuthority, *usages: str, seconds: float = HOUR, others: bool = False
) -> x509.Certificate:
    names = (x509.DNSName("a.b"),) if others else ()
    request, _ = signing_requests.make("jane", "dev", others=names)
    return x509.load_pem_x509_certificate(authority.issue(request, usages, seconds).encode())


def test_a_certificate_says_who_asked_and_is_the_authoritys(
    authority: CertificateAuthority,
) -> None:
    found = issued(authority, "client auth", "digital signature")
    assert found.subject.rfc4514_string() == "CN=jane,O=dev"
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem.encode()))
    allowed = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(allowed) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, False)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_it_has_only_the_extensions_that_were_asked_for(authority: CertificateAuthority) -> None:
    kinds = {type(each.value) for each in issued(authority, "any").extensions}
    assert not kinds & {x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName}
    named = issued(authority, "any", others=True).extensions
    names = named.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.b"]


@pytest.mark.parametrize(
    ("seconds", "lasts"), [(HOUR, HOUR + 300), (8 * HOUR, 8 * HOUR), (24 * HOUR, 24 * HOUR)]
)
def test_it_begins_five_minutes_ago_which_long_ones_pay_for(
    authority: CertificateAuthority, seconds: float, lasts: float
) -> None:
    found = issued(authority, "client auth", seconds=seconds)
    length = found.not_valid_after_utc - found.not_valid_before_utc
    assert length == datetime.timedelta(seconds=lasts)


def test_it_does_not_outlive_the_authority(authority: CertificateAuthority) -> None:
    own = x509.load_pem_x509_certificate(authority.pem.encode())
    found = issued(authority, "client auth", seconds=1000 * 24 * HOUR)
    assert found.not_valid_after_utc == own.not_valid_after_utc


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM block type must be CERTIFICATE REQUEST"):
        parse(b"-----BEGIN CERTIFICATE-----")
    request, _ = signing_requests.make("jane")
    other, _ = signing_requests.make("jane")
    mixed = x509.load_pem_x509_csr(request)
    foreign = x509.load_pem_x509_csr(other).signature
    spoilt = _pem(mixed, foreign)
    with pytest.raises(ValueError, match="signature"):
        parse(spoilt)


def _pem(request: x509.CertificateSigningRequest, signature: bytes) -> bytes:
    """The request with another signature of the same length, as far as that goes."""
    data = bytearray(request.public_bytes(serialization.Encoding.DER))
    data[-4:] = bytes(each ^ 0x55 for each in signature[-4:])
    head, tail = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
    return f"{head}\n{base64.b64encode(bytes(data)).decode()}\n{tail}\n".encode()
