"""What users of kubectl, Velero, Helm and kind type works, or the right command is named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from resilience.cli import GROUPS, main, parser
from resilience.commands import habits
from resilience.commands.habits import expanded


def said(capsys: pytest.CaptureFixture[str], line: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(line))
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("get backups", "did you mean `resilience backup list`?"),
        ("get backups -A", "did you mean `resilience backup list -A`?"),
        ("get backup shop-a -o yaml", "did you mean `resilience backup show shop-a -o yaml`?"),
        ("describe snapshot shop-a", "did you mean `resilience backup show shop-a`?"),
        ("delete backup shop-a", "did you mean `resilience backup delete shop-a`?"),
        ("get ns", "did you mean `backup list`?"),
        ("get backups -o yaml", "did you mean `resilience backup list -o yaml`?"),
        ("backup get backups", "did you mean `list`?"),
        ("drain backup shop-a", "unknown command 'drain'; expected run, "),
        ("backup list server", "use `resilience backup show server`"),
        ("backup show a b", "unknown argument 'b'; see"),
        ("backup copy -1", "arguments are required: --to"),
        ("get clusters", "did you mean `resilience sandbox status`?"),
        ("create cluster", "did you mean `resilience sandbox up`?"),
        ("logs shop-a", "`resilience backup show NAME` says"),
        ("backup logs shop-a", "`resilience backup show NAME` says"),
        ("backup download shop-a", "use `resilience backup copy NAME --to"),
        ("schedule get", "`resilience backup due PLAN`"),
        ("get schedules", "`resilience backup due PLAN`"),
        ("create schedule daily", "`resilience backup due PLAN`"),
        ("apply -f s.yaml", "use `resilience run PATH`"),
        ("backup list shop-a", "use `resilience backup show shop-a`"),
        ("backup list help", "did you mean `--help`?"),
        ("backup show", "`resilience backup list` shows the names"),
        ("completion", "expected bash, zsh, fish or tcsh"),
        ("-V", "unknown option '-V'"),
        ("restore create r --from-backup shop-a", "use `resilience restore shop-a` with"),
        ("restore create --from-backup=shop-a", "use `resilience restore shop-a` with"),
        ("restore create", "use `resilience restore NAME` with"),
        ("restore describe r", "there is no `restore describe`"),
    ],
)
def test_a_command_of_another_tool_is_answered_with_the_one_here(
    line: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(capsys, line)


def test_a_known_answer_replaces_the_list_of_all_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "expected" not in said(capsys, "get")
    assert "expected run, " in said(capsys, "qqqq")


def test_a_snapshot_is_named_with_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    line = "create backup b1 --include-namespaces shop --wait"
    assert "`resilience backup create --name b1 --namespace shop --wait`" in said(capsys, line)
    assert "`resilience backup create --namespace shop`" in said(
        capsys, "create backup --include-namespaces shop"
    )
    assert "`resilience backup create my.plan.yaml`" in said(capsys, "create backup my.plan.yaml")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("backup create --include-namespaces a", "did you mean `--namespace`?"),
        ("backup create --include-resources a", "did you mean `--include`?"),
        ("backup create --storage-location a", "did you mean `--store`?"),
        ("backup create --ttl 1h", "under `keep:`"),
        ("backup create --dry-run", "`resilience doctor PLAN` checks a plan"),
        ("backup create -n a --wait", "it always waits"),
        ("backup create -f p.yaml", "files need no option: `resilience backup create p.yaml`"),
        ("backup create --filename=p.yaml", "need no option: `resilience backup create p.yaml`"),
        ("audit -f", "files need no option: `resilience audit FILE`"),
        ("backup diff a -f p.yaml", "unknown argument '-f'; see"),
        ("backup delete a -y", "did you mean `--confirm`?"),
        ("backup delete --all", "`resilience backup prune PLAN`"),
        ("backup list -l a=b", "snapshots have no labels"),
        ("backup list --sort-by=.a", "use `-o json` and a program such as jq"),
        ("backup list -o name", "expected table, wide, json or yaml; for single fields, use"),
        ("backup list -o jsonpath={.a}", "for single fields, use `-o json`"),
        ("backup list -o yam", "did you mean `yaml`?"),
        ("backup list --context a", "`resilience backup list` does not use a cluster"),
        ("--context sandbox backup list", "`resilience backup list` does not use a cluster"),
        ("--context sandbox doctor", "command: `resilience doctor --context sandbox`; see"),
        ("-x run s/", "command: `resilience run s/ -x`; see"),
        ("restore a --existing name", "expected fail, skip or update; see"),
        ("-v backup list", "unknown argument '-v'; see"),
        ("restore a --existing-resource-policy update", "did you mean `--existing`?"),
        ("restore a --namespace-mappings a:b", "did you mean `--into`?"),
        ("restore a --dry-run server", "`--dry-run` takes no value"),
        ("restore a --dry-run=client", "`--dry-run` asks the server"),
        ("recover -n shop", "`resilience recover RUN`"),
        ("doctor --existing-resource-policy update", "'--existing-resource-policy'; see"),
    ],
)
def test_an_option_of_another_tool_is_answered_with_the_one_here(
    line: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(capsys, line)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("help", "--help"),
        ("help backup", "backup --help"),
        ("help backup list", "backup list --help"),
        ("help sandbox up", "sandbox up --help"),
        ("backup help", "backup --help"),
        ("backup help list", "backup list --help"),
        ("-h backup list", "backup list --help"),
        ("backup --help list", "backup list --help"),
        ("backup list -h", "backup list -h"),
        ("version", "--version"),
        ("version -o json", "--version"),
        ("-h", "-h"),
        ("backup -h", "backup -h"),
        ("doctor help", "doctor help"),
        ("doctor help s/", "doctor help s/"),
        ("", ""),
    ],
)
def test_help_is_read_where_kubectl_reads_it(typed: str, read: str) -> None:
    assert expanded(shlex.split(typed), GROUPS) == shlex.split(read)


def test_help_as_a_word_prints_the_help_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backup", "help", "list"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: resilience backup list ")


@pytest.mark.parametrize(
    ("mode", "dry"), [("--dry-run", True), ("--dry-run=server", True), ("--dry-run=none", False)]
)
@pytest.mark.parametrize("command", ["restore a", "run", "backup delete a"])
def test_a_dry_run_takes_the_values_of_kubectl(command: str, mode: str, dry: bool) -> None:
    options, rest = parser().parse_known_args([*command.split(), mode])
    given = vars(options)
    assert (given.get("dry_run", given.get("resilience_dry_run")), rest) == (dry, [])


@pytest.mark.parametrize("option", ["-l", "--selector", "--labels"])
@pytest.mark.parametrize("command", ["restore a", "backup create"])
def test_labels_are_selected_as_with_kubectl(command: str, option: str) -> None:
    assert parser().parse_args([*command.split(), option, "a=b"]).labels == "a=b"


def test_all_namespaces_is_an_option_as_with_kubectl() -> None:
    assert parser().parse_args(["backup", "create", "-A"]).namespace == ["*"]
    assert parser().parse_args(["backup", "create", "-n", "a"]).namespace == ["a"]
    assert parser().parse_args(["backup", "list", "--all-namespaces"]).namespace == []


def commands_in(text: str) -> Iterator[str]:
    yield from re.findall(r"`resilience ([^`]+)`", text)


def test_every_command_in_an_answer_exists() -> None:
    answers = [*habits.SENTENCES.values(), *habits.OPTIONS.values(), *habits.BY_COMMAND.values()]
    named = [line for text in answers for line in commands_in(text)]
    assert named
    for line in [*named, *habits.CLUSTER.values()]:
        if not line.startswith("sandbox "):  # it has a parser of its own
            parser().parse_args(shlex.split(line))


def test_every_option_in_an_answer_exists() -> None:
    known = {
        flag
        for group in (parser(), parser()._commands()["backup"])
        for command in group._commands().values()  # type: ignore[attr-defined]
        for flag in command._flags()
    }
    replaced = {answer for answer in habits.OPTIONS.values() if answer.startswith("--")}
    assert replaced <= known
