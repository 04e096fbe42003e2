"""A certificate that expires soon."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping

SOON = 30
"""Days."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """Secrets with a `tls.crt` whose first certificate ends within 30 days."""
    for secret in inventory.of("Secret"):
        encoded = mapping(secret, "data").get("tls.crt")
        ends = _end(str(encoded)) if encoded else None
        if ends is None:
            continue
        days = (ends - inventory.now).days
        if days < SOON:
            when = ends.strftime("%Y-%m-%d %H:%M UTC")
            word = "ended at" if ends <= inventory.now else f"ends in {days} days, at"
            yield Hit(
                secret,
                f"tls.crt {word} {when}",
                level=Level.ERROR if ends <= inventory.now else None,
            )


def _end(encoded: str) -> datetime | None:
    """When the first certificate of the chain ends; None where none can be read."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(base64.b64decode(encoded)).not_valid_after_utc
    except (ValueError, binascii.Error):
        return None


RULE = Rule(
    id="certificate-ends",
    level=Level.WARNING,
    title="a certificate that expires soon",
    reason=(
        "From then on every client that verifies it refuses the connection, on all replicas at"
        " once. Nothing in the cluster renews it unless that has been set up."
    ),
    remedy="Renew it now, and automate its renewal.",
    link="https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets",
    source="staging/src/k8s.io/api/core/v1/types.go",
    find=find,
)
