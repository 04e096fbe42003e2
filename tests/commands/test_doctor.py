"""The doctor says beforehand what a run would be refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import NAMESPACES
from resilience.commands import checkup, doctor
from tests.engine.fakes import FakeClock, FakeCluster
from tests.real_cluster import resilience

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class _Dated:
    def __init__(self, said: str) -> None:
        self._said = said

    def date(self) -> str:
        return self._said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (format_datetime(NOW, usegmt=True), (True, "0 s behind the API server's")),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), (False, "90 s ahead of")),
        (format_datetime(NOW + timedelta(seconds=6), usegmt=True), (False, "6 s behind")),
        ("", (None, "sent no usable Date")),
    ],
)
def test_a_clock_that_is_off_is_told(said: str, expected: tuple[bool | None, str]) -> None:
    cluster: Any = _Dated(said)
    good, _, detail = checkup.clock(cluster, NOW)
    assert good is expected[0]
    assert expected[1] in detail


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (["shop"], "namespace shop may be changed"),
        (["bank", "shop"], "namespaces bank, shop may be changed"),
        (["gone"], "namespace gone does not exist yet, and may be created"),
        (["gone", "shop"], "namespace shop may be changed; namespace gone does not exist yet, "
                           "and may be created"),
        (["a", "b"], "namespaces a, b do not exist yet, and may be created"),
    ],
)  # fmt: skip
def test_a_namespace_that_does_not_exist_may_be_created(
    namespaces: list[str], expected: str
) -> None:
    cluster = FakeCluster(FakeClock())
    for name in ("shop", "bank"):
        cluster.put(NAMESPACES, {"metadata": {"name": name}})
    assert doctor.consented(cluster, [], namespaces) == expected


def test_each_scenario_is_told_what_it_would_be_refused(folder: Path, embedded: Embedded) -> None:
    text = (folder / "kill.scenario.yaml").read_text().replace("namespace: shop", "namespace: gone")
    text = text.replace("checkout loses one Pod", "nowhere").replace(
        "  - apply: checkout.yaml\n", ""
    )
    (folder / "nowhere.scenario.yaml").write_text(text)
    done = resilience(folder, "doctor", "--kubeconfig", str(embedded.kubeconfig), ".")
    assert done.returncode == 1
    assert "-    sandbox: not started, since a cluster is named" in done.stdout
    assert "-    manifests: 2 objects read; to ask the cluster: pytest " in done.stdout
    assert "ok   clock: " in done.stdout
    assert "ok   consent: namespaces gone, shop do not exist yet, and may be created" in done.stdout
    assert "ok   checkout-loses-one-pod: nothing would be refused" in done.stdout
    assert "BAD  nowhere: refused: namespace gone does not exist" in done.stdout
