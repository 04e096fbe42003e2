"""The sandbox's certificate authority at work: it signs the requests that clients make.

Sources: pkg/controller/certificates/authority, pkg/apis/certificates/helpers.go. Times are the
host's, because clients check certificates by them. The key is in one process only.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BACK = datetime.timedelta(minutes=5)
_SHORT = datetime.timedelta(hours=8)
_ENDS = {
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
}
_KEY_USAGES = ("digital signature", "signing", "key encipherment")


def parse(request: bytes) -> x509.CertificateSigningRequest:
    """A certificate request that its own key has signed; ValueError."""
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in request:
        raise ValueError("PEM block type must be CERTIFICATE REQUEST")
    found = x509.load_pem_x509_csr(request)
    try:
        valid = found.is_signature_valid
    except InvalidSignature:
        valid = False
    if not valid:
        raise ValueError("x509: the signature is not the one of the request's key")
    return found


def subject_of(request: x509.CertificateSigningRequest) -> tuple[str, list[str]]:
    """Its common name and its organizations: a user and their groups."""
    names = [
        str(each.value) for each in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    groups = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return (names[0] if names else ""), [str(each.value) for each in groups]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority:
    """`pem` is its certificate."""

    pem: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def take(cls, file: Path, key_file: Path) -> CertificateAuthority:
        """Read it, and remove the key from the disk."""
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        key_file.unlink()
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(pem=file.read_text(), key=key)

    def issue(self, request: bytes, usages: Sequence[str], seconds: float) -> str:
        """The certificate for a request; ValueError if it is none."""
        asked, now = parse(request), datetime.datetime.now(datetime.UTC)
        own = x509.load_pem_x509_certificate(self.pem.encode())
        lasts = datetime.timedelta(seconds=seconds)
        end = now + lasts - (_BACK if lasts >= _SHORT else datetime.timedelta())
        builder = (
            x509.CertificateBuilder()
            .subject_name(asked.subject)
            .issuer_name(own.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACK)
            .not_valid_after(min(end, own.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_issuer(self.key), critical=False)
        )
        if any(usage in _KEY_USAGES for usage in usages):
            builder = builder.add_extension(_key_usage(usages), critical=True)
        ends = [_ENDS[usage] for usage in usages if usage in _ENDS]
        if ends:
            builder = builder.add_extension(x509.ExtendedKeyUsage(ends), critical=False)
        if (names := alternatives(asked)) is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def alternatives(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    """The other names in a request, if any."""
    try:
        return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _issuer(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(usages: Sequence[str]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature="digital signature" in usages or "signing" in usages,
        key_encipherment="key encipherment" in usages,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
