"""`resilience history`: three files and an answer; nothing to read is an error."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from resilience.cli import main
from tests.history.test_reading import written


def test_it_writes_a_page_a_badge_and_openmetrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "reports" / "a b")
    assert main(["history", "reports", "--out", "out/new"]) == 0
    told = capsys.readouterr().out
    assert "2 scenarios, 1 failing now." in told
    assert "Fails since" in told
    page = (tmp_path / "out" / "new" / "history.html").read_text()
    assert 'href="../../reports/a%20b/report.html"' in page
    assert (tmp_path / "out" / "new" / "badge.svg").read_text().startswith("<svg")
    assert (tmp_path / "out" / "new" / "history.om").read_text().endswith("# EOF\n")
    for path in (tmp_path / "out" / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_programs_get_one_document_and_damage_is_told_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "reports" / "a")
    (tmp_path / "reports" / "report.json").write_text("nonsense")
    assert main(["history", "reports", "-o", "json"]) == 0
    said = capsys.readouterr()
    made = json.loads(said.out)
    assert (made["runs"], len(made["unread"])) == (2, 1)
    assert made["scenarios"][0]["first_failing"]["run"] == "68b1f2-0a1b2c"
    assert "warning: left out: report.json: not JSON" in said.err


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (".", "holds no report; expected report.json"),
        ("nothing", "is not a folder"),
        ("file:", "name a directory"),
        ("s3://", "error:"),
    ],
)
def test_nothing_to_read_is_an_error(
    place: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["history", place]) == 1
    assert text in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "reports" / "a")
    (tmp_path / "out").write_text("a file")
    assert main(["history", "reports", "--out", "out"]) == 1
    assert "cannot be written" in capsys.readouterr().err
