"""Writes the report's files. A reader never sees a partial file: each is renamed into place.

A report contains names of Pods and nodes and addresses, so only the user may read its files (mode
0600; a new folder gets 0700). Metrics have the usual permissions, because another user's collector
reads them.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from resilience.model.report import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the report was written."""

    json: Path
    html: Path
    markdown: Path
    digest: Path


def write(
    records: Sequence[RunRecord], directory: Path, *, step_summary: Path | None = None
) -> Paths:
    """Write report.json, runs.json, report.html and summary.md; append to `step_summary` (the
    file of GITHUB_STEP_SUMMARY) if given. OSError when the directory cannot be written: then what
    it held before is still there, whole."""
    files = rendered(records, time.time())
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    placed = {name: directory / name for name in files}
    _all_or_none({placed[name]: text for name, text in files.items()}, 0o600)
    if step_summary is not None:
        with step_summary.open("a", encoding="utf-8") as file:
            file.write(files["summary.md"])
    return Paths(
        json=placed["report.json"],
        html=placed["report.html"],
        markdown=placed["summary.md"],
        digest=placed["runs.json"],
    )


def rendered(records: Sequence[RunRecord], now: float) -> dict[str, str]:
    """The text of each file by its name; `now` in epoch seconds."""
    from resilience.report.digest import digest
    from resilience.report.document import document
    from resilience.report.html import html
    from resilience.report.markdown import markdown

    made = document(records, now)
    return {
        "report.json": json.dumps(made, ensure_ascii=False) + "\n",
        "runs.json": digest(made),
        "report.html": html(made),
        "summary.md": markdown(made),
    }


def write_metrics(records: Sequence[RunRecord], path: Path) -> None:
    """Write the metrics of these runs, and keep those of other scenarios, even if their runs end at
    the same moment. Raises OSError when the file cannot be written."""
    from resilience.report.machine.metrics import metrics

    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        put(path, metrics(records, before), mode=0o666)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """A lock that keeps other runs from rewriting the file meanwhile; the kernel releases it if
    this process is killed."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def put(path: Path, text: str, *, mode: int = 0o600) -> Path:
    """Write a whole file, or none; `mode` before the umask."""
    _all_or_none({path: text}, mode)
    return path


def _all_or_none(files: Mapping[Path, str], mode: int) -> None:
    """Each file is written beside its place, and only then all are renamed: a disk that fills up
    leaves neither a mixture of two reports nor parts of files."""
    with ExitStack() as parts:
        for path, text in files.items():
            part = _beside(path)
            part.unlink(missing_ok=True)
            parts.callback(part.unlink, missing_ok=True)
            _fill(part, text, mode, path)
        for path in files:
            _beside(path).replace(path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _fill(part: Path, text: str, mode: int, path: Path) -> None:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:  # of a write: it does not know the file
        raise OSError(error.errno, error.strerror, str(path)) from error
