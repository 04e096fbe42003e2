"""Words that can mean nothing are refused before anything happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience import cli
from resilience.commands.typed_words import unusable


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["restore", "latest", "-l", ""], "-l is empty"),
        (["restore", "latest", "--store="], "--store is empty"),
        (["restore", ""], "an argument is empty"),
        (["sandbox", "down", "--kubeconfig", ""], "--kubeconfig is empty"),
        (["run", "scenarios", "-k", ""], ""),
        (["run", "scenarios\udcff"], "'scenarios\\udcff' is not UTF-8"),
        (["rbac", "a.yaml", "--user", "\udcff"], "'\\udcff' is not UTF-8"),
        (["rbac", "ä.yaml", "--set-image-registry", "a="], ""),
    ],
)
def test_what_means_nothing_is_refused(words: list[str], says: str) -> None:
    found = unusable(words)
    assert says in found
    assert bool(found) is bool(says)


def test_an_unset_variable_never_widens_what_a_command_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["restore", "latest", "--store", "file:x", "-l", ""]) == 2
    assert "a variable of the shell" in capsys.readouterr().err
    assert cli.main(["run", "--context", ""]) == 1
    assert "--resilience-context is empty" in capsys.readouterr().err


def test_a_path_that_cannot_be_opened_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["rbac", "x" * 5000]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: xxx")
    assert line.endswith("File name too long")
    assert len(line) < 150
