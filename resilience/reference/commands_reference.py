"""The reference of the `resilience` command, made from its parsers; `make docs` writes it.

Uses the parsers and not their help texts, whose form differs between versions of Python. The
sandbox's command is a separate program, so its part is written here, and a test compares it with
that program's output.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

NAME = "commands.md"

HEAD = """\
# Commands

<!-- Made by `make docs` from the code. -->

Scenarios and plans are pytest tests; the command `resilience` does everything else. Its exit codes
are in [Options and exit codes](options.md).
"""

SANDBOX = """
## resilience sandbox

Start, stop and inspect the embedded cluster.

| command | what it does |
|---|---|
| `up [--nodes N] [--kubeconfig FILE] [--detach] [--ttl 1h] [--time-scale X] \
[--clock-ahead 1h] \
[--images FILE] [--json]` \
| starts a sandbox; with `--detach` in the background, where it ends by itself |
| `down [ID] [--kubeconfig FILE] [--all]` | ends a sandbox that runs in the background |
| `status [--output table\\|json\\|yaml] [--json]` | lists the running sandboxes |
| `images [REFERENCE...] [--images FILE] [--output table\\|json\\|yaml]` \
| lists the known images, or the unknown ones among references |
| `fault crash\\|freeze\\|thaw\\|node\\|apiserver` | injects a fault; see `--help` |
"""

_SKIPPED = frozenset({"sandbox"})


def text() -> str:
    """The whole page."""
    from resilience.cli import parser

    return HEAD + "".join(_commands(parser(), "resilience")) + SANDBOX


def _commands(parser: argparse.ArgumentParser, prefix: str) -> Iterator[str]:
    for group in _groups(parser):
        summaries = {each.dest: each.help or "" for each in group._choices_actions}
        for name, inner in group.choices.items():
            title = f"{prefix} {name}"
            if name in _SKIPPED:
                continue
            if _groups(inner):
                yield from _commands(inner, title)
            else:
                yield _command(title, summaries.get(name, ""), inner)


if TYPE_CHECKING:
    _Group = argparse._SubParsersAction[argparse.ArgumentParser]


def _groups(parser: argparse.ArgumentParser) -> list[_Group]:
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]


def _command(title: str, summary: str, parser: argparse.ArgumentParser) -> str:
    rows = [_row(each) for each in parser._actions if each.dest != "help"]
    table = "\n| | |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"\n## {title}\n\n{summary[:1].upper()}{summary[1:]}.\n{table}"


def _row(action: argparse.Action) -> str:
    said = (action.help or "").replace("%(default)s", str(action.default))
    cells = (f"`{_written(action)}`", said)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _written(action: argparse.Action) -> str:
    """Its syntax: `--into NS`, `[PATH ...]`."""
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices:
        value = "|".join(str(each) for each in action.choices)
    if action.option_strings:
        takes = action.nargs != 0
        return max(action.option_strings, key=len) + (
            f" {value or action.dest.upper()}" if takes else ""
        )
    name = value or action.dest.upper()
    return {"*": f"[{name} ...]", "+": f"{name} [{name} ...]", "?": f"[{name}]"}.get(
        str(action.nargs), name
    )
