"""The places that settings name: all are tried, and what failed is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from resilience.config.settings import Settings
from resilience.publish import places
from resilience.report import digest
from tests.report.made import record

NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


def publish(**settings: Any) -> list[str]:
    session = places.Session(settings=Settings(**settings), environment={}, now=NOW, mark="0a1b2c")
    return places.publish([record()], session)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="reports")
        yield client


def test_a_bucket_gets_a_folder_for_each_session(bucket: Any) -> None:
    assert publish(report="s3://reports/staging") == [
        "report: s3://reports/staging/20261129T031500Z-0a1b2c"
    ]
    key = "staging/20261129T031500Z-0a1b2c/report.json"
    body = bucket.get_object(Bucket="reports", Key=key)["Body"].read()
    assert len(json.loads(body)["runs"]) == 1


def test_a_bucket_that_refuses_is_named(bucket: Any) -> None:
    with pytest.raises(places.Unpublished, match="s3://nowhere/x"):
        publish(report="s3://nowhere/x")


def test_a_place_that_fails_does_not_keep_the_others_from_theirs(tmp_path: Path) -> None:
    with pytest.raises(places.Unpublished, match="Pushgateway") as caught:
        publish(
            report=str(tmp_path / "report"),
            metrics=str(tmp_path / "metrics.prom"),
            push="http://127.0.0.1:9",
        )
    assert (tmp_path / "report" / "report.html").exists()
    assert (tmp_path / "metrics.prom").exists()
    assert [line.partition(":")[0] for line in caught.value.lines] == ["report", " " * 8 + str(
        tmp_path / "report" / "report.json"), "metrics"]  # fmt: skip


def test_a_session_without_places_writes_nothing() -> None:
    assert publish() == []


def test_old_reports_are_deleted_when_the_setting_says_so(tmp_path: Path) -> None:
    old = tmp_path / "20200101T000000Z-000000"
    old.mkdir()
    (old / "report.html").write_text("")
    assert publish(report=f"file:{tmp_path}")[0].endswith("0a1b2c")
    assert old.exists()
    [line] = places.publish(
        [record()],
        places.Session(
            settings=Settings(report=f"file:{tmp_path}", report_keep=86400.0),
            environment={}, now=NOW, mark="ffffff",
        ),
    )  # fmt: skip
    assert line.endswith("-ffffff (deleted 1 older)")
    assert not old.exists()


@pytest.mark.parametrize("url", ["s3://", "s3:reports", "s3://b/p?regoin=x", "s3://b/p#x", "file:"])
def test_a_url_that_cannot_be_used_is_found_before_anything_runs(url: str) -> None:
    with pytest.raises(ValueError, match="store"):
        places.check(Settings(report=url))


def test_good_urls_and_folders_pass() -> None:
    for good in ("s3://b/p?region=eu-central-1", "file:reports", "reports", ""):
        places.check(Settings(report=good))


def test_a_header_that_cannot_be_sent_is_named_without_its_value(tmp_path: Path) -> None:
    settings = Settings(
        metrics=str(tmp_path / "m.prom"), traces="http://127.0.0.1:9", report=str(tmp_path / "out")
    )
    environment = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20c2VjcmV0%0Ac2VjcmV0"}
    session = places.Session(settings=settings, environment=environment, now=NOW, mark="0a1b2c")
    with pytest.raises(places.Unpublished, match="value of Authorization") as caught:
        places.publish([record()], session)
    assert "c2VjcmV0" not in str(caught.value)
    assert len(caught.value.lines) == 3  # two of the report, one of the metrics


def test_a_value_that_a_library_refuses_does_not_keep_other_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> list[str]:
        raise ValueError("Invalid header")

    monkeypatch.setattr(places, "_directory", refused)
    with pytest.raises(places.Unpublished, match="Invalid header") as caught:
        publish(report=str(tmp_path / "report"), metrics=str(tmp_path / "m.prom"))
    assert caught.value.lines == [f"metrics: {tmp_path / 'm.prom'}"]


def test_an_earlier_report_with_an_endless_number_is_read(tmp_path: Path) -> None:
    publish(report=str(tmp_path))
    runs = json.loads((tmp_path / "runs.json").read_text())
    runs["runs"][0]["seconds"] = int("9" * 400)
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    [past] = digest.read((tmp_path / "runs.json").read_bytes())
    assert past.seconds == 0.0
