"""The actions of the `resilience` command, one module per subcommand. They parse nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from resilience.config.root import project_root
from resilience.config.settings import Settings, nothing, resolve


class CommandError(Exception):
    """The command could not do its work; the text says what, why and what to do."""


def settings(options: argparse.Namespace) -> Settings:
    """Settings of a command: its options and the environment. Ini files are pytest's."""
    return resolve(
        root=project_root(Path.cwd()),
        cli=lambda option: getattr(options, option.key, None),
        ini=nothing,
    )
