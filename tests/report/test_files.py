"""Files of a report: all or nothing, and the job's summary page is added to."""

from __future__ import annotations

import dataclasses
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience import report
from tests.report.made import record


def test_every_form_lies_in_the_directory(tmp_path: Path) -> None:
    paths = report.write([record()], tmp_path / "new" / "folder")
    assert json.loads(paths.json.read_text(encoding="utf-8"))["version"] == 1
    assert paths.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert paths.markdown.read_text(encoding="utf-8").startswith("# Resilience")
    assert json.loads(paths.digest.read_text(encoding="utf-8"))["runs"][0]["numbers"]
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 4


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    report.write([record(), record()], tmp_path)
    paths = report.write([record()], tmp_path)
    assert len(json.loads(paths.json.read_text(encoding="utf-8"))["runs"]) == 1


def test_the_summary_of_the_job_is_added_to(tmp_path: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n")
    report.write([record()], tmp_path, step_summary=step)
    assert step.read_text(encoding="utf-8").startswith("before\n# Resilience\n")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Every file of this process ends at that size, as on a disk that fills up: EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_disk_that_fills_up_leaves_the_former_report_whole_and_no_part(
    tmp_path: Path, share: float
) -> None:
    former = report.write([record()], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    size = int(former.html.stat().st_size * share)  # the page does not fit, the rest may
    with full_disk(size), pytest.raises(OSError, match="too large") as told:
        report.write([record(), record()], tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert Path(str(told.value.filename)).parent == tmp_path


def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        report.write([record()], tmp_path / "file")


def test_what_is_no_json_is_told_as_text(tmp_path: Path) -> None:
    odd = dataclasses.replace(record(), environment={"path": Path("/x"), "set": {1}, "deep": [()]})
    paths = report.write([odd], tmp_path)
    made = json.loads(paths.json.read_text(encoding="utf-8"))
    assert made["runs"][0]["environment"] == {"path": "/x", "set": [1], "deep": [[]]}
