"""Shows how far backups, restores, verifications and copies are, on stderr.

On a terminal rich draws a bar for each task; elsewhere each task says every ten seconds how far it
is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

from resilience.commands.saying import warn
from resilience.model.progress import Done, Task, listening
from resilience.report.how_far import Tasks, line


def shown(stream: IO[str] | None = None) -> AbstractContextManager[None]:
    """Shows tasks inside the block."""
    where = sys.stderr if stream is None else stream
    return _bars(where) if where.isatty() else Tasks().told(warn)


@contextmanager
def _bars(stream: IO[str]) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}", markup=False),
    )
    console = Console(file=stream, highlight=False)
    with Progress(*columns, console=console, transient=True, refresh_per_second=8) as progress:

        @contextmanager
        def listener(task: Task) -> Iterator[Done]:
            from rich.markup import escape

            began, lock, state = time.monotonic(), threading.Lock(), [0]
            identity = progress.add_task(escape(task.what), total=task.total, told="")

            def done(count: int) -> None:
                with lock:
                    state[0] += count
                told = line(task, state[0], time.monotonic() - began)
                fields: dict[str, Any] = {"told": told.removeprefix(f"{task.what}: ")}
                progress.update(identity, completed=state[0], **fields)

            try:
                yield done
            finally:
                progress.remove_task(identity)

        with listening(listener):
            yield
