"""Hash and Ed25519 signature of a manifest.

The signature file has at most two lines, `sha256 HEX` and `ed25519 PUBLIC SIGNATURE` (base64). It
is parsed, rendered again and compared: every byte must be the same. An unsigned snapshot is
possible; its hash still detects damage, but not forgery, and the output says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from resilience.backup.format.errors import BadRequest, Tampered

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


_RAW = 32
"""Bytes of an Ed25519 public key."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A parsed signature file. `public` and `signature` are empty when unsigned."""

    sha256: str
    public: str = ""
    signature: str = ""

    def encoded(self) -> bytes:
        """The file."""
        lines = [f"sha256 {self.sha256}"]
        if self.signature:
            lines.append(f"ed25519 {self.public} {self.signature}")
        return "".join(line + "\n" for line in lines).encode()

    @classmethod
    def decoded(cls, data: bytes, name: str) -> Self:
        """Read back, strictly."""
        try:
            words = [line.split(" ") for line in data.decode("ascii").splitlines()]
            seal = cls(words[0][1], *(words[1][1:] if len(words) > 1 else ()))
        except (ValueError, IndexError, TypeError):
            seal = cls("")
        if seal.encoded() != data:
            raise Tampered(f"snapshot {name}: its signature file is damaged")
        return seal


class Signer:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(raw).decode()

    @classmethod
    def from_pem(cls, pem: bytes, origin: str) -> Self:
        """An unencrypted PKCS#8 key, as `openssl genpkey -algorithm ed25519` writes it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError) as problem:
            raise BadRequest(
                f"signing key from {origin}: not a PEM private key ({problem})"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadRequest(f"signing key from {origin}: expected Ed25519, this is another kind")
        return cls(key)

    def seal(self, manifest: bytes) -> Seal:
        """Hash and sign."""
        signature = base64.b64encode(self._key.sign(manifest)).decode()
        return Seal(hashlib.sha256(manifest).hexdigest(), self.public, signature)


EXPECTED_KEY = "expected base64 of 32 bytes, or PEM (BEGIN PUBLIC KEY)"


def public_key(text: str, origin: str) -> str | None:
    """An Ed25519 public key in base64, from base64 or PEM; None for text that is neither, and
    `BadRequest` for a key of another kind: a key that can never match must not look like
    tampering."""
    if not text.startswith("-----BEGIN "):
        try:
            return text if len(_canonical(text)) == _RAW else None
        except ValueError:
            return None
    if "PRIVATE KEY-----" in text.partition("\n")[0]:
        raise BadRequest(
            f"{origin} is a private key; expected the public half: `openssl pkey -in KEY -pubout` "
            "prints it"
        )
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise BadRequest(f"{origin} is not an intact PEM public key ({problem})") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadRequest(f"{origin} is a key of another kind; expected Ed25519")
    return base64.b64encode(key.public_bytes_raw()).decode()


def seal(manifest: bytes, signer: Signer | None) -> Seal:
    """The seal of a manifest, signed if there is a key."""
    return signer.seal(manifest) if signer else Seal(hashlib.sha256(manifest).hexdigest())


def require_hash(seal: Seal, digest: str, name: str) -> None:
    """Call this before anything in the manifest is used, even its format."""
    if digest != seal.sha256:
        raise Tampered(f"snapshot {name}: the manifest is not the one that was sealed")


def check_seal(seal: Seal, manifest: bytes, *, name: str, signer: str, trusted: str = "") -> None:
    """`Tampered` unless hash and signature match. `signer` is what the manifest says about
    itself; `trusted` the public key that the caller expects, "" to accept any or none."""
    require_hash(seal, hashlib.sha256(manifest).hexdigest(), name)
    if seal.public != signer:
        raise Tampered(f"snapshot {name}: the manifest names another signer than its signature")
    if trusted and seal.public != trusted:
        found = f"signed by {seal.public}" if seal.public else "not signed"
        raise Tampered(f"snapshot {name} is {found}; expected the signature of {trusted}")
    if seal.signature:
        _check_signature(seal, manifest, name)


def _check_signature(seal: Seal, manifest: bytes, name: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public, signature = _canonical(seal.public), _canonical(seal.signature)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, manifest)
    except (InvalidSignature, ValueError) as problem:
        raise Tampered(f"snapshot {name}: the signature does not match the manifest") from problem


def _canonical(text: str) -> bytes:
    """Decode strictly: base64 has unused bits in its last letter, and a change there must not go
    unnoticed."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from problem
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data
