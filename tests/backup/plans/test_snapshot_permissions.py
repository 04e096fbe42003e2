"""The permissions that a snapshot needs in its namespaces."""

from __future__ import annotations

from resilience.backup.plans.snapshot_permissions import of_snapshot
from resilience.model.verb import Right

CLAIM = Right(verb="get", group="", resource="persistentvolumeclaims", namespace="shop")


def test_reading_a_volume_reads_its_claim_and_listing_alone_does_not() -> None:
    assert CLAIM in of_snapshot(["shop"], inside=True)
    assert CLAIM not in of_snapshot(["shop"], inside=False)
