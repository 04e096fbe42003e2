"""What a backup command shows: a line each ten seconds in a log, bars on a terminal."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.copying import copy
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.commands import progress
from resilience.model.progress import Done, Task, listening, track
from resilience.report.how_far import Tasks, line
from tests.backup.fakes import FakeClock, FakeCluster, shop


@pytest.mark.parametrize(
    ("task", "done", "seconds", "text"),
    [
        (Task("copy x", 5_000_000_000, "byte"), 1_200_000_000, 10.0,
         "copy x: 1.2 GB of 5 GB, 120 MB/s, 32s left"),
        (Task("read objects", None, "object"), 2000, 10.0,
         "read objects: 2,000 objects, 200/s, for 10s"),
        (Task("save volumes", 3, "volume"), 0, 20.0, "save volumes: 0 of 3 volumes, for 20s"),
        (Task("save", 1, "volume"), 1, 20.0, "save: 1 of 1 volume, 0.05/s, for 20s"),
        (Task("drill: ready", None, ""), 0, 400.0, "drill: ready, for 6m 40s"),
        (Task("copy", 10, "byte"), 20, 1.0, "copy: 20 B of 10 B, 20 B/s, for 1s"),
    ],
)  # fmt: skip
def test_a_progress_line_shows_amount_rate_and_time_left(
    task: Task, done: int, seconds: float, text: str
) -> None:
    assert line(task, done, seconds) == text


def test_a_task_that_waits_tells_no_time_left() -> None:
    """Objects of a restore wait while volumes are filled, and a stream may stall."""
    now = [0.0]
    tasks = Tasks(lambda: now[0])
    with tasks(Task("restore objects", 100, "object")) as done:
        now[0] = 5.0
        done(50)
        now[0] = 14.9
        assert tasks.lines() == ["restore objects: 50 of 100 objects, 3.36/s, 15s left"]
        now[0] = 45.0
        assert tasks.lines() == ["restore objects: 50 of 100 objects, nothing new for 40s"]
        done(1)
        assert "left" in tasks.lines()[0]


def test_a_log_gets_a_line_for_each_period_also_when_nothing_moves() -> None:
    said: list[str] = []
    twice = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            twice.set()

    with Tasks().told(say, every=0.02), track("save volumes", total=2, unit="volume") as done:
        done(1)
        assert twice.wait(60)
    before = len(said)
    assert before >= 2
    assert all(text.startswith("save volumes: 1 of 2 volumes, ") for text in said)


def test_what_is_short_says_nothing() -> None:
    said: list[str] = []
    with Tasks().told(said.append), track("verify x", total=1) as done:
        done(1)
    assert said == []


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_that_go_away() -> None:
    terminal = Terminal()
    with progress.shown(terminal), track("copy [red]x", total=10, unit="byte") as done:
        done(5)
        done(5)
    drawn = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "copy [red]x" in drawn or drawn == ""


class Counts:
    """How much of each task was told, by what it is."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.told: dict[str, int] = {}

    @contextmanager
    def __call__(self, task: Task) -> Iterator[Done]:
        self.tasks[task.what], self.told[task.what] = task, 0

        def done(count: int) -> None:
            self.told[task.what] += count

        yield done


def test_each_work_tells_all_that_it_does() -> None:
    """At its end each has told exactly as much as it said there would be."""
    store, other, heard, clock = MemoryStore(), MemoryStore(), Counts(), FakeClock()
    with listening(heard):
        request = Request(name="one", scope=Scope(namespaces=("shop",)))
        made = create(request, shop(), store, clock=clock)
        verify(opened(store, "one"))
        copy(store, other, "one", clock=clock)
        target = FakeCluster()
        targets = Targets(namespaces={"shop": "copy"})
        restore(RestoreRequest(name="back", targets=targets), opened(other, "one"), target,
                clock=clock)  # fmt: skip
    assert heard.told["read objects"] == made.objects
    for what in ("verify one", "copy one"):
        assert heard.told[what] == heard.tasks[what].total, what
    for what in ("ask about objects", "restore objects"):
        total = heard.tasks[what].total
        assert total == made.objects
        assert 0 < heard.told[what] <= made.objects
