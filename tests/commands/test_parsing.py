"""Mistakes on the command line are answered with the nearest word; every help has examples."""

from __future__ import annotations

import argparse
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from resilience.cli import main, parser
from resilience.commands import run
from resilience.commands.parsing import EXAMPLES, Parser


def commands(found: Parser) -> Iterator[Parser]:
    groups = [each for each in found._actions if isinstance(each, argparse._SubParsersAction)]
    for group in groups:
        for inner in group.choices.values():
            yield from commands(inner)
    if not groups and found.command != "sandbox":
        yield found


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("backups",), "did you mean `backup`?"),
        (("doctr",), "did you mean `doctor`?"),
        (("backup", "lst"), "did you mean `list`?"),
        (
            ("backup", "list", "--stor", "file:x"),
            "'--stor'; did you mean `--store`?",
        ),
        (("doctor", "--contxt", "a"), "unknown argument '--contxt'; did you mean `--context`?"),
        (("restore", "a", "--store", "file:x", "--existing", "updat"), "did you mean `update`?"),
        (("schema", "plans"), "expected scenario or plan; did you mean `plan`?"),
        (
            ("restore", "a", "--existing", "skip", "--volumes=skip", "--existing=update"),
            "--existing takes one value, and is given twice: skip and update",
        ),
        (("doctor", "--context", "a", "--context", "b"), "given twice: a and b"),
        (("restore", "a", "--existing", "updat"), "unknown value of --existing 'updat'; expected"),
        (("lq",), "unknown command 'lq'; expected run, "),
        (("ls",), "did you mean `backup list`?"),
        (("describe",), "did you mean `backup show`?"),
        (("delete",), "did you mean `backup delete`?"),
        (("verfy",), "did you mean `backup verify`?"),
        (("serve",), "did you mean `ledger serve`?"),
        (("backup", "ls"), "did you mean `list`?"),
        (("backup", "get"), "did you mean `list`?"),
        (("test",), "did you mean `run`?"),
        (("--context", "x", "doctor"), "command: `resilience doctor --context x`; see"),
        (("-n", "a b", "doctor", "s/"), "command: `resilience doctor s/ -n 'a b'`; see"),
        (("backup", "--store", "x", "list"), "command: `resilience backup list --store x`; see"),
        (("backup", "list", "-n", "a,b"), "'a,b' is no name or glob of a namespace; give each"),
        (("backup", "create", "-n", "Shop"), "'Shop' is no name or glob of a namespace"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = said(capsys, *arguments)
    assert expected in line
    assert line.count("\n") == 1


def test_a_mistake_points_to_the_help_of_the_command_that_was_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "see `resilience backup show --help`" in said(capsys, "backup", "show")


def test_an_abbreviated_option_is_not_taken_for_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'--cont'" in said(capsys, "doctor", "--cont", "a")


def test_every_command_has_examples_that_its_own_parser_takes() -> None:
    for command in commands(parser()):
        examples = EXAMPLES[command.command]
        assert examples, command.command
        for example in examples:
            words = shlex.split(example.partition(" | ")[0].partition(" > ")[0])
            _, rest = command.parse_known_args(words)
            assert command.command == "run" or rest == [], example
            assert example in command.format_help()


def test_no_example_is_of_a_command_that_is_gone() -> None:
    assert set(EXAMPLES) == {command.command for command in commands(parser())}


def test_the_completion_script_is_one_that_bash_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "resilience" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (["--conext", "staging"], "unknown option '--conext'; did you mean `--context`?"),
        (["-x", "--dryrun=1"], "unknown option '--dryrun'; did you mean `--dry-run`?"),
        (["--lf", "-k", "web"], ""),
        (["--store", "x"], ""),
    ],
)
def test_a_misspelt_option_of_run_is_answered_after_pytest_refused_it(
    rest: list[str], expected: str
) -> None:
    assert run.misspelt(rest) == expected


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        (["-n", "shop"], "shop"),
        (["-nshop"], "shop"),
        (["-x", "-n", "shop-2"], "shop-2"),
        (["-n", "4"], ""),
        (["-n4"], ""),
        (["-n", "auto"], ""),
        (["-n"], ""),
        (["--namespace", "shop"], ""),
    ],
)
def test_a_namespace_given_as_for_kubectl_is_told_from_a_number_of_workers(
    rest: list[str], name: str
) -> None:
    told = run.of_kubectl(rest)
    assert told.endswith(f"use `--namespace={name}`") if name else told == ""


@pytest.mark.parametrize("command", sorted({each.command for each in commands(parser())}))
def test_only_a_command_that_runs_on_a_fleet_offers_several_contexts(command: str) -> None:
    found = next(each for each in commands(parser()) if each.command == command)
    named = [each for each in found._actions if "--context" in each.option_strings]
    fleet = any("--fleet" in each.option_strings for each in found._actions)
    assert ["several" in str(each.help) for each in named] == [fleet] * len(named)


def test_an_option_with_one_value_may_be_given_twice_with_the_same_value() -> None:
    for _ in range(2):
        typed = parser().parse_args(["restore", "a", "--existing", "skip", "--existing", "skip"])
        assert typed.existing == "skip"
    assert parser().parse_args(["restore", "a", "--existing", "update"]).existing == "update"
