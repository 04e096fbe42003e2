"""A ledger that gets through to nothing: the next step depends on where pytest runs."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.capabilities.means import SANDBOX, Means
from resilience.ledger.targets import HttpTarget
from resilience.model.values import Rate
from resilience.probes.kinds.ledger import VERB, Ledger
from resilience.verbs.context import NotMet
from tests.ledger.trial import Serving, free_port
from tests.probes.probing import Context, Sandbox, step

OUTSIDE = "run pytest in a Pod of the cluster, or write to a `host`, or by `exec`"


class Beside(Context):
    """A context for a ledger, on a cluster of these means."""

    run = "6b0d493a-9fde5f"

    def __init__(self, folder: Path, port: int, means: Means) -> None:
        cluster = Sandbox({"app": "orders"}, ports=[{"port": 80}])
        cluster.means = means
        super().__init__(port, cluster)
        self.directory = self.evidence = folder

    def will_undo(self, data: Any, text: str) -> str:
        return ""

    @property
    def victims(self) -> list[Any]:
        return []

    changes = records = victims


def told(folder: Path, here: int, means: Means, **place: Any) -> str:
    """What a ledger says that never becomes steady."""
    target = HttpTarget(put="/kv/{key}", list="/kv?prefix={prefix}", **place)
    ledger = Ledger(http=target, rate=Rate.parse("100/s"))
    context: Any = Beside(folder / str(len(list(folder.iterdir()))), here, means)
    probe = VERB.run(step(ledger, verb=VERB), context)
    try:
        with pytest.raises(NotMet) as raised:
            probe.wait_steady(time.monotonic() + 0.5)
    finally:
        probe.stop()
    return str(raised.value)


def test_from_outside_of_a_cluster_the_next_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert OUTSIDE in told(tmp_path, free_port(), Means(), service="orders")


def test_where_a_service_can_be_reached_nothing_is_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert OUTSIDE not in told(tmp_path, free_port(), SANDBOX, service="orders")
    assert OUTSIDE not in told(tmp_path, 0, Means(), host="127.0.0.1", port=free_port())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert OUTSIDE not in told(tmp_path, free_port(), Means(), service="orders")


def test_a_store_that_was_reached_is_reachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    store = Serving(tmp_path / "data")
    store.start()
    monkeypatch.setattr("resilience.ledger.running.STEADY", 10_000)
    try:
        text = told(tmp_path, store.port, Means(), service="orders")
    finally:
        store.signal(signal.SIGKILL)
    assert "is not steady" in text
    assert OUTSIDE not in text
