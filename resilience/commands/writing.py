"""Write the files that a command makes for its user. Commands write files only through this
module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from resilience.commands import CommandError
from resilience.commands.saying import say


def write_files(files: Mapping[Path, str]) -> None:
    """Write each text to its path, in order, with the folders it needs, and say so.

    Raises CommandError for the first file that cannot be written.
    """
    for path, text in files.items():
        write_file(path, text)
        say(f"wrote {path}")


def write_file(path: Path, text: str) -> None:
    """The same for one file, without printing anything."""
    with _named():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def folders(paths: Iterable[Path]) -> Iterator[None]:
    """The folders of these files exist inside of the block; those that are new and still empty
    after it are removed."""
    wanted = sorted({each for path in paths for each in path.parents if each != Path(".")})
    made: list[Path] = []
    try:
        with _named():
            for each in wanted:  # outer folders come first
                if not each.exists():
                    each.mkdir()
                    made.append(each)
        yield
    finally:
        for each in reversed(made):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}") from error
