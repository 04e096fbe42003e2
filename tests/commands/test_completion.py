"""The scripts complete what the parser takes, and their shells accept them."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from resilience.cli import parser
from resilience.commands.completion import script
from tests.commands.test_parsing import commands


def lines() -> list[list[str]]:
    """Each command of the fish script, as words: fish's single quotes are a shell's, but for the
    escaped quote."""
    text = script(parser(), "fish").replace("\\'", "")
    return [shlex.split(line) for line in text.splitlines() if not line.startswith("#")]


def test_fish_knows_every_command_and_every_option() -> None:
    found = lines()
    assert all(words[:3] == ["complete", "-c", "resilience"] for words in found)
    named = {words[words.index("-a") + 1] for words in found if "-a" in words}
    options = {words[at + 1] for words in found for at, word in enumerate(words) if word == "-l"}
    for command in commands(parser()):
        assert command.command.split()[-1] in named
        flags = (flag for each in command._actions for flag in each.option_strings)
        assert {flag[2:] for flag in flags if flag.startswith("--")} <= options


def test_fish_offers_the_values_of_an_option() -> None:
    existing = next(words for words in lines() if "existing" in words)
    assert existing[existing.index("-a") + 1] == "fail skip update"


def test_fish_does_not_take_backup_run_for_run() -> None:
    [library] = [words for words in lines() if "library" in words]
    condition = library[library.index("-n") + 1]
    assert condition.startswith("__fish_seen_subcommand_from run; and not ")
    assert "backup" in condition.split()


def test_a_quote_in_a_help_text_does_not_end_it() -> None:
    top = argparse.ArgumentParser()
    top.add_argument("--who", help="a Pod's \\ name")
    assert r"-d 'a Pod\'s \\ name'" in script(top, "fish")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_accepts_its_script(shell: str, tmp_path: Path) -> None:
    text = script(parser(), shell)
    assert "resilience" in text
    if shutil.which(shell):  # what is not installed is held by the tests above
        file = tmp_path / "completion"
        file.write_text(text)
        subprocess.run([shell, "-n", str(file)], check=True)
