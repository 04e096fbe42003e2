"""What speaks against a run, and that no answer speaks against it as well."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES
from resilience.cluster.permit.consent_keys import PAUSED
from resilience.config.targets import Gate
from resilience.config.windows import Windows
from resilience.daily import halts
from tests.engine.fakes import FakeClock, FakeCluster

ALERTS = Gate(kind="alertmanager", url="http://a", unless='severity="critical"')


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(FakeClock())


def test_windows_and_blackouts_with_the_next_opening() -> None:
    windows = Windows.parse(["* 9-16 * * mon-fri"], ["2026-03-04"], "Europe/Berlin")
    told = {}
    for day, hour in ((3, 8), (3, 16), (4, 9), (7, 9)):
        moment = datetime(2026, 3, day, hour, tzinfo=UTC).timestamp()
        name, text = halts.by_windows(windows, lambda moment=moment: moment)()  # type: ignore[misc]
        assert name == "window"
        told[day, hour] = text
    assert told[3, 8] == ""
    assert "the next opens at 2026-03-04 09:00" in told[3, 16]
    assert "in the blackout" in told[4, 9]
    assert "outside the windows" in told[7, 9]


@pytest.mark.parametrize(
    ("data", "paused"),
    [(None, False), ({}, False), ({"paused": "false"}, False), ({"paused": "False "}, False),
     ({"paused": "true"}, True), ({"paused": "incident-7"}, True)],
)  # fmt: skip
def test_a_configmap_that_says_paused_halts_the_runs(
    cluster: FakeCluster, data: dict[str, str] | None, paused: bool
) -> None:
    if data is not None:
        metadata = {"name": "daily", "namespace": "shop"}
        cluster.put(CONFIGMAPS, {"metadata": metadata, "data": data})
    _, text = halts.by_configmap(cluster, "shop", "daily")()
    assert bool(text) is paused
    assert not paused or "ConfigMap shop/daily says paused=" in text


def test_a_paused_annotation_of_the_namespace_halts_the_runs(cluster: FakeCluster) -> None:
    asked = halts.by_annotation(cluster, "shop")
    assert asked() == ("pause", "")
    cluster.change(NAMESPACES, "", "shop",
                   lambda obj: obj["metadata"].update(annotations={PAUSED: "yes"}))  # fmt: skip
    assert "namespace shop is paused" in asked()[1]


def test_who_cannot_be_asked_pauses(cluster: FakeCluster) -> None:
    cluster.faults.append(lambda method, path: errors.Unreachable("connection refused"))
    assert "cannot be read" in halts.by_configmap(cluster, "shop", "daily")()[1]
    assert "cannot be read" in halts.by_annotation(cluster, "shop")()[1]


def test_an_incident_and_an_alertmanager_that_does_not_answer() -> None:
    assert halts.by_incident(ALERTS, lambda url: b"[]")() == ("", "")
    alert = b'[{"labels": {"alertname": "CheckoutDown"}}]'
    assert "CheckoutDown" in halts.by_incident(ALERTS, lambda url: alert)()[1]

    def silent(url: str) -> bytes:
        raise OSError("timed out")

    name, text = halts.by_incident(ALERTS, silent)()
    assert name == "incident"
    assert "gives no usable answer" in text


def test_a_failed_verdict_outlives_the_process_and_ends_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "watch-failed"
    assert halts.FailedFile(path).why() == ""
    halts.FailedFile(path).keep("a failed")
    assert halts.FailedFile(path).why() == f"a failed; to continue: rm {path}"
    path.unlink()
    assert halts.FailedFile(path).why() == ""


def test_what_cannot_be_read_halts(tmp_path: Path) -> None:
    path = tmp_path / "watch-failed"
    path.mkdir()
    told = halts.FailedFile(path).why()
    assert told == f"{path} cannot be read (Is a directory), so a run may have failed"
    path.rmdir()
    path.write_bytes(b"a failed \xff")
    assert halts.FailedFile(path).why().startswith("a failed \ufffd; to continue: rm")


def test_without_a_place_to_write_it_holds_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    memory = halts.FailedFile(tmp_path / "state" / "watch-failed")
    memory.keep("a failed")
    assert memory.why().startswith("a failed (")
    assert memory.why().endswith("to continue: start it again")


def test_when_the_last_run_began_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "state" / "watch-failed"
    assert halts.FailedFile(path).began(100.0) is None
    halts.FailedFile(path).begins(100.0)
    assert halts.FailedFile(path).began(500.0) == 100.0
    assert halts.FailedFile(path).began(50.0) == 50.0  # the clock was set back
