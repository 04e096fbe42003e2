"""The page of commands says what the parsers say, the sandbox's own program included."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.reference import commands_reference

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference"


def test_the_page_is_what_the_parsers_say() -> None:
    """Regenerate with: python -m resilience.reference.options_reference docs/reference"""
    assert (DOCS / commands_reference.NAME).read_text() == commands_reference.text()


def test_every_command_and_every_option_is_on_the_page() -> None:
    page = commands_reference.text()
    for title in ("run", "schema", "recover", "doctor", "backup create", "restore", "rbac", "init"):
        assert f"\n## resilience {title}\n" in page
    assert "| `--dry-run` | send every request as a dry run; change nothing |" in page
    assert "%(default)s" not in page


@pytest.mark.parametrize("command", ["up", "down", "status", "images", "fault"])
def test_what_is_written_of_the_sandbox_is_what_its_program_takes(command: str) -> None:
    arguments = [sys.executable, "-m", "resilience.sandbox", command, "--help"]
    said = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout
    [line] = re.findall(rf"^\| `{command}\b.*$", commands_reference.SANDBOX, re.MULTILINE)
    known = set(re.findall(r"--[a-z][a-z-]+", said)) - {"--help", "--owner-stdin", "--sandbox"}
    assert known == set(re.findall(r"--[a-z][a-z-]+", line)) - {"--detach`", "--help"}
    for word in re.findall(r"[a-z]+(?=\\\|)", line):
        assert word in said
