"""The sandbox's command answers mistakes with the nearest word; every help has examples."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from resilience.sandbox.owner.command import main, parser
from resilience.sandbox.owner.parsing import EXAMPLES, Parser


def commands(found: Parser) -> Iterator[Parser]:
    groups = [each for each in found._actions if isinstance(each, argparse._SubParsersAction)]
    for group in groups:
        for inner in group.choices.values():
            yield from commands(inner)
    if not groups:
        yield found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("stauts",), "did you mean `status`?; see `resilience sandbox --help`"),
        (("start",), "did you mean `up`?; see"),
        (("delete",), "did you mean `down`?; see"),
        (("ps",), "did you mean `status`?; see"),
        (("up", "--node", "3"), "did you mean `--nodes`?; see `resilience sandbox up --help`"),
        (("fault", "nod", "a", "dead"), "did you mean `node`?; see `resilience sandbox fault"),
        (("fault", "node", "a", "ded"), "did you mean `dead`?; see `resilience sandbox fault"),
        (("status", "-o", "jsn"), "did you mean `json`?; see `resilience sandbox status"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert expected in line
    assert line.count("\n") == 1


def test_every_command_has_examples_that_its_own_parser_takes() -> None:
    found = {command.command: command for command in commands(parser())}
    assert set(EXAMPLES) == set(found)
    for name, command in found.items():
        for example in EXAMPLES[name]:
            command.parse_args(shlex.split(example))
            assert f"resilience sandbox {name} {example}".rstrip() in command.format_help()


@pytest.mark.parametrize("words", [("images",), ("images", "nginx", "x/y:1"), ("status",)])
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_is_listed_can_be_read_by_a_program(
    words: tuple[str, ...], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*words, "-o", form])
    out = capsys.readouterr().out
    read: Any = json.loads(out) if form == "json" else yaml.safe_load(out)
    assert isinstance(read, (dict, list))


def test_unknown_images_are_listed_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", "nginx", "x/y:1", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == ["x/y:1"]
