"""The worker's side: the data of its session is sent with pytest's own reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.harness import SESSION
from resilience.harness.distributed.parcel import Parcel, text
from resilience.harness.distributed.sent import Sent

if TYPE_CHECKING:
    import pytest

    from resilience.harness.session import Session


def attach(config: pytest.Config, report: Any) -> None:
    """Add what is new since the last report."""
    ours = config.stash[SESSION]
    parcel = _new(ours)
    if parcel:
        report.resilience_parcel = text(parcel)  # xdist passes on attributes of plain types


def _new(ours: Session) -> Parcel:
    sent = ours.sent
    parcel = Parcel(
        records=ours.records[sent.records :],
        outcomes={
            node: outcome
            for node, outcome in ours.outcomes.items()
            if sent.outcomes.get(node) is not outcome
        },
        left=ours.left[sent.left :],
        put_back=ours.put_back[sent.put_back :],
        interrupted=ours.signals.interrupted,
    )
    ours.sent = Sent(
        records=len(ours.records),
        left=len(ours.left),
        put_back=len(ours.put_back),
        outcomes=dict(ours.outcomes),
    )
    return parcel
