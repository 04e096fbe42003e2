"""Whom earlier reports show struck: from a folder, its folders, a store; never a reason to fail."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from resilience.publish.past_victims import MOST, read


def a_report(started: str, *victims: tuple[str, str, str]) -> str:
    facts = [{"what": "victim", "facts": {"namespace": space, "name": name, "workload": workload}}
             for space, name, workload in victims]  # fmt: skip
    return json.dumps({"runs": [{"started": started, "victims": facts}]})


def test_the_latest_time_of_each_pod_and_workload_counts(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(
        a_report("2026-01-01T00:00:00.000Z", ("shop", "web-0", "statefulset/web"))
    )
    for number, day in enumerate((3, 2)):
        folder = tmp_path / f"2026010{day}T000000Z-00000{number}"
        folder.mkdir()
        (folder / "report.json").write_text(
            a_report(f"2026-01-0{day}T00:00:00.000Z", ("shop", f"web-{day}", "statefulset/web"))
        )
    for told in (read(tmp_path, ""), read(tmp_path, f"file:{tmp_path}")):
        assert set(told) == {"shop/web-0", "shop/web-2", "shop/web-3", "shop/statefulset/web"}
        assert told["shop/statefulset/web"] == told["shop/web-3"] == 1767398400.0
    assert set(read(None, f"file:{tmp_path}")) == {
        "shop/web-2",
        "shop/web-3",
        "shop/statefulset/web",
    }


NO_FACTS = '{"runs": [{"started": "2026-01-01T00:00:00Z", "victims": [{"facts": "x"}]}]}'
DEEP = pytest.param('{"runs": ' + "[" * 100_000, id="deep")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"runs": [{}]}', '{"runs": 3}', "\udcff", NO_FACTS, DEEP]
)
def test_a_file_that_is_no_report_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(text.encode(errors="surrogateescape"))
    assert read(tmp_path, "") == {}


def test_a_place_without_reports_has_no_past_victims(tmp_path: Path) -> None:
    assert read(None, "") == {}
    assert read(tmp_path / "none", "") == {}
    assert read(None, f"file:{tmp_path / 'none'}") == {}


def test_only_the_newest_are_read(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        folder = tmp_path / f"{number:03}"
        folder.mkdir()
        path = folder / "report.json"
        path.write_text(a_report("2026-01-01T00:00:00.000Z", ("shop", f"p{number}", "")))
        os.utime(path, (number, number))
    assert "shop/p0" not in (told := read(tmp_path, ""))
    assert f"shop/p{MOST}" in told


def test_a_report_that_cannot_be_opened_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(a_report("2026-01-01T00:00:00Z", ("shop", "p", "")))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "report.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b" / "report.json").mkdir()
    assert "shop/p" in read(tmp_path, "")
