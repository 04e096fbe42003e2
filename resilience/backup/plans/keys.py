"""Keys from the environment, for runs that have no options: pytest and CronJobs.

`RESILIENCE_SIGNING_KEY` (PEM text, or `secret:NAMESPACE/NAME[/KEY]`) signs,
`RESILIENCE_TRUSTED_KEY` (base64) is who must have signed, `RESILIENCE_RECIPIENTS` (age public keys)
encrypt, `RESILIENCE_IDENTITY` (an age private key's text) decrypts.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from resilience.backup.format.errors import BadRequest
from resilience.backup.format.sign import Signer
from resilience.backup.plans.lifecycle import Keys
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import SECRETS, Cluster

KEY_VARIABLE = "RESILIENCE_SIGNING_KEY"
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
        return Signer.from_pem(text.encode(), KEY_VARIABLE) if text else None
    try:
        return Signer.from_pem(Path(named).read_bytes(), named)
    except OSError as problem:
        raise BadRequest(f"signing key {named}: {problem.strerror}") from problem


def _secret(text: str, cluster: Cluster | None) -> bytes:
    namespace, _, rest = text.removeprefix(SECRET).partition("/")
    name, _, key = rest.partition("/")
    if not (namespace and name):
        raise BadRequest(f"signing key {text}: expected {SECRET}NAMESPACE/NAME or .../NAME/KEY")
    if cluster is None:
        raise BadRequest(f"signing key {text}: this command opens no cluster to read it from")
    try:
        data = cluster.get(SECRETS, name, namespace).get("data") or {}
    except ClusterError as problem:
        raise BadRequest(f"signing key {text}: {problem}") from problem
    key = key or (_DEFAULT_KEY if len(data) != 1 else next(iter(data)))
    if key not in data:
        raise BadRequest(
            f"signing key {text}: Secret {namespace}/{name} has no key {key!r}; there are "
            f"{', '.join(sorted(data)) or 'none'}"
        )
    return base64.b64decode(data[key])


def from_environment(
    cluster: Cluster | None = None, environment: Mapping[str, str] = os.environ
) -> Keys:
    """What is not set is not used. `cluster` is where a Secret that is named is read."""
    from resilience.backup.format import encrypt

    identity = environment.get("RESILIENCE_IDENTITY", "")
    return Keys(
        signer=signer("", cluster, environment),
        trusted=environment.get("RESILIENCE_TRUSTED_KEY", ""),
        recipients=tuple(environment.get("RESILIENCE_RECIPIENTS", "").split()),
        identities=(encrypt.identity(identity),) if identity else (),
    )
