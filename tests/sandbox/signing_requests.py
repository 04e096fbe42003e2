"""Certificate requests with keys of their own, as clients make them."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make(name: str, *groups: str, others: tuple[x509.GeneralName, ...] = ()) -> tuple[bytes, bytes]:
    """A request and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    encoding = serialization.Encoding.PEM
    request = builder.sign(key, hashes.SHA256()).public_bytes(encoding)
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return request, private
