"""Every command that prints an answer takes -o, and gives programs one document."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cli import main, parser
from resilience.commands.outputs import DOCUMENTS, Answers, rendered
from tests.commands.test_parsing import commands

WITHOUT_NAMESPACE = {
    "audit": "-n is there, and one of -n and -A",
    "run": "-n is pytest-xdist's",
}


def option(command: argparse.ArgumentParser, flag: str) -> argparse.Action | None:
    return next((each for each in command._actions if flag in each.option_strings), None)


def test_every_command_that_prints_an_answer_takes_o() -> None:
    without = {each.command for each in commands(parser()) if not option(each, "-o")}
    assert without == set(DOCUMENTS)


def test_json_is_a_form_of_each_and_the_first_form_is_the_default() -> None:
    for command in commands(parser()):
        if found := option(command, "-o"):
            assert found.choices, command.command
            assert "json" in found.choices, command.command
            assert found.default == next(iter(found.choices)), command.command


def test_a_namespace_is_always_n() -> None:
    for command in commands(parser()):
        found = option(command, "--namespace")
        if found and command.command not in WITHOUT_NAMESPACE:
            assert found.option_strings[0] == "-n", command.command


def test_both_forms_hold_the_same_data() -> None:
    data = [{"name": "a: b", "bytes": 3, "verified": None, "who": "é"}]
    assert json.loads(rendered(data, "json")) == yaml.safe_load(rendered(data, "yaml")) == data


def test_people_see_each_answer_at_once_and_programs_one_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = Answers("table")
    answers.add({"a": 1}, "one")
    assert capsys.readouterr().out == "one\n"
    answers.end()
    assert capsys.readouterr().out == ""
    answers = Answers("json")
    answers.add({"a": 1}, "one")
    assert capsys.readouterr().out == ""
    answers.end()
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    "words",
    [("schema", "plan"), ("rbac", "x.scenario.yaml"), ("recover",),
     ("backup", "list", "--store", "file:store")],
    ids=" ".join,
)  # fmt: skip
def test_a_document_can_be_read(
    words: tuple[str, ...],
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    (tmp_path / "store").mkdir()
    (tmp_path / "x.scenario.yaml").write_text(
        "scenario: x\nnamespace: shop\nwhen:\n  - kill: {pods: app=x, count: 1}\n"
        "then:\n  - ready: all\n"
    )
    assert main([*words, "-o", form]) == 0
    out = capsys.readouterr().out
    read: Any = json.loads(out) if form == "json" else list(yaml.safe_load_all(out))
    assert read is not None
