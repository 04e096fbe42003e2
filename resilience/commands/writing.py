"""Write the files that a command makes for its user, and say so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resilience.commands import CommandError
from resilience.commands.saying import say


def write_files(files: Mapping[Path, str]) -> None:
    """Write each text to its path, in order, with the folders it needs.

    Raises CommandError for the first file that cannot be written.
    """
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            say(f"wrote {path}")
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}") from error
