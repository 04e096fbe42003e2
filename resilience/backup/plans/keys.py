"""Keys from the environment, for pytest and CronJobs.

`RESILIENCE_SIGNING_KEY` (PEM text, or `secret:NAMESPACE/NAME[/KEY]`) signs,
`RESILIENCE_TRUSTED_KEY` (base64, PEM text, or a file) must have signed, `RESILIENCE_RECIPIENTS`
(age public keys) encrypt, `RESILIENCE_IDENTITY` (an age private key's text) or
`RESILIENCE_IDENTITY_FILE` (its file, also `--resilience-identity`) decrypts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from resilience.backup.format.errors import BadRequest
from resilience.backup.format.sign import EXPECTED_KEY, Signer, public_key
from resilience.backup.plans.lifecycle import Keys
from resilience.cluster.access.secret_values import NoSecretValue, secret_values
from resilience.cluster.interface import Cluster
from resilience.model.masks import MASKS

KEY_VARIABLE = "RESILIENCE_SIGNING_KEY"
TRUSTED_VARIABLE = "RESILIENCE_TRUSTED_KEY"
IDENTITY_VARIABLE = "RESILIENCE_IDENTITY"
IDENTITY_FILE_VARIABLE = "RESILIENCE_IDENTITY_FILE"
SECRET = "secret:"
_DEFAULT_KEY = "signing-key"


def signer(
    named: str, cluster: Cluster | None, environment: Mapping[str, str] = os.environ
) -> Signer | None:
    """The key that an option or the environment names, None when neither does.

    A file, the PEM text itself (in the environment only), or `secret:NAMESPACE/NAME[/KEY]`.
    """
    text = named or environment.get(KEY_VARIABLE, "")
    if text.startswith(SECRET):
        return Signer.from_pem(_secret(text, cluster), text)
    if not named:
        MASKS.take(KEY_VARIABLE, text)
        return Signer.from_pem(text.encode(), KEY_VARIABLE) if text else None
    return Signer.from_pem(_file(named, "signing key"), named)


def _file(path: str, what: str) -> bytes:
    """Read a file that the user names."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as problem:  # ValueError: a path with a zero byte
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise BadRequest(f"{what} {path}: {reason}") from problem


def trusted(named: str = "", environment: Mapping[str, str] = os.environ) -> str:
    """The public key that an option or the environment names, in the form that signatures have;
    "" when neither does. The text itself is tried first, then a file of that name."""
    text = (named or environment.get(TRUSTED_VARIABLE, "")).strip()
    if not text:
        return ""
    origin = "--trusted-key" if named else TRUSTED_VARIABLE
    if (found := public_key(text, origin)) is not None:
        return found
    if not Path(text).is_file():
        raise BadRequest(
            f"{origin} {text!r} is not a public key: {EXPECTED_KEY}, or a file with it"
        )
    content = _file(text, origin).decode("utf-8", "replace").strip()
    if (found := public_key(content, f"{origin} {text}")) is None:
        raise BadRequest(f"{origin} {text} holds no public key: {EXPECTED_KEY}")
    return found


def identities(files: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[object]:
    """The keys that decrypt: from the named files, else from the environment."""
    from resilience.backup.format import encrypt

    named = list(files)
    if not named and (text := environment.get(IDENTITY_VARIABLE, "")):
        MASKS.take(IDENTITY_VARIABLE, text)
        return [encrypt.identity(text, IDENTITY_VARIABLE)]
    if not named and (path := environment.get(IDENTITY_FILE_VARIABLE, "")):
        named = [path]
    return [
        encrypt.identity(_file(path, "identity").decode("utf-8", "replace"), f"identity {path}")
        for path in named
    ]


def _secret(text: str, cluster: Cluster | None) -> bytes:
    namespace, _, rest = text.removeprefix(SECRET).partition("/")
    name, _, key = rest.partition("/")
    if not (namespace and name):
        raise BadRequest(f"signing key {text}: expected {SECRET}NAMESPACE/NAME or .../NAME/KEY")
    if cluster is None:
        raise BadRequest(f"signing key {text}: this command opens no cluster to read it from")
    try:
        found = secret_values(cluster, namespace, name)
        return found.value(key or (found.keys[0] if len(found.keys) == 1 else _DEFAULT_KEY))
    except NoSecretValue as problem:
        raise BadRequest(f"signing key {text}: {problem}") from problem


def from_environment(
    cluster: Cluster | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    identity_files: Sequence[str] = (),
) -> Keys:
    """Unset keys are not used. A Secret is read through `cluster`. `identity_files` take precedence
    over the environment."""
    return Keys(
        signer=signer("", cluster, environment),
        trusted=trusted("", environment),
        recipients=recipients(environment),
        identities=tuple(identities(identity_files, environment)),
    )


def recipients(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The recipients for encryption, from the environment."""
    return tuple(environment.get("RESILIENCE_RECIPIENTS", "").split())
