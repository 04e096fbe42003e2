"""Keys from the environment, for runs that have no options: pytest and CronJobs.

`RESILIENCE_SIGNING_KEY` (PEM text) signs, `RESILIENCE_TRUSTED_KEY` (base64) is who must have
signed, `RESILIENCE_RECIPIENTS` (age public keys) encrypt, `RESILIENCE_IDENTITY` (an age private
key's text) decrypts. In a cluster they come from a Kubernetes Secret by `envFrom`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from resilience.backup.plans import Keys
from resilience.backup.sign import find_signer


def from_environment(environment: Mapping[str, str] = os.environ) -> Keys:
    """What is not set is not used."""
    from resilience.backup import encrypt

    identity = environment.get("RESILIENCE_IDENTITY", "")
    return Keys(
        signer=find_signer(),
        trusted=environment.get("RESILIENCE_TRUSTED_KEY", ""),
        recipients=tuple(environment.get("RESILIENCE_RECIPIENTS", "").split()),
        identities=(encrypt.identity(identity),) if identity else (),
    )
