"""`resilience convert` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resilience.cli import main

LINE = "chaoskube --no-dry-run --namespaces=shop --labels=app=web\n"


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "run.sh"
    path.write_text(LINE)
    return path


def test_scenarios_go_to_stdout_and_what_is_missing_to_stderr(
    line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line.write_text(LINE.strip() + " --slack-webhook=x\n")
    assert main(["convert", str(line)]) == 0
    out, err = capsys.readouterr()
    assert "scenario: any Pod, as chaoskube" in out
    assert "no counterpart: any Pod, as chaoskube: --slack-webhook=x" in err


def test_files_are_written_into_a_folder_and_never_over_others(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    twin = tmp_path / "twin.sh"
    twin.write_text(LINE)
    assert main(["convert", str(line), str(twin), "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"any-pod-as-chaoskube.scenario.yaml", "any-pod-as-chaoskube-2.scenario.yaml"}
    assert main(["convert", str(line), "--out", str(out)]) == 1
    assert "exists already; nothing was written" in capsys.readouterr().err


def test_json_output_of_convert_is_one_document(
    line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(line), "-o", "json"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert told["tool"] == "chaoskube"
    assert told["scenarios"][0]["when"][0]["kill"]["pods"] == "app=web"


def test_no_scenario_is_1_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("zone_outage: []\n")
    assert main(["convert", str(path)]) == 1
    assert "zone outage" in capsys.readouterr().err
    for text, why in (("kind: Pod\n", "not a file of chaoskube"), ("a: [\n", "neither YAML nor")):
        path.write_text(text)
        assert main(["convert", str(path)]) == 1
        assert why in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe")
    assert main(["convert", str(path)]) == 1
    assert main(["convert", str(tmp_path / "none")]) == 1
    assert "Traceback" not in capsys.readouterr().err
