"""Command lines of the images' programs: parsing, output, exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resilience.sandbox.images import python as interpreter
from resilience.sandbox.images import toolbox
from resilience.sandbox.images.agnhost import agnhost_main, golang
from resilience.sandbox.images.files import file_times
from resilience.sandbox.images.sh import shell_start
from resilience.sandbox.images.text.command_line import Refused


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400), ("0", 0), ("-2s", -2)],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert golang.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "1 s", "s", "1x", "1s1"])
def test_what_go_refuses_as_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        golang.duration(text)


DEFAULTS = {"http-port": 8080, "name": "", "close": False}


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--http-port=1"], {"http-port": 1}),
        (["--http-port", "2"], {"http-port": 2}),
        (["--close"], {"close": True}),
        (["--close=false"], {}),
        (["--name", "--"], {"name": "--"}),
    ],
)
def test_flags_are_read_in_both_forms(arguments: list[str], changed: dict[str, object]) -> None:
    assert agnhost_main.parse(arguments, DEFAULTS)[0] == {**DEFAULTS, **changed}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nothere"], "unknown flag: --nothere"),
        (["--http-port"], "flag needs an argument: --http-port"),
        (["--http-port=x"], 'invalid argument "x" for "--http-port" flag'),
    ],
)
def test_agnhost_refuses_unknown_and_malformed_flags(arguments: list[str], text: str) -> None:
    with pytest.raises(agnhost_main.FlagError, match=text):
        agnhost_main.parse(arguments, DEFAULTS)


def test_an_unknown_subcommand_exits_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert agnhost_main.main(["/agnhost", "nothere"]) == 1
    assert "unknown command 'nothere'" in capsys.readouterr().err


def test_rest_arguments_follow_the_flags() -> None:
    assert agnhost_main.parse(["--close", "a:1", "--", "--x"], DEFAULTS)[1] == ["a:1", "--x"]


@pytest.mark.parametrize(
    ("argv", "parsed"),
    [
        (["-c", "pass", "a"], ("code", "pass", ["-c", "a"])),
        (["-Bc", "pass"], ("code", "pass", ["-c"])),
        (["-cpass"], ("code", "pass", ["-c"])),
        (["-W", "error", "x.py", "-c"], ("script", "x.py", ["x.py", "-c"])),
        (["-Xdev", "-m", "mod", "a"], ("module", "mod", ["-m", "a"])),
        (["-V"], ("version", "", [])),
        (["-"], ("stdin", "-", ["-"])),
        ([], ("stdin", "", [""])),
    ],
)
def test_the_command_line_of_python_is_parsed_as_by_python(
    argv: list[str], parsed: tuple[str, str, list[str]]
) -> None:
    assert interpreter._parse(argv) == parsed


@pytest.mark.parametrize("argv", [["-c"], ["-Z"]])
def test_a_wrong_python_command_line_exits_with_two(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert interpreter.main(["python", *argv]) == 2
    assert "usage: python" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "output", "code"),
    [
        ("echo a b", "a b\n", 0),
        ("echo 'a  b' \"$NAME\" '$NAME'", "a  b web $NAME\n", 0),
        ("echo ${NAME}x$?", "webx0\n", 0),
        ("true && echo yes || echo no", "yes\n", 0),
        ("false && echo yes || echo no", "no\n", 0),
        ("false; echo $?", "1\n", 0),
        ("echo a; exit 3; echo b", "a\n", 3),
        ('test -n "$NAME" && echo set', "set\n", 0),
        ("[ a = b ]", "", 1),
        ("", "", 0),
    ],
)
def test_a_line_of_shell_has_the_output_and_exit_code_of_posix(
    line: str, output: str, code: int, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("NAME", "web")
    try:
        found = shell_start.run_line(line, [])
    except SystemExit as leaving:
        found = int(leaving.code or 0)
    assert (capfd.readouterr().out, found) == (output, code)


def test_a_shell_line_can_be_redirected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with capfd.disabled():
        assert shell_start.run_line("echo one > x && echo two >> x", []) == 0
    assert (tmp_path / "x").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("echo x > none/x", "can't create none/x: nonexistent directory"),
        ("cat < none", "can't open none: no such file"),
        ("> .", "can't create .: Is a directory"),
    ],
)
def test_a_redirection_that_fails_says_what_busybox_says(
    line: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert toolbox.sh_(["/bin/sh", "-c", line]) == 1
    assert capfd.readouterr().err == f"/bin/sh: {text}\n"


def test_an_unknown_command_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell_start.run_line("nothere", []) == 127
    assert capsys.readouterr().err == "sh: nothere: not found\n"


def test_kill_knows_no_process_but_the_containers_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESILIENCE_MAIN", raising=False)
    assert toolbox.kill_(["kill", "-9", "999999"]) == 1
    assert toolbox.kill_(["kill", "1"]) == 1
    assert toolbox.kill_(["kill", "-NOTHERE", "1"]) == 1
    assert "No such process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}"),
        (["-u", "+%Y"], r"\d{4}"),
        (["-I"], r"\d{4}-\d\d-\d\d"),
        (["-Iseconds"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"),
        (["-R"], r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"),
    ],
)
def test_date_tells_the_time_now(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert file_times.date_(["date", *words]) == 0
    assert re.fullmatch(said, capsys.readouterr().out.strip())


@pytest.mark.parametrize("words", [["foo"], ["-d", "someday"], ["+%Y", "foo"]])
def test_date_refuses_a_time_that_it_cannot_read(words: list[str]) -> None:
    with pytest.raises(Refused, match="invalid date '"):
        file_times.date_(["date", *words])
