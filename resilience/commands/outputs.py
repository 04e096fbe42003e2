"""`-o table|json|yaml`: one answer of a command, for people or for programs.

A command hands over both forms. Programs get exactly one document on stdout; warnings and errors
go to stderr in every form.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from typing import Any

from resilience.commands.saying import say

FORMS = ("table", "json", "yaml")

DOCUMENTS = {
    "completion": "prints a script",
    "init": "writes files",
    "ledger serve": "serves until it is stopped",
    "run": "prints what pytest prints",
    "runbook": "prints Markdown",
    "watch": "prints what pytest prints",
}
"""Commands without -o, each with its reason; a test holds every other command to it."""


def add_output(
    parser: argparse.ArgumentParser, forms: Iterable[str] = FORMS, default: str = "table"
) -> None:
    """The option itself."""
    parser.add_argument(
        "-o",
        "--output",
        choices=tuple(forms),
        default=default,
        help=f"output format (default {default})",
    )


def answer(form: str, data: Any, lines: Callable[[], str | Iterable[str]]) -> None:
    """Print one of the two."""
    say(lines() if form == "table" else rendered(data, form))


def rendered(data: Any, form: str) -> str:
    """`data` as a JSON or YAML document, without a line end."""
    if form == "json":
        return json.dumps(data, indent=1)
    import yaml

    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True)).rstrip("\n")


class Answers:
    """A list of answers: people see each at once, programs get one document at the end."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._held: list[Any] = []

    def add(self, data: Any, lines: str | Iterable[str]) -> None:
        """Add one answer, in both forms."""
        if self._form == "table":
            say(lines)
        else:
            self._held.append(data)

    def end(self) -> None:
        """All of them; a command that fails before prints none."""
        if self._form != "table":
            say(rendered(self._held, self._form))
