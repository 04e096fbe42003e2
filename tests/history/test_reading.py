"""Reports in folders and stores of any shape; what is damaged costs only itself."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.store.url import open_store
from resilience.history.reading import archive
from resilience.publish import report_store
from resilience.report import rendered
from tests.report.made import WALL, drill, record


def written(folder: Path, *, without: str = "") -> None:
    folder.mkdir(parents=True)
    for name, text in rendered([record(), drill()], WALL).items():
        if name != without:
            (folder / name).write_text(text)


def test_a_folder_is_searched_as_deep_as_it_goes_and_copies_count_once(tmp_path: Path) -> None:
    written(tmp_path / "a" / "b")
    written(tmp_path / "copy")
    found = archive(str(tmp_path))
    assert (found.reports, len(found.runs)) == (2, 2)
    assert found.pages[found.runs[0].run] == "a/b/report.html"


def test_an_old_report_without_a_digest_says_the_same(tmp_path: Path) -> None:
    written(tmp_path / "new" / "x", without="report.json")
    written(tmp_path / "old" / "x", without="runs.json")
    assert archive(str(tmp_path / "new")).runs == archive(str(tmp_path / "old")).runs


@pytest.mark.parametrize("lacking", ["", "runs.json"])
def test_what_a_store_keeps_is_read(tmp_path: Path, lacking: str) -> None:
    store = open_store(f"file:{tmp_path / 'store'}")
    for day in range(3):
        files = {name: text for name, text in rendered([record()], WALL).items() if name != lacking}
        changed = files | {name: text.replace("68b1f2", f"68b1f{day}") for name, text in
                           files.items() if name.endswith(".json")}  # fmt: skip
        report_store.save(changed, store, now=datetime(2026, 9, 1 + day, tzinfo=UTC),
                          mark=f"00000{day}", keep=timedelta(days=90))  # fmt: skip
    found = archive(f"file:{tmp_path / 'store'}")
    assert [run.run for run in found.runs] == ["68b1f0-0a1b2c", "68b1f1-0a1b2c", "68b1f2-0a1b2c"]


HOSTILE = {
    "empty": "",
    "html": "<html>",
    "deep": "[" * 100_000,
    "list": "[]",
    "no runs": "{}",
    "version": '{"version": 9, "runs": []}',
    "a text": '{"version": 1, "runs": ["x"]}',
    "no scenario": '{"version": 1, "runs": [{"run": "x"}]}',
    "no date": json.dumps({"version": 1, "runs": [{"scenario": {}, "environment": {}}]}),
    "numbers": '{"version": 1, "runs": [{"numbers": 7, "started": 1}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_report_is_named_and_costs_only_itself(tmp_path: Path, name: str) -> None:
    written(tmp_path / "good")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "report.json").write_text(HOSTILE[name])
    found = archive(str(tmp_path))
    assert len(found.runs) == 2
    assert len(found.unread) == 1
    assert found.unread[0].startswith("bad/report.json: ")


def test_strange_values_are_left_out(tmp_path: Path) -> None:
    written(tmp_path / "x", without="runs.json")
    path = tmp_path / "x" / "report.json"
    document = json.loads(path.read_text())
    document["runs"][0]["findings"] += [{"figure": "rto", "value": float("nan")}, 7,
                                        {"name": ["x"], "value": True}]  # fmt: skip
    path.write_text(json.dumps(document))
    found = archive(str(tmp_path))
    values = [each.value for run in found.runs for each in run.numbers]
    assert None in values
    assert all(value is None or value == value for value in values)


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    written(tmp_path / "real" / "x")
    inside = tmp_path / "reports" / "a"
    inside.mkdir(parents=True)
    (inside / "report.json").symlink_to(tmp_path / "real" / "x" / "report.json")
    os.mkfifo(inside / "runs.json")
    found = archive(str(tmp_path / "reports"))
    assert found.runs == []
    assert found.unread == ["a/runs.json: not a regular file"]


def test_a_place_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        archive(str(tmp_path / "nothing"))
