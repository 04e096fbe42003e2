"""End to end: values of the environment, and control characters, reach no output."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.harness.conftest import Run

SECRET = "hunter2/ü&quite-long"

SCENARIO = r"""
scenario: "asks with ${TOK}"
namespace: ${NS}
settle: 10ms
given:
  - apply: mark.yaml
when:
  - exec: {pods: all, command: [echo, "${TOK}", "\e[2J"]}
    lasting: true
  - sleep: 10ms
then:
  - ready: "deployment/${MISSING:-nosuch}"
    name: "checks \e[31m ${TOK}"
    within: 300ms
"""

MARK = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mark}\ndata: {a: b}\n"


def _everything(result: pytest.RunResult, folder: Path) -> dict[str, str]:
    found = {"terminal": result.stdout.str() + result.stderr.str()}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".html", ".md", ".xml", ".prom", ".jsonl"):
            found[path.name] = path.read_text(encoding="utf-8")
    return found


@pytest.mark.usefixtures("on_sandbox")
def test_neither_secrets_nor_control_characters_reach_any_output(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOK", SECRET)
    monkeypatch.setenv("NS", "default")
    pytester.makefile(".scenario.yaml", shown=SCENARIO)
    pytester.makefile(".yaml", mark=MARK)
    result = run("-vv", "--junit-xml=out/junit.xml", "--resilience-report=out/report",
                 "--resilience-metrics=out/m.prom", "--resilience-journal=out/journal")  # fmt: skip
    outputs = _everything(result, pytester.path / "out")
    assert {"terminal", "report.json", "report.html", "summary.md", "junit.xml"} <= set(outputs)
    encoded = base64.b64encode(SECRET.encode()).decode().rstrip("=")
    for name, text in outputs.items():
        for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), encoded):
            assert form not in text, (name, text)
        assert "\x1b" not in text, name
        assert "\x07" not in text, name
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")], name
    assert "asks with ***" in outputs["terminal"]
    assert '"namespace": "default"' in outputs["report.json"]
    ElementTree.fromstring(outputs["junit.xml"])


@pytest.mark.usefixtures("on_sandbox")
def test_a_report_belongs_to_its_user(pytester: pytest.Pytester, run: Run) -> None:
    filled = SCENARIO.replace("${TOK}", "x").replace("${NS}", "default")
    pytester.makefile(".scenario.yaml", shown=filled)
    pytester.makefile(".yaml", mark=MARK)
    run("--resilience-report=report")
    folder = pytester.path / "report"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    names = ("report.json", "report.html", "runs.json", "summary.md")
    assert modes == dict.fromkeys(names, 0o600)


def test_a_mistake_in_a_file_does_not_tell_the_value(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOK", SECRET)
    pytester.makefile(".scenario.yaml", wrong="scenario: x\nsettle: ${TOK}\nwhen: [{sleep: 1s}]\n")
    result = run("--collect-only")
    assert SECRET not in result.stdout.str()
    assert "***" in result.stdout.str()


def test_a_variable_called_public_is_shown(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOK", "checkout-eu")
    pytester.makefile(".scenario.yaml", wrong="scenario: x\nsettle: ${TOK}\nwhen: [{sleep: 1s}]\n")
    result = run("--collect-only", "--resilience-public=TOK")
    assert "checkout-eu" in result.stdout.str()
