"""`agnhost test-service-account-issuer-discovery`: checks a token by OIDC discovery alone."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import log

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_ASKED = 10.0


class Untrusted(Exception):
    """The token is not what its issuer published; the text says what differs."""


def test_service_account_issuer_discovery(arguments: list[str]) -> int:
    """Exit 0 if the issuer's published keys prove the token, and it is for the audience."""
    defaults = {"audience": "", "token-path": "/var/run/secrets/tokens/sa-token",
                "in-cluster-discovery": False}  # fmt: skip
    flags, _ = parse(arguments, defaults)
    token = Path(flags["token-path"]).read_text()
    log("OK: Got token")
    try:
        claims = check(token, flags["audience"], fetch)
    except (Untrusted, OSError, ValueError) as error:
        log(str(error))
        return 1
    log(f"OK: got issuer {claims['iss']}")
    log(f"OK: Got valid claims from token! {json.dumps(claims)}")
    return 0


def fetch(url: str) -> Any:
    """The JSON at `url`, requested as the Pod's ServiceAccount."""
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_ASKED, context=context) as answer:
        return json.load(answer)


def check(token: str, audience: str, ask: Any) -> dict[str, Any]:
    """The claims of a token, verified with its issuer's keys; raises Untrusted."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    text, _, mark = token.rpartition(".")
    head, claims = (json.loads(_unpack(part)) for part in text.split("."))
    about = ask(f"{claims['iss']}/.well-known/openid-configuration")
    if about["issuer"] != claims["iss"]:
        raise Untrusted(f"issuer did not match: got {about['issuer']}, expected {claims['iss']}")
    if audience not in claims["aud"]:
        raise Untrusted(f'expected audience "{audience}" got {claims["aud"]}')
    keys = {each["kid"]: each for each in ask(about["jwks_uri"])["keys"]}
    key = keys.get(head["kid"])
    if key is None:
        raise Untrusted("failed to verify signature: no key of the issuer has the token's id")
    point = [int.from_bytes(_unpack(key[each]), "big") for each in ("x", "y")]
    public = ec.EllipticCurvePublicNumbers(point[0], point[1], ec.SECP256R1()).public_key()
    raw = _unpack(mark)
    halves = [int.from_bytes(part, "big") for part in (raw[:32], raw[32:])]
    try:
        public.verify(encode_dss_signature(*halves), text.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Untrusted("failed to verify signature: failed to verify id token signature") from None
    return dict(claims)


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
